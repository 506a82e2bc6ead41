//! Logs of a drive: rows to replay, and stores that hold them.

use std::fmt;
use std::num::NonZeroU32;

use snapctl::model::ids::{DocumentId, OpIndex, Revision, Scope, StreamKey};
use snapctl::model::json::{Json, Object, canonical};
use snapctl::model::operation::{Action, OperationRow};
use snapctl::model::state::State;
use snapctl::model::time::Timestamp;
use snapctl::reducer::protocol::{Actions, ProtocolError, RowHead};
use snapctl::store::memory::MemoryStore;
use snapctl::store::{Access, NewKeyframe, NewOperation, Options, Store};

use super::naive::{DRIVE, Naive, Operation, slot};

/// A row as a test writes it down.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) input: String,
    pub(crate) skip: u32,
    pub(crate) denied: bool,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { kind, scope, input, skip, denied } = self;
        write!(f, "row({kind:?}, {scope:?}, {input:?}, {skip})")?;
        f.write_str(if *denied { ".denied()" } else { "" })
    }
}

pub(crate) fn row(kind: &'static str, scope: &'static str, input: &str, skip: u32) -> Row {
    Row { kind, scope, input: input.to_owned(), skip, denied: false }
}

/// `ADD_FOLDER` of an id that is its own name.
pub(crate) fn add(id: &str, skip: u32) -> Row {
    row("ADD_FOLDER", "global", &format!(r#"{{"id":"{id}","name":"{id}"}}"#), skip)
}

pub(crate) fn noop(skip: u32) -> Row {
    row("NOOP", "global", "{}", skip)
}

impl Row {
    pub(crate) fn denied(mut self) -> Self {
        self.denied = true;
        self
    }

    pub(crate) fn text(&self, at: usize) -> String {
        let Row { kind, scope, input, .. } = self;
        let time = time(at);
        format!(
            r#"{{"id":"{scope}-{at}","type":"{kind}","scope":"{scope}","timestampUtcMs":"{time}","input":{input}}}"#
        )
    }

    pub(crate) fn action(&self, at: usize) -> Action<'static> {
        Action::parse(self.text(at).as_bytes()).unwrap().into_owned()
    }

    pub(crate) fn operation(&self, at: usize) -> Operation {
        let action = self.action(at);
        Operation { slot: slot(at as u64, self.skip, &action), denied: self.denied, action }
    }
}

/// The rows of one stream, as the protocol takes them.
pub(crate) struct Rows {
    pub(crate) heads: Vec<RowHead>,
    pub(crate) actions: Vec<Action<'static>>,
}

impl Rows {
    pub(crate) fn new(rows: &[Row]) -> Self {
        let head = |(at, row): (usize, &Row)| RowHead {
            index: OpIndex::new(at as u64),
            skip: row.skip,
            denied: row.denied,
            failed: false,
        };
        let heads = rows.iter().enumerate().map(head).collect();
        Rows { heads, actions: rows.iter().enumerate().map(|(at, row)| row.action(at)).collect() }
    }
}

/// Hands out rows again.
pub(crate) struct Source<'a>(pub(crate) &'a [Action<'static>]);

impl Actions for Source<'_> {
    fn again(
        &mut self,
        rows: &[OpIndex],
        each: &mut dyn FnMut(&Action<'_>) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        assert!(rows.is_sorted(), "{rows:?}");
        rows.iter().try_for_each(|row| each(&self.0[usize::try_from(row.get()).unwrap()]))
    }
}

/// A millisecond after 2025 began for each operation.
pub(crate) fn time(at: usize) -> Timestamp {
    Timestamp::from_millis(1_735_689_600_000 + i64::try_from(at).unwrap()).unwrap()
}

pub(crate) fn stream(scope: &str) -> StreamKey {
    StreamKey { document: DocumentId::from("d"), scope: Scope::from(scope), branch: "main".into() }
}

/// The two rows that every drive begins with.
pub(crate) fn genesis(version: u8) -> [Row; 2] {
    let create = format!(
        r#"{{"documentId":"d","model":"powerhouse/document-drive","protocolVersions":{{"base-reducer":{version}}},
            "signing":{{"createdAtUtcIso":"2024-12-31T00:00:00.000Z","publicKey":{{}},"nonce":""}}}}"#
    );
    let state = String::from_utf8(canonical(&Json::Object(scopes(&super::naive::initial())))).unwrap();
    let upgrade = format!(r#"{{"fromVersion":0,"toVersion":1,"initialState":{state}}}"#);
    [row("CREATE_DOCUMENT", "document", &create, 0), row("UPGRADE_DOCUMENT", "document", &upgrade, 0)]
}

/// A store with the rows of a document's streams. `hashes` are those of the `global` rows; absent ones are empty.
pub(crate) fn store(document: &[Row], global: &[Row], hashes: &[String]) -> MemoryStore {
    let store = MemoryStore::new(&Options { access: Access::Change, ..Options::default() });
    append(&store, "document", document, &[], &time);
    append(&store, "global", global, hashes, &time);
    store
}

/// Appends those rows of a stream that are not there yet, each of the time that is given for it.
pub(crate) fn append(
    store: &MemoryStore,
    scope: &str,
    rows: &[Row],
    hashes: &[String],
    times: &dyn Fn(usize) -> Timestamp,
) {
    let mut write = store.write().unwrap();
    let texts: Vec<_> = rows.iter().enumerate().map(|(at, row)| (format!("{scope}-{at}"), row.text(at))).collect();
    let new = |(at, row): (usize, &Row)| NewOperation::<'_> {
        row: OperationRow {
            index: OpIndex::new(at as u64),
            skip: NonZeroU32::new(row.skip),
            id: &texts[at].0,
            previous_id: "",
            document_type: DRIVE,
            timestamp: times(at),
            hash: hashes.get(at).map_or("", String::as_str),
            error: None,
            denied: row.denied.then_some("denied by grant"),
            action: texts[at].1.as_bytes(),
        },
        written: time(at),
        job_id: "job",
    };
    let new: Vec<_> = rows.iter().enumerate().map(new).collect();
    if !new.is_empty() {
        write.append(&stream(scope), &new).unwrap();
        write.commit().unwrap();
    }
}

/// Files a document under the revision of `global` that it has.
pub(crate) fn put_keyframe(store: &MemoryStore, at: usize, n_document_rows: usize, truth: &Naive) {
    let header = format!(
        r#"{{"id":"d","documentType":"{DRIVE}","name":{},"meta":{{}},"revision":{{"document":{n_document_rows},"global":{}}}}}"#,
        String::from_utf8(canonical(&Json::from(truth.name.clone()))).unwrap(),
        at + 1
    );
    let state = String::from_utf8(canonical(&Json::Object(scopes(&truth.state)))).unwrap();
    let document =
        format!(r#"{{"header":{header},"state":{state},"initialState":{{}},"operations":{{}},"clipboard":[]}}"#);
    let mut write = store.write().unwrap();
    let keyframe = NewKeyframe {
        stream: &stream("global"),
        revision: Revision::of(OpIndex::new(at as u64)),
        document_type: &DRIVE.into(),
        document: document.as_bytes(),
        created: time(at),
    };
    write.put_keyframe(&keyframe).unwrap();
    write.commit().unwrap();
}

/// All scopes of a state.
pub(crate) fn scopes(state: &State) -> Object<'static> {
    state
        .scopes()
        .into_iter()
        .map(|scope| (scope.as_str().to_owned().into(), state.scope(scope.as_str()).unwrap()))
        .collect()
}
