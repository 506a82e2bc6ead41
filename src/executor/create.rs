//! Documents that are made by appending to them.

use super::{Expected, Request};
use crate::model::ids::{Branch, DocumentId, DocumentType};
use crate::model::json::{Json, Object, Text};
use crate::model::operation::Action;
use crate::model::time::Timestamp;
use crate::object;
use crate::reducer::auth;
use crate::reducer::protocol::default_document_state;
use crate::reducer::{ModelId, Registry, RegistryError};

/// The document that a first action goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Its type.
    pub document_type: DocumentType,
    /// Its name; empty for none.
    pub name: String,
    /// Its slug; empty for its id.
    pub slug: String,
}

/// The base protocol of documents that are made here: undone steps are NOOPs that cancel one operation each.
const BASE_REDUCER: f64 = 2.0;

impl Creation {
    /// The requests that make the document, as a reactor stores them (reactor format §2.3, §6.10): one creates it, and,
    /// where its model has an initial state, another gives it that.
    ///
    /// # Errors
    /// `ModelMissing` if no model serves the type.
    pub fn requests(
        &self,
        document: &DocumentId,
        branch: &Branch,
        registry: &Registry,
        now: Timestamp,
        new_id: &dyn Fn() -> String,
    ) -> Result<Vec<Request<'static>>, RegistryError> {
        let Creation { document_type, name, slug } = self;
        let initial = registry.model(&ModelId { document_type: document_type.clone(), version: 1 })?.initial();
        let text = |text: &str| Json::String(Text::from(text.to_owned()));
        let (id, kind) = (document.as_str(), document_type.as_str());
        let create = object! {
            "model" => text(kind),
            "version" => 0.0,
            "documentId" => text(id),
            "signing" => object! {
                "signature" => text(id),
                "publicKey" => Object::new(),
                "nonce" => "",
                "createdAtUtcIso" => text(&now.to_string()),
                "documentType" => text(kind),
            },
            "slug" => text(slug),
            "name" => text(name),
            "branch" => text(branch.as_str()),
            "meta" => Object::new(),
            "protocolVersions" => object! { "base-reducer" => BASE_REDUCER },
        };
        let request = |kind: &'static str, input: Object<'static>| Request {
            document: document.clone(),
            branch: branch.clone(),
            action: Action {
                id: new_id().into(),
                kind: kind.into(),
                scope: "document".into(),
                timestamp: now.to_string().into(),
                input: Json::Object(input),
                context: None,
            },
            time: now,
            expect: Expected::Anywhere,
        };
        let mut requests = vec![request("CREATE_DOCUMENT", create)];
        if !initial.is_empty() {
            let own = initial.into_iter().map(|(scope, state)| (Text::from(scope.as_str().to_owned()), state));
            let shared = [("auth".into(), auth::default_state()), ("document".into(), default_document_state())];
            let upgrade = object! {
                "model" => text(kind),
                "documentId" => text(id),
                "fromVersion" => 0.0,
                "toVersion" => 1.0,
                "initialState" => own.chain(shared).collect::<Object<'static>>(),
            };
            requests.push(request("UPGRADE_DOCUMENT", upgrade));
        }
        Ok(requests)
    }
}
