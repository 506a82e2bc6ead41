//! Models of any JSON: whatever an action brings, it is applied wholly or not at all, and the state stays within bounds.
//!
//! The first line of the input is a state, and each line behind it the input of an action. All kinds of model get them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapctl::history::{Change, diff};
use snapctl::model::ids::Scope;
use snapctl::model::json::{Json, canonical, parse};
use snapctl::model::operation::Action;
use snapctl::model::state::State;
use snapctl::object;
use snapctl::reducer::generic::{Generic, GenericKind, MAX_STATE_BYTES, MAX_STATE_DEPTH};
use snapctl::reducer::{Fold, Model, Outcome};

/// A state that got larger than this is not looked at any further: all of it is written out after each action.
const LARGE_BYTES: usize = 1 << 16;

const MOST_ACTIONS: usize = 8;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|&byte| byte == b'\n');
    let Ok(first) = parse(lines.next().unwrap_or_default()) else { return };
    let inputs: Vec<Json<'_>> = lines.filter_map(|line| parse(line).ok()).take(MOST_ACTIONS).collect();
    for kind in GenericKind::ALL {
        let mut bench = Bench::new(kind, &first);
        for input in &inputs {
            bench.try_input(input);
            if bench.text.len() > LARGE_BYTES {
                break;
            }
        }
    }
});

/// A fold, and its state as it was last seen.
struct Bench {
    kind: GenericKind,
    fold: Box<dyn Fold>,
    state: State,
    text: Vec<u8>,
}

impl Bench {
    fn new(kind: GenericKind, first: &Json<'_>) -> Self {
        let mut fold = Generic(kind).fold().expect("it has no engine");
        fold.set_scope(&Scope::global(), Some(first.to_owned_json())).expect("it has no engine");
        let state = fold.checkpoint().expect("it has no engine");
        let text = text_of(&state);
        assert_eq!(text, canonical(first), "a state is what it was set to");
        Bench { kind, fold, state, text }
    }

    fn try_input(&mut self, input: &Json<'_>) {
        let before = std::mem::replace(&mut self.text, Vec::new());
        let (outcome, state, text) = apply(&mut *self.fold, input);
        assert_eq!(text_of(&self.state), before, "an action changed a state that was given out");
        match &outcome {
            Outcome::Failed(why) => {
                assert_eq!(text, before, "an action that failed left something behind");
                assert!(!why.as_bytes().is_empty() && why.as_bytes().len() < 1000, "{why}");
            }
            Outcome::Applied => assert!(text.len() <= MAX_STATE_BYTES.max(before.len())),
        }
        if text.len().max(before.len()) <= LARGE_BYTES {
            let (old, new) = (global(&self.state), global(&state));
            assert_eq!(canonical(&new), text, "a state is the JSON that it prints as");
            assert!(depth(&new) <= depth(&old).max(MAX_STATE_DEPTH));
            self.same_from_json(&old, input, (&outcome, &text));
            is_patched(&old, &new, &text);
        }
        if self.kind == GenericKind::JsonMergePatch && outcome == Outcome::Applied {
            assert_eq!(apply(&mut *self.fold, input).2, text, "a merge that is done changes nothing");
            self.fold.restore(&state).expect("it has no engine");
        }
        (self.state, self.text) = (state, text);
    }

    /// The same happens to a state that was read from JSON.
    fn same_from_json(&self, old: &Json<'static>, input: &Json<'_>, happened: (&Outcome, &[u8])) {
        let mut fold = Generic(self.kind).fold().expect("it has no engine");
        fold.set_scope(&Scope::global(), Some(old.clone())).expect("it has no engine");
        let (outcome, _, text) = apply(&mut *fold, input);
        assert_eq!((&outcome, &text[..]), happened);
    }
}

/// What `diff` says of two states is a patch that makes one of the other.
fn is_patched(old: &Json<'static>, new: &Json<'static>, text: &[u8]) {
    if depth(old).max(depth(new)) > MAX_STATE_DEPTH {
        return;
    }
    let patch = diff(Some(old), Some(new)).iter().map(step).collect();
    let mut fold = Generic(GenericKind::JsonPatch).fold().expect("it has no engine");
    fold.set_scope(&Scope::global(), Some(old.clone())).expect("it has no engine");
    let (outcome, _, patched) = apply(&mut *fold, &Json::Array(patch));
    assert_eq!((outcome, &patched[..]), (Outcome::Applied, text));
}

/// A change as a step of a patch.
fn step<'a>(change: &Change<'a>) -> Json<'a> {
    let (op, path) = (Json::String(change.edit.op().into()), Json::String(change.path.clone()));
    Json::Object(match change.edit.after() {
        Some(value) => object! { "op" => op, "path" => path, "value" => value.clone() },
        None => object! { "op" => op, "path" => path },
    })
}

fn apply(fold: &mut dyn Fold, input: &Json<'_>) -> (Outcome, State, Vec<u8>) {
    let mut action = Action::parse(br#"{"type":"EDIT","scope":"global"}"#).expect("an action");
    action.input = input.to_owned_json();
    let mut outcomes = Vec::new();
    fold.apply(&[action], &mut outcomes).expect("it has no engine");
    let state = fold.checkpoint().expect("it has no engine");
    let text = text_of(&state);
    assert_eq!(outcomes.len(), 1);
    (outcomes.remove(0), state, text)
}

fn text_of(state: &State) -> Vec<u8> {
    state.canonical("global").expect("it was set")
}

fn global(state: &State) -> Json<'static> {
    state.scope("global").expect("it was set")
}

fn depth(value: &Json<'_>) -> u32 {
    match value {
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(object) => 1 + object.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}
