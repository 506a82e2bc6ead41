//! What is in the stored document of a keyframe, and how large the parts of it are.

use crate::model::ids::Scope;
use crate::model::json::{Json, StateHash, Text, canonical, hash_canonical, parse};

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

impl Body {
    /// What people want to know of the header, by name; what it does not say is left out.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let Some(Ok(header)) = self.header.as_deref().map(parse) else { return Vec::new() };
        let text =
            |name: &str| header.get(name).and_then(Json::as_text).map(|text| text.to_string_lossy().into_owned());
        let next = header.get("revision").and_then(Json::as_object).map(|revision| {
            let of = |(scope, next): (&Text<'_>, &Json<'_>)| {
                format!("{} {}", scope.to_string_lossy(), String::from_utf8_lossy(&canonical(next)))
            };
            revision.iter().map(of).collect::<Vec<_>>().join(", ")
        });
        let facts = [("name", text("name")), ("modified", text("lastModifiedAtUtcIso")), ("next operations", next)];
        facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn size(value: &Json<'_>) -> u64 {
    canonical(value).len() as u64
}

/// A name in a JSON pointer (RFC 6901 section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
