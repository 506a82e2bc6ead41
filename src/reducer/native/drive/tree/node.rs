//! One node as the tree holds it.

use smallvec::SmallVec;

use super::index::slot;
use crate::model::json::{Json, Object, Text, write_canonical, write_text};
use crate::reducer::native::drive::names::CopyName;
use crate::reducer::native::drive::nodes::{NodeKind, borrowed};

/// What a well-formed node is made of.
pub(super) struct Parts<'a> {
    pub(super) id: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) kind: NodeKind,
    pub(super) parent: Option<Text<'a>>,
    pub(super) document_type: Option<Text<'a>>,
    /// All other members.
    pub(super) more: Object<'static>,
    /// No part of the document: tells the order in which nodes came.
    pub(super) serial: u64,
}

/// How many bytes of texts a node has room for, before they need an allocation of their own: two UUIDs, a usual name
/// and document type.
const USUAL_TEXTS: usize = 128;

/// A well-formed node, with what the indices order it by. All its texts are in one piece, and usually in the node
/// itself: a node takes one allocation, and a look at it few cache lines.
pub(in crate::reducer::native::drive) struct StoredNode {
    pub(super) slot: u64,
    pub(super) serial: u64,
    /// Id, name, parent, document type.
    texts: SmallVec<[u8; USUAL_TEXTS]>,
    /// Where name, parent and document type start.
    starts: [usize; 3],
    pub(super) kind: NodeKind,
    has_parent: bool,
    has_document_type: bool,
    more: Option<Box<Object<'static>>>,
}

/// The members that are not among `more`, in the order of the canonical text.
const FIELDS: [&str; 5] = ["documentType", "id", "kind", "name", "parentFolder"];

impl StoredNode {
    /// Packs a node.
    pub(super) fn new(parts: Parts<'_>) -> Self {
        let bytes = |text: &'_ Option<Text<'_>>| text.as_ref().map_or(0, |text| text.as_bytes().len());
        let Parts { id, name, kind, parent, document_type, more, serial } = parts;
        let name_at = id.as_bytes().len();
        let parent_at = name_at + name.as_bytes().len();
        let type_at = parent_at + bytes(&parent);
        let mut texts = SmallVec::with_capacity(type_at + bytes(&document_type));
        for text in [Some(&id), Some(&name), parent.as_ref(), document_type.as_ref()].into_iter().flatten() {
            texts.extend_from_slice(text.as_bytes());
        }
        StoredNode {
            slot: slot(parent.as_ref(), kind, CopyName::read(name.as_bytes())),
            serial,
            texts,
            starts: [name_at, parent_at, type_at],
            kind,
            has_parent: parent.is_some(),
            has_document_type: document_type.is_some(),
            more: if more.is_empty() { None } else { Some(Box::new(more)) },
        }
    }

    /// Reads a node; `None` if it is not of the usual form.
    pub(super) fn read(node: &Json<'static>, serial: u64) -> Option<Self> {
        let text = |key| node.get(key).and_then(Json::as_text).map(borrowed);
        let kind = match text("kind")?.as_bytes() {
            b"file" => NodeKind::File,
            b"folder" => NodeKind::Folder,
            _ => return None,
        };
        let parent = match node.get("parentFolder")? {
            Json::Null => None,
            Json::String(parent) => Some(borrowed(parent)),
            _ => return None,
        };
        let document_type = text("documentType");
        let more = other_members(node.as_object()?);
        let (id, name) = (text("id")?, text("name")?);
        Some(StoredNode::new(Parts { id, name, kind, parent, document_type, more, serial }))
    }

    /// What it takes beyond its own size, in bytes of memory.
    pub(super) fn beyond(&self) -> usize {
        let texts = if self.texts.spilled() { self.texts.len() } else { 0 };
        let more = self
            .more
            .as_ref()
            .map_or(0, |more| more.iter().map(|(key, value)| key.as_bytes().len() + 64 + value.heap_bytes()).sum());
        texts + more
    }

    pub(super) fn id(&self) -> Text<'_> {
        Text::Borrowed(&self.texts[..self.start(0)])
    }

    pub(super) fn name(&self) -> Text<'_> {
        Text::Borrowed(&self.texts[self.start(0)..self.start(1)])
    }

    pub(super) fn parent(&self) -> Option<Text<'_>> {
        self.has_parent.then(|| Text::Borrowed(&self.texts[self.start(1)..self.start(2)]))
    }

    fn document_type(&self) -> Option<Text<'_>> {
        self.has_document_type.then(|| Text::Borrowed(&self.texts[self.start(2)..]))
    }

    /// What the node is made of, to make another of.
    pub(super) fn parts(&self) -> Parts<'_> {
        Parts {
            id: self.id(),
            name: self.name(),
            kind: self.kind,
            parent: self.parent(),
            document_type: self.document_type(),
            more: self.more.as_deref().cloned().unwrap_or_default(),
            serial: self.serial,
        }
    }

    /// The node as JSON.
    pub(super) fn to_json(&self) -> Json<'static> {
        let mut node = self.more.as_deref().cloned().unwrap_or_default();
        for key in FIELDS {
            if let Some(value) = self.field(key) {
                node.insert(key.into(), value.into_owned());
            }
        }
        node.into()
    }

    /// Appends the canonical text of the node.
    pub(super) fn write_canonical(&self, out: &mut Vec<u8>) {
        let mut more = self.more.as_deref().into_iter().flat_map(Object::iter).peekable();
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

    fn start(&self, text: usize) -> usize {
        self.starts[text]
    }

    fn field(&self, key: &str) -> Option<Json<'_>> {
        match key {
            "documentType" => self.document_type().map(Json::String),
            "id" => Some(self.id().into()),
            "kind" => Some(self.kind.as_str().into()),
            "name" => Some(self.name().into()),
            "parentFolder" => Some(self.parent().into()),
            _ => None,
        }
    }
}

/// A copy of the members that are no fields. A document type that is no string is one of them.
pub(super) fn other_members(object: &Object<'_>) -> Object<'static> {
    let is_field = |key: &Text<'_>, value: &Json<'_>| match key.as_bytes() {
        b"documentType" => value.as_text().is_some(),
        key => FIELDS.iter().any(|field| *key == *field.as_bytes()),
    };
    let more = object.iter().filter(|(key, value)| !is_field(key, value));
    more.map(|(key, value)| (key.to_owned_text(), value.to_owned_json())).collect()
}
