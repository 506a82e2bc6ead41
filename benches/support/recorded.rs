//! What the reference would have recorded beside a log: the hash of every operation, and keyframes.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use snapctl::model::ids::{Branch, NextIndex, OpIndex, Revision, Scope};
use snapctl::model::json::{Json, canonical};
use snapctl::model::progress::Silent;
use snapctl::model::running_hash::RunningHash;
use snapctl::model::state::State;
use snapctl::model::time::Timestamp;
use snapctl::reducer::protocol::Document;
use snapctl::reducer::{Outcome, Registry};
use snapctl::replay::{Goal, Observer, Position, ReplayError, Sources, Start, Step, Trust, initial, walk};
use snapctl::store::{Access, Flow, NewKeyframe, Options, Store, sqlite};

use super::{DOCUMENT, Shape, generate, open, stream};

const OUTCOME: &str = r#"UPDATE "Operation" SET "hash" = ?1, "error" = ?2
    WHERE "documentId" = ?3 AND "scope" = 'global' AND "branch" = 'main' AND "index" = ?4"#;

/// Walks the model stream of a store from its first operation to its head.
pub(crate) fn walk_all(store: &dyn Store, registry: &Registry, observer: &mut dyn Observer) {
    let stream = stream();
    let read = store.read().expect("a moment");
    let sources = Sources { read: &*read, registry, trust: Trust::None, progress: &Silent };
    let goal =
        Goal { document: &stream.document, branch: &stream.branch, scope: &stream.scope, position: Position::Head };
    walk(&sources, goal, Start::Genesis, observer).expect("a replay");
}

/// Takes a keyframe of every so many operations, as it would be written.
struct Keyframes<'a> {
    /// How many operations are between two.
    every: u64,
    /// How many operations scope `document` has.
    genesis: u64,
    /// The state before the first operation, as text.
    initial: Vec<u8>,
    /// Takes each, with its label.
    put: &'a mut dyn FnMut(Revision, &[u8]),
}

impl Observer for Keyframes<'_> {
    fn rows_ahead(&self) -> usize {
        usize::MAX
    }

    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        let index = step.head.index;
        if index.next().get().is_multiple_of(self.every) {
            let state = document.state().expect("a state");
            let mut header = document.header().clone();
            header.set_revision(&Scope::document(), NextIndex::new(self.genesis));
            header.set_revision(&Scope::global(), index.next());
            let mut text = br#"{"clipboard":[],"header":"#.to_vec();
            text.extend(canonical(&Json::Object(header.to_object())));
            text.extend(br#","initialState":"#);
            text.extend(&self.initial);
            text.extend(br#","operations":{},"state":"#);
            text.extend(object(&state));
            text.extend(b"}");
            (self.put)(Revision::of(index), &text);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A state as text.
fn object(state: &State) -> Vec<u8> {
    let mut text = b"{".to_vec();
    for (n, scope) in state.scopes().iter().enumerate() {
        text.extend(if n > 0 { &b",\""[..] } else { b"\"" });
        text.extend(scope.as_str().as_bytes());
        text.extend(b"\":");
        text.extend(state.canonical(scope.as_str()).expect("a state"));
    }
    text.push(b'}');
    text
}

/// Takes a keyframe of every so many operations of a store.
pub(crate) fn keyframes_of(store: &dyn Store, shape: Shape, every: u64, put: &mut dyn FnMut(Revision, &[u8])) {
    let registry = Registry::built_in();
    let read = store.read().expect("a moment");
    let sources = Sources { read: &*read, registry: &registry, trust: Trust::None, progress: &Silent };
    let initial = object(&initial(&sources, &DOCUMENT.into(), &Branch::main()).expect("a document").state);
    drop(read);
    walk_all(store, &registry, &mut Keyframes { every, genesis: shape.genesis(), initial, put });
}

/// Takes the hash and the error of every operation.
#[derive(Default)]
struct Outcomes {
    running: RunningHash,
    outcomes: Vec<(OpIndex, String, Option<String>)>,
}

impl Observer for Outcomes {
    fn rows_ahead(&self) -> usize {
        usize::MAX
    }

    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        let state = document.state().expect("a state");
        let hash = self.running.hash(&state, "global").to_string();
        let error = match step.outcome {
            Some(Outcome::Failed(error)) => Some(error.to_string()),
            _ => None,
        };
        self.outcomes.push((step.head.index, hash, error));
        Ok(ControlFlow::Continue(()))
    }
}

/// Writes a store with one document, what came of its operations, and a keyframe of every so many of them.
pub(crate) fn record(path: &Path, shape: Shape, every: u64) -> Arc<dyn Store> {
    let registry = Registry::built_in();
    let log = generate(path, shape);
    let mut recorded = Outcomes::default();
    walk_all(&*log, &registry, &mut recorded);
    let mut keyframes = Vec::new();
    let mut put = |revision, text: &[u8]| keyframes.push((revision, text.to_vec()));
    keyframes_of(&*log, shape, every, &mut put);
    drop(log);
    let mut connection = Connection::open(path).expect("the store just written");
    let transaction = connection.transaction().expect("nobody else is there");
    for (index, hash, error) in recorded.outcomes {
        let index = i64::try_from(index.get()).expect("an index");
        let set = transaction.prepare_cached(OUTCOME);
        set.and_then(|mut set| set.execute(params![hash, error, DOCUMENT, index])).expect("a row");
    }
    transaction.commit().expect("nobody else is there");
    drop(connection);
    let store = sqlite::open(path, &Options { access: Access::Change, ..Options::default() }).expect("a store");
    let mut write = store.write().expect("a store just written");
    for (revision, document) in &keyframes {
        let created = Timestamp::from_millis(1_767_225_600_000).expect("a time");
        let document_type = &shape.document_type().into();
        write
            .put_keyframe(&NewKeyframe { stream: &stream(), revision: *revision, document_type, document, created })
            .expect("a keyframe");
    }
    write.commit().expect("a store just written");
    drop(store);
    open(path)
}
