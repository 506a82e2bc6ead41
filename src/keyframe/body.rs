//! The document column of a keyframe (reactor format §2.2), as canonical JSON text.

use crate::model::ids::Scope;
use crate::model::json::{Json, StateHash, canonical, hash_canonical, write_canonical};
use crate::model::state::State;
use crate::replay::Landing;

/// Writes the documents of one stream. What is the same in all of them is written once.
pub(super) struct Bodies {
    scope: Scope,
    /// The last initial state, and its text.
    initial: Option<(State, Vec<u8>)>,
}

impl Bodies {
    pub(super) fn new(scope: &Scope) -> Self {
        Bodies { scope: scope.clone(), initial: None }
    }

    /// The document that the reference files for a rebuild, with the hash of the state of its scope.
    pub(super) fn write(&mut self, landing: &Landing) -> (Vec<u8>, StateHash) {
        let initial = match self.initial.take() {
            Some((state, text)) if state.is(&landing.initial) => text,
            _ => {
                let mut text = Vec::new();
                self.scopes(&landing.initial, &mut text);
                text
            }
        };
        let mut body = Vec::new();
        body.extend_from_slice(b"{\"clipboard\":[],\"header\":");
        body.extend_from_slice(&canonical(&Json::Object(landing.header.clone())));
        body.extend_from_slice(b",\"initialState\":");
        body.extend_from_slice(&initial);
        body.extend_from_slice(b",\"operations\":{},\"state\":");
        let hash = self.scopes(&landing.state, &mut body);
        body.push(b'}');
        self.initial = Some((landing.initial.clone(), initial));
        (body, hash)
    }

    /// Appends a state as an object with a member for each scope, and returns the hash of the stream's own.
    fn scopes(&self, state: &State, out: &mut Vec<u8>) -> StateHash {
        let mut hash = hash_canonical(None);
        out.push(b'{');
        let mut separator: &[u8] = b"";
        for scope in state.scopes() {
            let Some(text) = state.canonical(scope.as_str()) else { continue };
            if scope == self.scope {
                hash = hash_canonical(Some(&text));
            }
            out.extend_from_slice(separator);
            write_canonical(&Json::from(scope.as_str()), out);
            out.push(b':');
            out.extend_from_slice(&text);
            separator = b",";
        }
        out.push(b'}');
        hash
    }
}
