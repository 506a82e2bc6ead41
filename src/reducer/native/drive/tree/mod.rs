//! Nodes in indices: each search of a rule is a search in a persistent B-tree, and a copy of all of it shares
//! what stays the same.
//!
//! `nodes` is in the order of the sort, `siblings` by folder, kind and name. A node's serial number is its
//! position in the list that the state was read from, or later than all of these, and never changes: it
//! makes the sort stable, and is the order of a list that nothing has sorted yet.

mod btree;
mod find;
mod index;
mod keys;
mod node;

use std::cmp::Ordering;
use std::sync::Arc;

use crate::model::json::{Json, Object, Text, write_canonical, write_text};
use crate::model::state::{Piece, piece_id};
use crate::reducer::native::collation::ascii_weights;
use btree::{BTree, items};
use index::cmp_nodes;
use node::StoredNode;

const NODES: &str = "nodes";

/// A state with well-formed nodes of distinct ids.
#[derive(Clone)]
pub(super) struct Tree {
    /// The members of the state other than `nodes`.
    members: Arc<Object<'static>>,
    /// By the weights of the id, then as the sort does.
    nodes: BTree<Arc<StoredNode>>,
    /// Whether all ids are ASCII. If not, weights have no meaning, and are all 0.
    weighted: bool,
    /// By slot, then serial number.
    siblings: BTree<Arc<StoredNode>>,
    next_serial: u64,
    order: Order,
    /// What the nodes take beyond their own size, in bytes.
    beyond: usize,
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
        let others = state.iter().filter(|(key, _)| **key != *NODES);
        let members: Object<'static> = others.map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut tree = Tree {
            members: Arc::new(members),
            nodes: BTree::new(),
            weighted: true,
            siblings: BTree::new(),
            next_serial: 0,
            order: Order::Sorted,
            beyond: 0,
        };
        for node in list {
            let node = StoredNode::read(node, tree.next_serial)?;
            if tree.get(&node.id()).is_some() {
                return None;
            }
            tree.insert(node);
        }
        let mut next = 0..;
        if tree.nodes.iter().any(|node| Some(node.serial) != next.next()) {
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
        self.write_before(&mut out);
        self.in_order(|nodes| {
            for (n, node) in nodes.enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                node.write_canonical(&mut out);
            }
        });
        self.write_after(&mut out);
        out
    }

    /// About how many bytes of memory the state takes.
    pub(super) fn heap_bytes(&self) -> usize {
        /// The counters of a shared node, its places in two indices whose pages are half full at worst, and what an
        /// allocator adds.
        const PLACES: usize = 16 + 2 * 2 * 2 * size_of::<u64>() + 32;
        let members: usize =
            self.members.iter().map(|(key, value)| key.as_bytes().len() + 64 + value.heap_bytes()).sum();
        self.nodes.len() * (size_of::<StoredNode>() + PLACES) + self.beyond + members
    }

    /// Visits the canonical text of the state in pieces: a page of the index of nodes is a group, as long as the list
    /// is in its order.
    pub(super) fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        each(Piece::Shared { id: piece_id(&self.members, 0), write: &|out| self.write_before(out) });
        match self.order {
            Order::Sorted => self.nodes.pieces(&StoredNode::write_canonical, each),
            Order::AsGiven => {
                let mut nodes: Vec<&Arc<StoredNode>> = self.nodes.iter().collect();
                nodes.sort_unstable_by_key(|node| node.serial);
                items(nodes.into_iter(), true, &StoredNode::write_canonical, each);
            }
        }
        each(Piece::Shared { id: piece_id(&self.members, 1), write: &|out| self.write_after(out) });
    }

    /// Appends what comes before the nodes.
    fn write_before(&self, out: &mut Vec<u8>) {
        let nodes = Text::from(NODES);
        out.push(b'{');
        for (key, value) in self.members.iter().take_while(|(key, _)| **key < nodes) {
            write_text(key, out);
            out.push(b':');
            write_canonical(value, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"nodes\":[");
    }

    /// Appends what comes after the nodes.
    fn write_after(&self, out: &mut Vec<u8>) {
        let nodes = Text::from(NODES);
        out.push(b']');
        for (key, value) in self.members.iter().skip_while(|(key, _)| **key < nodes) {
            out.push(b',');
            write_text(key, out);
            out.push(b':');
            write_canonical(value, out);
        }
        out.push(b'}');
    }

    /// The members of the state other than `nodes`, to change.
    pub(super) fn members_mut(&mut self) -> &mut Object<'static> {
        Arc::make_mut(&mut self.members)
    }

    /// Hands the nodes to `visit`, in the order of the list.
    fn in_order<T>(&self, visit: impl FnOnce(&mut dyn Iterator<Item = &StoredNode>) -> T) -> T {
        let mut nodes = self.nodes.iter().map(|node| &**node);
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
        self.beyond += node.beyond();
        let node = Arc::new(node);
        self.place(node.clone());
        self.siblings.insert(node.slot, node, |_, _| Ordering::Less);
    }

    /// Puts `new` in the place of `old`; id and serial number are the same.
    fn replace(&mut self, old: &StoredNode, new: StoredNode) {
        self.beyond = self.beyond + new.beyond() - old.beyond();
        let new = Arc::new(new);
        self.place(new.clone());
        let slot = new.slot;
        self.siblings.insert(slot, new, |other, new| other.serial.cmp(&new.serial));
        if slot != old.slot {
            self.siblings.remove(old.slot, |other| other.serial.cmp(&old.serial));
        }
    }

    fn remove(&mut self, node: &StoredNode) {
        self.beyond -= node.beyond();
        self.siblings.remove(node.slot, |other| other.serial.cmp(&node.serial));
        self.nodes.remove(self.weights(&node.id()), |other| cmp_nodes(other, node));
    }

    /// Puts a node in its place in the sorted list.
    fn place(&mut self, node: Arc<StoredNode>) {
        let weights = ascii_weights(&node.id());
        if weights.is_none() && self.weighted {
            self.weighted = false;
            let nodes = std::mem::replace(&mut self.nodes, BTree::new());
            nodes.iter().for_each(|node| self.place(node.clone()));
        }
        let weights = weights.filter(|_| self.weighted).unwrap_or(0);
        self.nodes.insert(weights, node, |other, node| cmp_nodes(other, node));
    }

    fn weights(&self, id: &Text<'_>) -> u64 {
        if self.weighted { ascii_weights(id).unwrap_or(0) } else { 0 }
    }
}
