//! Loads of random files, against a model that replays everything at every undo.

use proptest::prelude::*;
use snapctl::model::archive::{Archive, ArchivedOperation};
use snapctl::model::ids::{OpIndex, Scope};
use snapctl::model::json::{Json, canonical};
use snapctl::model::progress::Silent;
use snapctl::object;
use snapctl::reducer::Registry;
use snapctl::reducer::archive::{Loader, load};
use snapctl::reducer::protocol::Version;
use snapctl::reducer::protocol::gc;

use crate::protocol_properties::{any_row, config, thrown, undo_row};
use crate::support::logs::{Row, add, noop, row, time};
use crate::support::naive::{self, DRIVE, Naive, Operation};

/// A file: the operations of its scopes, in the order of the file.
#[derive(Clone, Debug)]
struct File {
    version: u8,
    scopes: Vec<(&'static str, Vec<Row>)>,
}

impl File {
    fn archive(&self) -> Archive {
        let header = object! {
            "id" => "d",
            "documentType" => DRIVE,
            "protocolVersions" => object! { "base-reducer" => f64::from(self.version) },
        };
        let initial = naive::initial();
        let state = initial.scopes().into_iter().map(|scope| {
            let value = initial.scope(scope.as_str()).unwrap();
            (scope, value)
        });
        let operations = self.scopes.iter().map(|(scope, rows)| {
            let list = rows.iter().enumerate().map(|(at, row)| archived(at, row)).collect();
            (Scope::from(*scope), list)
        });
        Archive {
            document: "d".into(),
            document_type: DRIVE.into(),
            branch: "main".into(),
            header,
            state: state.collect(),
            operations: operations.collect(),
        }
    }

    /// What the model makes of it: the text of its state, or why it does not load.
    fn truth(&self) -> Result<String, String> {
        let lists = self.scopes.iter().map(|(_, rows)| {
            let mut list: Vec<Operation> = rows.iter().enumerate().map(|(at, row)| row.operation(at)).collect();
            gc::collect(&mut list);
            gc::check_collected(&list).map(|()| list)
        });
        let lists: Vec<Result<_, String>> = lists.collect();
        let wrong: Vec<String> = lists.iter().filter_map(|list| list.as_ref().err().cloned()).collect();
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        let version = if self.version == 1 { Version::V1 } else { Version::V2 };
        let mut naive = Naive::new(version, &naive::initial());
        for operation in lists.into_iter().flatten().flatten() {
            naive.load(&operation)?;
        }
        Ok(format!("{:?}", naive.state))
    }
}

fn archived(at: usize, row: &Row) -> ArchivedOperation {
    let action = row.action(at);
    let text = Json::Object(object! {
        "id" => action.id.clone(),
        "type" => action.kind.clone(),
        "scope" => action.scope.clone(),
        "timestampUtcMs" => action.timestamp.clone(),
        "input" => action.input.clone(),
    });
    ArchivedOperation {
        index: OpIndex::new(at as u64),
        skip: row.skip.try_into().ok(),
        id: format!("{}-{at}", row.scope).into(),
        timestamp: time(at),
        hash: "".into(),
        error: None,
        denied: row.denied.then(|| "denied by grant".into()),
        action: canonical(&text).into(),
    }
}

fn check(file: &File) {
    let archive = file.archive();
    let loaded = load(&archive, Loader::Plain, &Registry::built_in(), &Silent);
    let found = match &loaded {
        Ok(loaded) => Ok(format!("{:?}", loaded.state)),
        Err(error) => Err(thrown(&error.to_string())),
    };
    assert_eq!(found, file.truth(), "{file:?}");
    // Without a document scope the version-aware loader has nothing else to go by.
    let versioned = load(&archive, Loader::Versioned, &Registry::built_in(), &Silent);
    match (&loaded, &versioned) {
        (Ok(plain), Ok(versioned)) => {
            assert_eq!(format!("{:?}", plain.state), format!("{:?}", versioned.state));
            assert_eq!(plain.header, versioned.header);
        }
        (Err(plain), Err(versioned)) => assert_eq!(plain.to_string(), versioned.to_string()),
        other => panic!("{other:?}"),
    }
}

/// Rows of one scope: in which order a history replays rows of two lists was only sampled (reactor format §13).
fn of_scope(scope: &'static str, rows: Vec<Row>) -> Vec<Row> {
    rows.into_iter()
        .map(|row| if row.kind == "SET_NAME" { Row { scope, ..noop(0) } } else { Row { scope, ..row } })
        .collect()
}

fn file() -> impl Strategy<Value = File> {
    let rows = || prop_oneof![prop::collection::vec(any_row(20), 0..20), prop::collection::vec(undo_row(), 0..20)];
    (1..=2_u8, rows(), rows(), any::<bool>()).prop_map(|(version, global, local, turned)| {
        let mut scopes = vec![("local", of_scope("local", local)), ("global", of_scope("global", global))];
        if turned {
            scopes.reverse();
        }
        File { version, scopes }
    })
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn every_file_loads_as_a_replay_of_what_was_collected(file in file()) {
        check(&file);
    }
}

#[test]
fn an_undo_replays_the_scopes_before_its_own() {
    let sharing = row("SET_SHARING_TYPE", "local", r#"{"type":"s"}"#, 0);
    for version in [1, 2] {
        let local = vec![sharing.clone(), Row { scope: "local", ..noop(0) }];
        let global = vec![add("a", 0), add("b", 0), noop(1), add("c", 0).denied(), add("d", 2)];
        check(&File { version, scopes: vec![("local", local.clone()), ("global", global.clone())] });
        check(&File { version, scopes: vec![("global", global), ("local", local)] });
    }
}
