//! The base protocol as the reference runs it (reactor format §4): the whole history is kept, and every undo and
//! every skip replays it from the initial state. Slow, and short enough to be compared with the format by eye.

use snapctl::model::ids::Scope;
use snapctl::model::json::{Json, Object, Text};
use snapctl::model::operation::Action;
use snapctl::model::state::{JsonState, State};
use snapctl::reducer::auth::{self, Owner};
use snapctl::reducer::protocol::Version;
use snapctl::reducer::protocol::gc::{self, Slot, Slotted};
use snapctl::reducer::{Model, Outcome, native::drive::Drive};

/// An operation of the history.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) slot: Slot,
    pub(crate) denied: bool,
    pub(crate) action: Action<'static>,
}

impl Slotted for Operation {
    fn slot(&self) -> Slot {
        self.slot
    }
}

/// `document.operations`: the scopes in the order in which they came up.
type Histories = Vec<(Text<'static>, Vec<Operation>)>;

/// A document that is replayed naively.
#[derive(Clone)]
pub(crate) struct Naive {
    model: &'static dyn Model,
    version: Version,
    pub(crate) name: String,
    pub(crate) state: State,
    initial: State,
    histories: Histories,
}

/// The type of all documents here.
pub(crate) const DRIVE: &str = "powerhouse/document-drive";

fn owner() -> Owner<'static> {
    Owner { document_id: "d", document_type: DRIVE, public_key: None }
}

fn edit(state: &State, scope: &str, value: Json<'static>) -> State {
    let mut parts = JsonState::from(state);
    parts.set(scope.into(), value);
    State::new(parts)
}

impl Naive {
    /// A drive.
    pub(crate) fn new(version: Version, initial: &State) -> Self {
        Naive::of(&Drive, version, initial)
    }

    pub(crate) fn of(model: &'static dyn Model, version: Version, initial: &State) -> Self {
        Naive {
            model,
            version,
            name: String::new(),
            state: initial.clone(),
            initial: initial.clone(),
            histories: Vec::new(),
        }
    }

    /// `DELETE_DOCUMENT` (§5.3).
    pub(crate) fn delete(&mut self, at: &str) {
        let Some(Json::Object(mut document)) = self.state.scope("document") else { panic!("no document state") };
        document.insert("isDeleted".into(), true.into());
        document.insert("deletedAtUtcIso".into(), at.to_owned().into());
        self.state = edit(&self.state, "document", document.into());
    }

    /// An operation of the document scope that is reduced as a bare action (§5.4, §6.4 step 3).
    pub(crate) fn relate(&mut self, action: &Action<'static>, skip: u32) -> Result<(), String> {
        let last = self.histories.iter().find(|(scope, _)| *scope == action.scope).and_then(|(_, list)| list.last());
        let index = last.map_or(0, |last| last.slot.index + 1);
        self.row(&Operation { slot: slot(index, skip, action), denied: false, action: action.clone() })
    }

    /// A stored row of the stream `global` (§6.4 step 5). A denied one stays with its stream, whatever its action names.
    pub(crate) fn row(&mut self, operation: &Operation) -> Result<(), String> {
        if operation.denied {
            self.history(&"global".into()).push(operation.clone());
            return Ok(());
        }
        self.reduce(operation, true)
    }

    /// An operation of a file (§4.10).
    pub(crate) fn load(&mut self, operation: &Operation) -> Result<(), String> {
        if operation.denied {
            self.history(&operation.action.scope).push(operation.clone());
            return Ok(());
        }
        self.reduce(operation, false)
    }

    /// The steps of §4.1; `skips` is the contrary of `ignoreSkip`.
    fn reduce(&mut self, operation: &Operation, skips: bool) -> Result<(), String> {
        let Operation { slot, action, .. } = operation;
        let (scope, do_skip) = (&action.scope, skips && slot.skip > 0);
        let had_history = self.histories.iter().any(|(name, _)| name == scope);
        self.document_level(action)?;
        let before = self.clone();
        self.history(scope).push(operation.clone());
        if self.version == Version::V2 && slot.noop && slot.skip > 0 {
            return self.rebuild(scope);
        }
        if do_skip {
            self.retract(scope, *slot)?;
        }
        if self.run(action) {
            return Ok(());
        }
        let mut failed = operation.clone();
        failed.slot.skip = 0;
        if do_skip {
            if !had_history {
                return Err(format!("No operations found for scope: {scope}"));
            }
            *self = before;
            self.history(scope).push(failed);
        } else {
            *self.history(scope).last_mut().unwrap() = failed;
        }
        Ok(())
    }

    fn history(&mut self, scope: &Text<'static>) -> &mut Vec<Operation> {
        let at = self.histories.iter().position(|(name, _)| name == scope).unwrap_or_else(|| {
            self.histories.push((scope.clone(), Vec::new()));
            self.histories.len() - 1
        });
        &mut self.histories[at].1
    }

    /// §4.7, as far as rows of these types are stored.
    fn document_level(&mut self, action: &Action<'static>) -> Result<(), String> {
        let text = |pointer: &str| action.input.pointer(pointer).and_then(Json::as_text).map(ToString::to_string);
        match action.kind.as_str().unwrap() {
            "SET_NAME" => self.name = text("/name").ok_or_else(|| INVALID.to_owned())?,
            "LOAD_STATE" => {
                let name = text("/state/name").ok_or_else(|| INVALID.to_owned())?;
                let Some(Json::Object(data)) = action.input.pointer("/state/data") else {
                    return Err("Cannot read properties of undefined (reading 'auth')".to_owned());
                };
                let current = auth::backfill(self.state.scope("auth").as_ref());
                let policy = auth::resolve_snapshot(&current, data.get("auth"), &owner()).map_err(|e| e.to_string())?;
                let mut state = JsonState::default();
                for (scope, value) in data.iter() {
                    state.set(scope.as_str().unwrap().into(), value.to_owned_json());
                }
                state.set("auth".into(), policy);
                (self.state, self.name) = (State::new(state), name);
            }
            _ => {}
        }
        Ok(())
    }

    /// Step 8: whether the reducer succeeded. What it changed before it failed stays.
    fn run(&mut self, action: &Action<'static>) -> bool {
        if matches!(action.kind.as_str().unwrap(), "NOOP" | "SET_NAME" | "LOAD_STATE") {
            return true;
        }
        if action.scope == *"auth" {
            let current = self.state.scope("auth").unwrap_or_default();
            return match auth::reduce(&current, action, &owner()) {
                Ok(policy) => {
                    self.state = policy.map_or(self.state.clone(), |policy| edit(&self.state, "auth", policy));
                    true
                }
                Err(_) => false,
            };
        }
        let (mut fold, mut outcomes) = (self.model.fold().unwrap(), Vec::new());
        fold.restore(&self.state).unwrap();
        fold.apply(std::slice::from_ref(action), &mut outcomes).unwrap();
        self.state = fold.checkpoint().unwrap();
        outcomes == [Outcome::Applied]
    }

    /// A skip on an ordinary action, which is in the history already (§4.4).
    fn retract(&mut self, scope: &Text<'static>, slot: Slot) -> Result<(), String> {
        let mut kept = self.histories.clone();
        for (name, list) in &mut kept {
            if name == scope {
                *list = left_of(list, slot)?;
            } else {
                gc::sort(list);
                gc::collect(list);
            }
        }
        let replayed = self.replay(&kept)?;
        let mut state = JsonState::from(&self.state);
        match replayed.scope(scope.as_str().unwrap()) {
            Some(value) => state.set(scope.as_str().unwrap().into(), value),
            None => state.remove(scope.as_str().unwrap()),
        }
        self.state = State::new(state);
        for (_, list) in &mut self.histories {
            gc::sort(list);
            gc::collect(list);
        }
        Ok(())
    }

    /// A NOOP with a skip under the second version (§4.6).
    fn rebuild(&mut self, scope: &Text<'static>) -> Result<(), String> {
        let mut effective = self.histories.clone();
        for (_, list) in effective.iter_mut().filter(|(name, _)| name == scope) {
            gc::sort(list);
            gc::collect_v2(list);
            list.retain(|operation| !operation.slot.noop);
        }
        self.state = self.replay(&effective)?;
        Ok(())
    }

    /// The internal replay of §4.10.
    fn replay(&self, histories: &Histories) -> Result<State, String> {
        let backfilled = auth::backfill(self.initial.scope("auth").as_ref());
        let mut inner = Naive::of(self.model, self.version, &edit(&self.initial, "auth", backfilled));
        for operation in histories.iter().flat_map(|(_, list)| list) {
            inner.load(operation)?;
        }
        Ok(inner.state)
    }
}

/// How the text begins with which a malformed document-level action is refused.
pub(crate) const INVALID: &str = "[\n  {\n    \"code\": \"invalid_union\"";

/// The place of a row.
pub(crate) fn slot(index: u64, skip: u32, action: &Action<'_>) -> Slot {
    Slot { index, skip, noop: action.kind == *"NOOP" }
}

/// `skipHeaderOperations` (§4.3) on a history that ends with the header operation itself.
fn left_of(history: &[Operation], header: Slot) -> Result<Vec<Operation>, String> {
    if let Some(last) = history.iter().map(|operation| operation.slot.index).max().filter(|last| header.index < *last) {
        return Err(format!("The skip header operation index must be greater than or equal to {last}"));
    }
    let mut list = history.to_vec();
    list.push(Operation { slot: header, ..history.last().unwrap().clone() });
    gc::sort(&mut list);
    gc::collect(&mut list);
    list.pop();
    Ok(list)
}

/// The initial state of a drive after its first upgrade.
pub(crate) fn initial() -> State {
    let mut state = JsonState::default();
    let list = |values: Vec<Json<'static>>| Json::Array(values);
    let object = |members: Vec<(&'static str, Json<'static>)>| {
        Json::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect::<Object<'static>>())
    };
    let hash = object(vec![("algorithm", "sha1".into()), ("encoding", "base64".into())]);
    state.set(Scope::document(), object(vec![("version", 1.0.into()), ("hash", hash)]));
    state.set("auth".into(), auth::default_state());
    state.set(Scope::global(), object(vec![("name", "".into()), ("nodes", list(vec![])), ("icon", Json::Null)]));
    state.set(
        "local".into(),
        object(vec![
            ("listeners", list(vec![])),
            ("triggers", list(vec![])),
            ("sharingType", "private".into()),
            ("availableOffline", false.into()),
        ]),
    );
    State::new(state)
}
