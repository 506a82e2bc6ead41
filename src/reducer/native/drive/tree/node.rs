//! One node as the tree holds it.

use crate::model::json::{Json, Object, Text, write_canonical, write_text};
use crate::reducer::native::drive::rules::NodeKind;

/// A well-formed node; its serial number is no part of the document.
#[derive(Clone)]
pub(in crate::reducer::native::drive) struct StoredNode {
    pub(super) id: Text<'static>,
    pub(super) name: Text<'static>,
    pub(super) kind: NodeKind,
    pub(super) parent: Option<Text<'static>>,
    pub(super) document_type: Option<Text<'static>>,
    /// All other members.
    pub(super) more: Object<'static>,
    pub(super) serial: u64,
}

/// The members that have a field of their own, in the order of the canonical text.
const FIELDS: [&str; 5] = ["documentType", "id", "kind", "name", "parentFolder"];

impl StoredNode {
    /// Reads a node; `None` if it is not of the usual form.
    pub(super) fn read(node: &Json<'static>, serial: u64) -> Option<Self> {
        let text = |key| node.get(key).and_then(Json::as_text).cloned();
        let kind = match node.get("kind")?.as_text()?.as_bytes() {
            b"file" => NodeKind::File,
            b"folder" => NodeKind::Folder,
            _ => return None,
        };
        let parent = match node.get("parentFolder")? {
            Json::Null => None,
            Json::String(parent) => Some(parent.clone()),
            _ => return None,
        };
        let document_type = text("documentType");
        let (id, name) = (text("id")?, text("name")?);
        let mut more = without_fields(node.as_object()?);
        if let (None, Some(odd)) = (&document_type, node.get("documentType")) {
            more.insert("documentType".into(), odd.clone());
        }
        Some(StoredNode { id, name, kind, parent, document_type, more, serial })
    }

    /// The node as JSON.
    pub(super) fn to_json(&self) -> Json<'static> {
        let mut node = self.more.clone();
        for key in FIELDS {
            if let Some(value) = self.field(key) {
                node.insert(key.into(), value.into_owned());
            }
        }
        node.into()
    }

    /// Appends the canonical text of the node.
    pub(super) fn write_canonical(&self, out: &mut Vec<u8>) {
        let mut more = self.more.iter().peekable();
        let mut separator = b'{';
        let mut write = |key: &Text<'_>, value: &Json<'_>| {
            out.push(std::mem::replace(&mut separator, b','));
            write_text(key, out);
            out.push(b':');
            write_canonical(value, out);
        };
        for key in FIELDS {
            let key_text = Text::from(key);
            while let Some((key, value)) = more.next_if(|(other, _)| **other < key_text) {
                write(key, value);
            }
            if let Some(value) = self.field(key) {
                write(&key_text, &value);
            }
        }
        more.for_each(|(key, value)| write(key, value));
        out.push(b'}');
    }

    fn field(&self, key: &str) -> Option<Json<'_>> {
        let text = |text: &'_ Text<'static>| Json::String(text.clone());
        match key {
            "documentType" => self.document_type.as_ref().map(text),
            "id" => Some(text(&self.id)),
            "kind" => Some(self.kind.as_str().into()),
            "name" => Some(text(&self.name)),
            "parentFolder" => Some(self.parent.as_ref().map_or(Json::Null, text)),
            _ => None,
        }
    }
}

/// A copy of `object` without the members that have a field of their own.
pub(super) fn without_fields(object: &Object<'_>) -> Object<'static> {
    let more = object.iter().filter(|(key, _)| !FIELDS.iter().any(|field| **key == **field));
    more.map(|(key, value)| (key.to_owned_text(), value.to_owned_json())).collect()
}
