use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::ids::Scope;
use crate::model::json::Json;
use crate::model::state::{JsonState, Piece, StateParts, VisitPieces, joined, piece_id};

/// A text in groups of groups, of which states share what they did not change.
#[derive(Clone, Debug)]
enum Tree {
    Loose(String),
    Value(Arc<String>),
    Group(Arc<Vec<Tree>>),
}

/// A state whose only scope is a tree; absent, if it is none.
struct TreeState(Option<Tree>);

impl Tree {
    fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        match self {
            Tree::Loose(text) => each(Piece::Text(text.as_bytes())),
            Tree::Value(text) => {
                each(Piece::Shared { id: piece_id(text, 0), write: &|out| out.extend_from_slice(text.as_bytes()) });
            }
            Tree::Group(trees) => {
                let pieces: &VisitPieces<'_> = &|each| trees.iter().for_each(|tree| tree.pieces(each));
                each(Piece::Group { id: piece_id(trees, 0), pieces });
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Tree::Loose(text) => text.clone(),
            Tree::Value(text) => text.to_string(),
            Tree::Group(trees) => trees.iter().map(Tree::text).collect(),
        }
    }

    /// Does something at a place that `way` leads to.
    fn edit(&mut self, way: &[usize], new: &Tree) {
        let Tree::Group(trees) = self else { return *self = new.clone() };
        let trees = Arc::make_mut(trees);
        let (Some((&step, rest)), n) = (way.split_first(), trees.len()) else { return *self = new.clone() };
        let at = step / 8 % n.max(1);
        match step % 8 {
            _ if n == 0 => trees.push(new.clone()),
            0 => drop(trees.remove(at)),
            1 => trees.insert(at, new.clone()),
            2 => trees.insert(at, trees[step / 64 % n].clone()),
            3 => trees.rotate_left(at),
            // As a page that is full.
            4 => {
                if let Tree::Group(one) = &mut trees[at] {
                    let one = Arc::make_mut(one);
                    let upper = one.split_off(one.len() / 2);
                    trees.insert(at + 1, Tree::Group(Arc::new(upper)));
                }
            }
            _ => trees[at].edit(rest, new),
        }
    }
}

impl StateParts for TreeState {
    fn scopes(&self) -> Vec<Scope> {
        self.0.iter().map(|_| Scope::global()).collect()
    }

    fn scope(&self, _: &str) -> Option<Json<'static>> {
        None
    }

    fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        self.0.as_ref().filter(|_| scope == "global").map(|tree| tree.text().into_bytes())
    }

    fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        let tree = self.0.as_ref().filter(|_| scope == "global");
        tree.inspect(|tree| tree.pieces(each)).is_some()
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let text = prop_oneof![
        3 => "[a-c]{0,12}",
        1 => prop::sample::select(vec!["null".to_owned(), "false".to_owned(), "0".to_owned(), "\"\"".to_owned()]),
        1 => (0..400_usize).prop_map(|n| "x".repeat(n)),
    ];
    let leaf = prop_oneof![
        1 => text.clone().prop_map(Tree::Loose),
        3 => text.prop_map(|text| Tree::Value(Arc::new(text))),
    ];
    leaf.prop_recursive(3, 40, 8, |inner| {
        prop::collection::vec(inner, 0..8).prop_map(|trees| Tree::Group(Arc::new(trees)))
    })
}

/// What is hashed next: the last state after an edit, an earlier one, another one, none, or one of another scope.
#[derive(Clone, Debug)]
enum Then {
    Edit(Vec<usize>, Tree),
    Back(usize),
    Other(Tree),
    Absent,
    OtherScope,
}

fn thens() -> impl Strategy<Value = Then> {
    let way = prop::collection::vec(any::<usize>(), 0..5);
    prop_oneof![
        20 => (way, trees()).prop_map(|(way, tree)| Then::Edit(way, tree)),
        3 => any::<usize>().prop_map(Then::Back),
        1 => trees().prop_map(Then::Other),
        1 => Just(Then::Absent),
        1 => Just(Then::OtherScope),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn is_the_hash_of_each_state(start in trees(), thens in prop::collection::vec(thens(), 1..40)) {
        let mut states = vec![State::new(TreeState(Some(start.clone())))];
        let (mut hash, mut last) = (RunningHash::default(), start);
        for then in thens {
            let (mut at, mut scope) = (states.len(), "global");
            match then {
                Then::Edit(way, new) => last.edit(&way, &new),
                Then::Back(n) => at = n % states.len(),
                Then::Other(tree) => last = tree,
                Then::Absent => {
                    prop_assert_eq!(hash.hash(&State::new(TreeState(None)), scope), hash_canonical(None));
                    continue;
                }
                Then::OtherScope => (at, scope) = (0, "local"),
            }
            if at == states.len() {
                states.push(State::new(TreeState(Some(last.clone()))));
            }
            if let Some(tree) = states[at].downcast::<TreeState>().and_then(|state| state.0.clone()) {
                last = tree;
            }
            prop_assert_eq!(hash.hash(&states[at], scope), states[at].hash(scope));
        }
    }
}

fn value(text: &str) -> Tree {
    Tree::Value(Arc::new(text.to_owned()))
}

#[test]
fn neither_writes_nor_hashes_what_is_known() {
    let groups = (0..100).map(|n| Tree::Group(Arc::new((0..10).map(|m| value(&format!("{n:03}.{m:03},"))).collect())));
    let tree = Tree::Group(Arc::new(groups.collect()));
    let mut hash = RunningHash::default();
    let mut cost_of = |tree: &Tree| {
        let (before, state) = (hash.cost(), State::new(TreeState(Some(tree.clone()))));
        assert_eq!(hash.hash(&state, "global"), state.hash("global"));
        let after = hash.cost();
        let changed = after.bytes_changed - before.bytes_changed;
        (changed, after.bytes_hashed - before.bytes_hashed - changed, after.bytes_written - before.bytes_written)
    };
    assert_eq!(cost_of(&tree), (8000, 0, 8000));
    assert_eq!(cost_of(&tree), (0, 0, 0));
    // What is written anew and comes out the same is not hashed.
    let mut same = tree.clone();
    same.edit(&[5 + 8 * 50, 5 + 8 * 5], &value("050.005,"));
    assert_eq!(cost_of(&same), (0, 0, 8));
    let mut other = same.clone();
    other.edit(&[5 + 8 * 50, 5 + 8 * 5], &value("050.005;"));
    assert_eq!(cost_of(&other), (8000 - 50 * 80 - 5 * 8 - 7, 4047 % sum::STRIDE as u64, 8));
    // A group in another place, and one that is divided.
    let mut moved = other.clone();
    moved.edit(&[3 + 8 * 99], &value(""));
    assert_eq!(cost_of(&moved), (8000 - 1, 1, 0));
    let mut divided = moved.clone();
    divided.edit(&[4 + 8 * 70], &value(""));
    assert_eq!(cost_of(&divided), (0, 0, 0));
    // Back again: small values are sought in the group that was in the place of theirs, which has half of them.
    assert_eq!(cost_of(&tree).2, 8 + 5 * 8);
}

#[test]
fn a_panic_on_the_way_leaves_nothing_behind() {
    struct Panics;
    impl StateParts for Panics {
        fn scopes(&self) -> Vec<Scope> {
            vec![]
        }
        fn scope(&self, _: &str) -> Option<Json<'static>> {
            None
        }
        fn pieces(&self, _: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
            value(&"a".repeat(100)).pieces(each);
            panic!("on purpose");
        }
    }
    let mut hash = RunningHash::default();
    let state = State::new(TreeState(Some(value(&"ab".repeat(500)))));
    assert_eq!(hash.hash(&state, "global"), state.hash("global"));
    let panics = State::new(Panics);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hash.hash(&panics, "global")));
    assert!(caught.is_err());
    assert_eq!(hash.hash(&state, "global"), state.hash("global"));
}

#[test]
fn is_the_hash_of_plain_json() {
    let (mut hash, mut state, mut kept) = (RunningHash::default(), JsonState::default(), Vec::new());
    let texts = [r#"{"a":[1,2,3]}"#, "null", "0", "false", "\"\"", "[]", r#"{"a":[1,2,4]}"#, "0.5", "-0"];
    for text in texts.iter().cycle().take(20) {
        let value = crate::model::json::parse(text.as_bytes()).unwrap().into_owned();
        state.set(Scope::global(), value.clone());
        state.set(Scope::from("local"), Json::Array(vec![value; 40]));
        let state = State::new(state.clone());
        kept.push(state.clone());
        for scope in ["global", "local", "none"] {
            assert_eq!(hash.hash(&state, scope), state.hash(scope));
            assert_eq!(joined(&state, scope), state.canonical(scope));
        }
        let back = &kept[kept.len() / 2];
        assert_eq!(hash.hash(back, "global"), back.hash("global"));
    }
}
