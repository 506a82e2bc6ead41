//! The document header.

use std::sync::Arc;

use crate::model::ids::{NextIndex, Scope};
use crate::model::json::{Json, Object, Text};
use crate::object;
use crate::reducer::auth::Owner;

/// The header of a running document (reactor format §1.4).
///
/// Most of it comes from the `CREATE_DOCUMENT` input, which nobody validates, so members are kept as the JSON
/// they are. They are shared by clones until one changes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    members: Arc<Object<'static>>,
    revision: Vec<(Scope, NextIndex)>,
    last_modified: Text<'static>,
}

impl Header {
    /// The header that `CREATE_DOCUMENT` makes (reactor format §5.1). `created` stands in where the input carries
    /// no signing; the reference uses the wall clock there.
    #[must_use]
    pub fn create(input: &Json<'_>, created: &Text<'_>) -> Self {
        let given = |value: Option<&Json<'_>>| value.map(Json::to_owned_json);
        let id = given(input.get("documentId"));
        let signing = input.get("signing").filter(|signing| !signing.is_falsy());
        let slug = given(input.get("slug")).filter(|slug| !slug.is_falsy());
        let empty = || Json::Object(Object::new());
        let signed = |name| given(signing.and_then(|signing| signing.get(name)));
        let created_at = match signing {
            Some(signing) => given(signing.get("createdAtUtcIso")),
            None => Some(Json::String(created.to_owned_text())),
        };
        let mut members = object! {
            "sig" => object! {
                "publicKey" => signed("publicKey").unwrap_or_else(empty),
                "nonce" => signed("nonce").unwrap_or_else(|| "".into()),
            },
            "documentType" => given(input.get("model")),
            "slug" => slug.or_else(|| id.clone()).unwrap_or_default(),
            "name" => given(input.get("name")).filter(|name| !name.is_falsy()).unwrap_or_else(|| "".into()),
            "branch" => given(input.get("branch")).filter(|branch| !branch.is_falsy()).unwrap_or_else(|| "main".into()),
            "meta" => given(input.get("meta")).filter(|meta| !meta.is_falsy()).unwrap_or_else(empty),
        };
        let optional = [
            ("id", id),
            ("createdAtUtcIso", created_at.clone()),
            ("protocolVersions", given(input.get("protocolVersions")).filter(|v| !v.is_falsy())),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.into(), value);
            }
        }
        let last_modified = created_at.as_ref().and_then(Json::as_text).map_or_else(|| "".into(), Text::to_owned_text);
        Header { members: Arc::new(members), revision: Vec::new(), last_modified }
    }

    /// The header with these members, `revision` and `lastModifiedAtUtcIso` not among them.
    #[must_use]
    pub fn unstamped(members: Arc<Object<'static>>) -> Self {
        Header { members, revision: Vec::new(), last_modified: "".into() }
    }

    /// The header that a file has. What it says under `revision` is left to whoever has the file.
    #[must_use]
    pub fn stored(header: &Object<'static>) -> Self {
        let mut members = header.clone();
        members.remove("revision");
        let last_modified = members.remove("lastModifiedAtUtcIso");
        let last_modified =
            last_modified.as_ref().and_then(Json::as_text).map_or_else(|| "".into(), Text::to_owned_text);
        Header { members: Arc::new(members), revision: Vec::new(), last_modified }
    }

    /// The members, `revision` and `lastModifiedAtUtcIso` excepted.
    #[must_use]
    pub fn members(&self) -> &Arc<Object<'static>> {
        &self.members
    }

    /// One member, `revision` and `lastModifiedAtUtcIso` excepted.
    #[must_use]
    pub fn get(&self, member: &str) -> Option<&Json<'static>> {
        self.members.get(member)
    }

    /// The document id, for messages.
    #[must_use]
    pub fn id(&self) -> String {
        self.members.get("id").and_then(Json::as_text).map_or_else(String::new, ToString::to_string)
    }

    /// The creator's public key, a JWK.
    #[must_use]
    pub fn public_key(&self) -> Option<&Json<'static>> {
        self.members.get("sig")?.get("publicKey")
    }

    /// Lets `look` work with what the auth rules need to know of the document.
    pub(super) fn with_owner<T>(&self, look: impl FnOnce(&Owner<'_>) -> T) -> T {
        let id = self.id();
        let document_type = self.members.get("documentType").and_then(Json::as_text).map(ToString::to_string);
        look(&Owner {
            document_id: &id,
            document_type: document_type.as_deref().unwrap_or_default(),
            public_key: self.public_key(),
        })
    }

    /// The base protocol version, if it is a number.
    #[must_use]
    pub fn base_reducer(&self) -> Option<f64> {
        self.members.get("protocolVersions")?.get("base-reducer")?.as_number()
    }

    /// Replaces the name.
    pub fn set_name(&mut self, name: Json<'static>) {
        Arc::make_mut(&mut self.members).insert("name".into(), name);
    }

    /// Sets `meta.preferredEditor`, or removes it.
    pub fn set_preferred_editor(&mut self, editor: Option<Json<'static>>) {
        let members = Arc::make_mut(&mut self.members);
        let mut meta = match members.remove("meta") {
            Some(Json::Object(meta)) => meta,
            _ => Object::new(),
        };
        match editor {
            Some(editor) => meta.insert("preferredEditor".into(), editor),
            None => meta.remove("preferredEditor"),
        };
        members.insert("meta".into(), Json::Object(meta));
    }

    /// Replaces `meta`.
    pub fn set_meta(&mut self, meta: Json<'static>) {
        Arc::make_mut(&mut self.members).insert("meta".into(), meta);
    }

    /// The next index of each scope that has one.
    #[must_use]
    pub fn revision(&self) -> &[(Scope, NextIndex)] {
        &self.revision
    }

    /// Sets the next index of one scope.
    pub fn set_revision(&mut self, scope: &Scope, next: NextIndex) {
        match self.revision.iter_mut().find(|(name, _)| name == scope) {
            Some((_, revision)) => *revision = next,
            None => self.revision.push((scope.clone(), next)),
        }
    }

    /// Replaces the next indices of all scopes.
    pub fn set_revisions(&mut self, revision: Vec<(Scope, NextIndex)>) {
        self.revision = revision;
    }

    /// Replaces the time of the last change.
    pub fn set_last_modified(&mut self, time: Text<'static>) {
        self.last_modified = time;
    }

    /// Moves the time of the last change to `time`, if that is later as a text.
    pub fn touch(&mut self, time: &Text<'_>) {
        if self.last_modified < *time {
            self.last_modified = time.to_owned_text();
        }
    }

    /// The header as JSON.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "indices are stored as JSON numbers")]
    pub fn to_object(&self) -> Object<'static> {
        let mut object = Object::clone(&self.members);
        let revision = self
            .revision
            .iter()
            .map(|(scope, next)| (Text::from(scope.as_str()).into_owned(), Json::Number(next.get() as f64)));
        object.insert("revision".into(), Json::Object(revision.collect()));
        object.insert("lastModifiedAtUtcIso".into(), Json::String(self.last_modified.clone()));
        object
    }
}
