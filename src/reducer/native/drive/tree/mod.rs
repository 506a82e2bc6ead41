//! Nodes in indices: each search of a rule is a search in a persistent B-tree, and a copy of all of it shares
//! what stays the same.
//!
//! `nodes` is in the order of the sort, `siblings` by folder, kind and name. A node's serial number is its
//! position in the list that the state was read from, or later than all of these, and never changes: it
//! makes the sort stable, and is the order of a list that nothing has sorted yet.

mod find;
mod index;
mod node;

use std::sync::Arc;

use imbl::OrdMap;

use crate::model::json::{Json, Object, Text, write_canonical, write_text};
use index::{Place, SiblingKey};
use node::StoredNode;

const NODES: &str = "nodes";

/// A state with well-formed nodes of distinct ids.
#[derive(Clone)]
pub(super) struct Tree {
    /// The members of the state other than `nodes`.
    members: Arc<Object<'static>>,
    nodes: OrdMap<Place, Arc<StoredNode>>,
    siblings: OrdMap<SiblingKey, Arc<StoredNode>>,
    next_serial: u64,
    order: Order,
    /// The document type that was stored last; files tend to share it.
    last_document_type: Option<Text<'static>>,
}

/// The order of the list of nodes.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// By serial number.
    AsGiven,
    /// By id, then serial number.
    Sorted,
}

impl Tree {
    /// Indexes the nodes of `state`; `None` if it has none, or some that do not fit.
    pub(super) fn read(state: &Object<'static>) -> Option<Self> {
        let list = state.get(NODES)?.as_array()?;
        let mut members = state.clone();
        members.remove(NODES);
        let mut tree = Tree {
            members: Arc::new(members),
            nodes: OrdMap::new(),
            siblings: OrdMap::new(),
            next_serial: 0,
            order: Order::Sorted,
            last_document_type: None,
        };
        for node in list {
            let node = StoredNode::read(node, tree.next_serial)?;
            if tree.get(&node.id).is_some() {
                return None;
            }
            tree.insert(node);
        }
        if !tree.nodes.values().is_sorted_by_key(|node| node.serial) {
            tree.order = Order::AsGiven;
        }
        Some(tree)
    }

    /// The state as JSON.
    pub(super) fn to_object(&self) -> Object<'static> {
        let mut object = Object::clone(&self.members);
        object.insert(NODES.into(), Json::Array(self.in_order(|nodes| nodes.map(StoredNode::to_json).collect())));
        object
    }

    /// The canonical text of the state.
    pub(super) fn canonical(&self) -> Vec<u8> {
        const TYPICAL_NODE: usize = 192;
        let mut out = Vec::with_capacity(self.nodes.len() * TYPICAL_NODE);
        let nodes = Text::from(NODES);
        let (before, after): (Vec<_>, Vec<_>) = self.members.iter().partition(|(key, _)| **key < nodes);
        out.push(b'{');
        for (key, value) in before {
            write_text(key, &mut out);
            out.push(b':');
            write_canonical(value, &mut out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"nodes\":[");
        self.in_order(|nodes| {
            for (n, node) in nodes.enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                node.write_canonical(&mut out);
            }
        });
        out.push(b']');
        for (key, value) in after {
            out.push(b',');
            write_text(key, &mut out);
            out.push(b':');
            write_canonical(value, &mut out);
        }
        out.push(b'}');
        out
    }

    /// The members of the state other than `nodes`, to change.
    pub(super) fn members_mut(&mut self) -> &mut Object<'static> {
        Arc::make_mut(&mut self.members)
    }

    /// Hands the nodes to `visit`, in the order of the list.
    fn in_order<T>(&self, visit: impl FnOnce(&mut dyn Iterator<Item = &StoredNode>) -> T) -> T {
        let mut nodes = self.nodes.values().map(|node| &**node);
        match self.order {
            Order::Sorted => visit(&mut nodes),
            Order::AsGiven => {
                let mut nodes: Vec<&StoredNode> = nodes.collect();
                nodes.sort_unstable_by_key(|node| node.serial);
                visit(&mut nodes.into_iter())
            }
        }
    }

    /// Adds a node with the next serial number to both indices.
    fn insert(&mut self, node: StoredNode) {
        self.next_serial = node.serial + 1;
        let node = Arc::new(node);
        self.siblings.insert(SiblingKey::of(&node), node.clone());
        self.nodes.insert(Place::of(&node), node);
    }

    /// Puts `new` in the place of `old`; id and serial number are the same.
    fn replace(&mut self, old: &StoredNode, new: StoredNode) {
        let new = Arc::new(new);
        let (old_key, new_key) = (SiblingKey::of(old), SiblingKey::of(&new));
        if old_key != new_key {
            self.siblings.remove(&old_key);
        }
        self.siblings.insert(new_key, new.clone());
        self.nodes.insert(Place::of(&new), new);
    }

    fn remove(&mut self, node: &StoredNode) {
        self.siblings.remove(&SiblingKey::of(node));
        self.nodes.remove(&Place::of(node));
    }
}
