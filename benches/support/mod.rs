//! Generated logs: the same for the same seed, on every machine.
#![allow(dead_code, reason = "each bench uses a part of it")]

mod modelling;
pub(crate) mod recorded;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use snapctl::model::ids::{Branch, DocumentId, OpIndex, Scope, StreamKey};
use snapctl::model::json::operation_id;
use snapctl::model::operation::OperationRow;
use snapctl::model::time::Timestamp;
use snapctl::store::{NewOperation, Options, Store, Stores, sqlite};

/// The one document of a generated store.
pub(crate) const DOCUMENT: &str = "6d2831b1-8668-42c3-8f67-a1c2f3ea2212";

/// A small generator of numbers that look random (splitmix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("less than a usize")
    }

    /// An id as real stores have them.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let hex = format!("{a:016x}{b:016x}");
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }
}

/// What a generated log does.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Grows a drive to this many nodes, with renames, moves and copies on the way.
    Growing(usize),
    /// Small changes to a drive of some nodes.
    Changing {
        /// How many operations come first that mostly add nodes.
        nodes: usize,
        /// How many operations there are.
        operations: usize,
    },
    /// This many operations that write a document model: modules, operations, their errors and examples, releases.
    Modelling(usize),
    /// This many JSON Patches of a document with a few thousand members. It has no document scope.
    Patching(usize),
}

impl Shape {
    /// The same with few operations, to try a bench.
    pub(crate) fn short(self) -> Self {
        const OPERATIONS: usize = 500;
        match self {
            Shape::Growing(_) => Shape::Growing(OPERATIONS),
            Shape::Changing { nodes, .. } => Shape::Changing { nodes, operations: OPERATIONS },
            Shape::Modelling(_) => Shape::Modelling(OPERATIONS),
            Shape::Patching(_) => Shape::Patching(OPERATIONS),
        }
    }

    /// What its documents are.
    pub(crate) fn document_type(self) -> &'static str {
        match self {
            Shape::Growing(_) | Shape::Changing { .. } => "powerhouse/document-drive",
            Shape::Modelling(_) => "powerhouse/document-model",
            Shape::Patching(_) => "json-patch",
        }
    }

    /// How many operations scope `document` has.
    pub(crate) fn genesis(self) -> u64 {
        if self.initial().is_some() { 2 } else { 0 }
    }

    /// The scopes that documents begin with, if their log begins with the operations that make one.
    fn initial(self) -> Option<&'static str> {
        match self {
            Shape::Growing(_) | Shape::Changing { .. } => Some(DRIVE),
            Shape::Modelling(_) => Some(modelling::INITIAL),
            Shape::Patching(_) => None,
        }
    }
}

/// Writes a store with one document, and opens it.
pub(crate) fn generate(path: &Path, shape: Shape) -> Arc<dyn Store> {
    let store = sqlite::create(path).expect("a new store");
    let mut log = Log { rows: Vec::new(), random: Random(7), nodes: Vec::new(), folders: Vec::new() };
    let mut model = modelling::Model::default();
    match shape {
        Shape::Growing(nodes) => {
            while log.nodes.len() < nodes {
                log.grow();
            }
        }
        Shape::Changing { nodes, operations } => {
            for _ in 0..nodes {
                log.grow();
            }
            while log.rows.len() < operations {
                log.change();
            }
        }
        Shape::Modelling(operations) => {
            while log.rows.len() < operations {
                model.write(&mut log);
            }
        }
        Shape::Patching(operations) => {
            while log.rows.len() < operations {
                log.patch();
            }
        }
    }
    let document_type = shape.document_type();
    let genesis = shape.initial().map_or_else(Vec::new, |initial| genesis(document_type, initial));
    let mut write = store.write().expect("a new store can be written");
    for (scope, actions) in [("document", genesis), ("global", log.rows)] {
        let stream =
            StreamKey { document: DocumentId::from(DOCUMENT), scope: Scope::from(scope), branch: Branch::main() };
        for (index, (action_id, action)) in actions.iter().enumerate() {
            let time = Timestamp::from_millis(start_ms(index)).expect("a time of this century");
            let id = operation_id(DOCUMENT, scope, "main", action_id.as_bytes());
            let row = OperationRow {
                index: OpIndex::new(index as u64),
                skip: NonZeroU32::new(0),
                id: &id,
                previous_id: "",
                document_type,
                timestamp: time,
                hash: if scope == "document" { "" } else { "rtomnN6DyHoFItKTvk/Y5RbB0gA=" },
                error: None,
                denied: None,
                action: action.as_bytes(),
            };
            let operation = NewOperation { row, written: time, job_id: "11111111-2222-4333-8444-555555555555" };
            write.append(&stream, &[operation]).expect("rows in order");
        }
    }
    write.commit().expect("a new store can be written");
    drop(store);
    open(path)
}

/// Opens a store, to read it.
pub(crate) fn open(path: &Path) -> Arc<dyn Store> {
    let location = path.to_str().expect("a temporary path is text");
    Stores::built_in().open(location, &Options::default()).expect("the store just written")
}

/// The one model stream of a generated store.
pub(crate) fn stream() -> StreamKey {
    StreamKey { document: DOCUMENT.into(), scope: Scope::global(), branch: Branch::main() }
}

/// The scopes of a new drive.
const DRIVE: &str = r#""global":{"name":"","nodes":[],"icon":null},"local":{"listeners":[],"triggers":[],"sharingType":"private","availableOffline":false}"#;

/// The operations that make a document of that type, with these model scopes.
fn genesis(document_type: &str, initial: &str) -> Vec<(String, String)> {
    let action = |kind: &str, input: String| {
        let action = format!(
            r#"{{"id":"{kind}","type":"{kind}","scope":"document","timestampUtcMs":"2026-01-01T00:00:00.000Z","input":{input}}}"#
        );
        (kind.to_owned(), action)
    };
    let create = format!(
        r#"{{"model":"{document_type}","version":0,"documentId":"{DOCUMENT}","protocolVersions":{{"base-reducer":2}}}}"#
    );
    let upgrade = format!(
        r#"{{"fromVersion":0,"toVersion":1,"initialState":{{"auth":{{"version":0,"grants":[]}},"document":{{"version":0,"hash":{{"algorithm":"sha1","encoding":"base64"}}}},{initial}}}}}"#
    );
    vec![action("CREATE_DOCUMENT", create), action("UPGRADE_DOCUMENT", upgrade)]
}

/// When the operation at `index` happened, in milliseconds since the epoch.
fn start_ms(index: usize) -> i64 {
    1_767_225_600_000 + i64::try_from(index).expect("a length") * 137
}

struct Log {
    /// Ids of actions, and the actions.
    rows: Vec<(String, String)>,
    random: Random,
    nodes: Vec<String>,
    folders: Vec<String>,
}

impl Log {
    /// Adds a node, or does something to one that is there.
    fn grow(&mut self) {
        match self.random.below(10) {
            0..=1 => {
                let id = self.random.uuid();
                let parent = self.parent();
                self.push(
                    "ADD_FOLDER",
                    &format!(r#"{{"id":"{id}","name":"folder {}","parentFolder":{parent}}}"#, self.rows.len()),
                );
                self.folders.push(id.clone());
                self.nodes.push(id);
            }
            2..=7 => {
                let id = self.random.uuid();
                let (parent, name) = (self.parent(), self.random.below(5000));
                self.push("ADD_FILE", &format!(r#"{{"id":"{id}","name":"report {name}","documentType":"powerhouse/budget-statement","parentFolder":{parent}}}"#),
                );
                self.nodes.push(id);
            }
            _ => self.change(),
        }
    }

    /// Does something to a node that is there.
    fn change(&mut self) {
        let Some(at) = self.nodes.len().checked_sub(1) else { return };
        let id = self.nodes[self.random.below(at + 1)].clone();
        match self.random.below(4) {
            0..=1 => {
                let name = self.random.below(100_000);
                self.push("UPDATE_NODE", &format!(r#"{{"id":"{id}","name":"renamed {name}"}}"#));
            }
            2 => {
                let parent = self.parent();
                self.push("MOVE_NODE", &format!(r#"{{"srcFolder":"{id}","targetParentFolder":{parent}}}"#));
            }
            _ => {
                let name = self.random.below(1000);
                self.push("SET_DRIVE_NAME", &format!(r#"{{"name":"drive {name}"}}"#));
            }
        }
    }

    /// Adds an item, or changes one that is there.
    fn patch(&mut self) {
        let text = self.random.below(100_000);
        if self.nodes.is_empty() {
            self.nodes.push(self.random.uuid());
            let id = &self.nodes[0];
            let whole =
                format!(r#"[{{"op":"add","path":"","value":{{"items":{{"{id}":{{"n":0}}}},"order":["{id}"]}}}}]"#);
            return self.push("START", &whole);
        }
        let at = self.random.below(self.nodes.len());
        let id = self.nodes[at].clone();
        match self.random.below(10) {
            0 if self.nodes.len() < 5000 => {
                let id = self.random.uuid();
                self.push("ADD", &format!(r#"[{{"op":"add","path":"/items/{id}","value":{{"text":"item {text}","done":false,"n":1}}}},{{"op":"add","path":"/order/-","value":"{id}"}}]"#));
                self.nodes.push(id);
            }
            0..=4 => self.push("EDIT", &format!(r#"[{{"op":"add","path":"/items/{id}/text","value":"item {text}"}}]"#)),
            5..=7 => self.push("COUNT", &format!(r#"[{{"op":"replace","path":"/items/{id}/n","value":{text}}}]"#)),
            _ => {
                let to = self.random.below(self.nodes.len());
                self.push("MOVE", &format!(r#"[{{"op":"move","from":"/order/{at}","path":"/order/{to}"}}]"#));
            }
        }
    }

    fn parent(&mut self) -> String {
        if self.folders.is_empty() || self.random.below(8) == 0 {
            return "null".to_owned();
        }
        let at = self.random.below(self.folders.len());
        format!("\"{}\"", self.folders[at])
    }

    fn push(&mut self, kind: &str, input: &str) {
        let id = self.random.uuid();
        let time = Timestamp::from_millis(start_ms(self.rows.len())).expect("a time of this century");
        let action =
            format!(r#"{{"id":"{id}","type":"{kind}","scope":"global","timestampUtcMs":"{time}","input":{input}}}"#);
        self.rows.push((id, action));
    }
}
