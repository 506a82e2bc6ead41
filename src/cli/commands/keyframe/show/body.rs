//! What is in the stored document of a keyframe, and how large the parts of it are.

use crate::model::ids::Scope;
use crate::model::json::{Json, StateHash, canonical, hash_canonical, parse};

/// What is shown of a stored document.
pub(super) struct Body {
    /// The text of its header; `None` if it has none.
    pub(super) header: Option<Vec<u8>>,
    /// Each part, as a JSON pointer, with the size of its canonical text: the states of scopes one by one, everything else a
    /// member. By pointer.
    pub(super) parts: Vec<(String, u64)>,
    /// The hash of each scope's state.
    pub(super) hashes: Vec<(Scope, StateHash)>,
}

impl Body {
    /// Looks into a document; `None` if it is no JSON object.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let document = parse(text).ok()?;
        let members = document.as_object()?;
        let mut body = Body { header: None, parts: Vec::new(), hashes: Vec::new() };
        for (name, value) in members.iter() {
            let pointer = format!("/{}", escaped(&name.to_string_lossy()));
            if *name == *"header" {
                body.header = Some(canonical(value));
            }
            let scopes = value.as_object().filter(|_| *name == *"state");
            let Some(scopes) = scopes else {
                body.parts.push((pointer, size(value)));
                continue;
            };
            for (scope, state) in scopes.iter() {
                let text = canonical(state);
                body.parts.push((format!("{pointer}/{}", escaped(&scope.to_string_lossy())), text.len() as u64));
                if let Some(scope) = scope.as_str() {
                    body.hashes.push((Scope::from(scope), hash_canonical(Some(&text))));
                }
            }
        }
        body.parts.sort();
        Some(body)
    }
}

fn size(value: &Json<'_>) -> u64 {
    canonical(value).len() as u64
}

/// A name in a JSON pointer (RFC 6901 section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
