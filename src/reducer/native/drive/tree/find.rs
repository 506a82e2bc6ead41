//! The rules' searches and changes, over the indices.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::btree::Located;
use super::index::{cmp_ids, has_own_slot, slot, slots_of_folder};
use super::node::{Parts, StoredNode, other_members};
use super::{Order, Tree};
use crate::model::json::{Json, Object, Text};
use crate::reducer::native::collation::ascii_weights;
use crate::reducer::native::drive::names::CopyName;
use crate::reducer::native::drive::nodes::{Change, NewNode, Node, NodeKind, Nodes, Siblings, borrowed};
use crate::reducer::native::engine::{Failure, stack_exceeded};

/// A node that was found.
pub(in crate::reducer::native::drive) struct Found(Arc<StoredNode>);

impl Node for Found {
    type Kind = NodeKind;

    fn name(&self) -> Option<Text<'_>> {
        Some(self.0.name())
    }

    fn kind(&self) -> NodeKind {
        self.0.kind
    }

    fn parent(&self) -> Json<'_> {
        self.0.parent().into()
    }
}

impl Nodes for Tree {
    type Node = Found;
    type Kind = NodeKind;

    fn find(&mut self, id: &Text<'_>) -> Result<Option<Found>, Failure> {
        let Some(weights) = self.searched_weights(id) else {
            return Ok(None);
        };
        match self.nodes.locate(weights) {
            Ok(nodes) => Ok(with_id(&nodes, id).cloned().map(Found)),
            Err(gap) => {
                self.nodes.remember(gap);
                Ok(None)
            }
        }
    }

    fn is_taken(&mut self, name: &Text<'_>, among: &Siblings<'_, NodeKind>) -> Result<bool, Failure> {
        let slot = slot(among.parent.as_text(), among.kind, CopyName::read(name.as_bytes()));
        match self.siblings.locate(slot) {
            Ok(nodes) => Ok(nodes.find(|node| node.name() == *name && is_sibling(node, among)).is_some()),
            Err(gap) => {
                self.siblings.remember(gap);
                Ok(false)
            }
        }
    }

    fn greatest_copy(&self, name: &Text<'_>, among: &Siblings<'_, NodeKind>) -> Result<f64, Failure> {
        let slot = |number| slot(among.parent.as_text(), among.kind, CopyName { base: name.as_bytes(), number });
        let mut greatest = 0.0;
        self.siblings.visit(slot(f64::INFINITY), slot(0.0), |node| {
            let own = node.name();
            let copy = CopyName::read(own.as_bytes());
            if copy.base != name.as_bytes() || !is_sibling(node, among) {
                return ControlFlow::Continue(());
            }
            greatest = f64::max(greatest, copy.number);
            if has_own_slot(copy.number) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        Ok(greatest)
    }

    fn push(&mut self, node: NewNode<'_>) {
        let of_input = node.more.and_then(|members| members.get("documentType")).and_then(Json::as_text);
        self.insert(StoredNode::new(Parts {
            id: borrowed(node.id),
            name: node.name,
            kind: node.kind,
            parent: node.parent.map(borrowed),
            document_type: node.document_type.or(of_input).map(borrowed),
            more: node.more.map_or_else(Object::new, other_members),
            serial: self.next_serial,
        }));
    }

    fn push_copy(&mut self, Found(source): &Found, id: &Text<'_>, change: Change<'_>) {
        let mut parts = Parts { id: borrowed(id), serial: self.next_serial, ..changed(source, change) };
        parts.more.insert("slug".into(), id.to_owned_text().into());
        self.insert(StoredNode::new(parts));
    }

    fn change(&mut self, Found(node): &Found, change: Change<'_>) {
        if change.name.is_some() || change.parent.is_some() || change.document_type.is_some() {
            self.replace(node, StoredNode::new(changed(node, change)));
        }
    }

    /// Walks up instead of down: as each node has one parent, the search below `node` is endless if, and
    /// only if, the way up from `node` leads back to it.
    fn is_below(&self, target: Option<&Text<'_>>, Found(node): &Found) -> Result<bool, Failure> {
        if self.has_ancestor(node, &node.id()) {
            return Err(stack_exceeded());
        }
        let target = target.and_then(|target| self.get(target));
        Ok(target.is_some_and(|target| self.has_ancestor(target, &node.id())))
    }

    fn remove_tree(&mut self, Found(node): &Found) -> Result<(), Failure> {
        let mut doomed = vec![node.clone()];
        let mut visited = 0;
        while let Some(parent) = doomed.get(visited).cloned() {
            visited += 1;
            let (first, last) = slots_of_folder(&parent.id());
            let endless = self.siblings.find(first, last, |child| {
                let is_child = child.parent().as_ref() == Some(&parent.id());
                if is_child {
                    doomed.push(Arc::clone(child));
                }
                is_child && child.serial == node.serial
            });
            if endless.is_some() {
                return Err(stack_exceeded());
            }
        }
        for node in doomed {
            self.remove(&node);
        }
        Ok(())
    }

    fn sort(&mut self) -> Result<(), Failure> {
        self.order = Order::Sorted;
        Ok(())
    }
}

impl Tree {
    /// The node of that id.
    pub(super) fn get(&self, id: &Text<'_>) -> Option<&Arc<StoredNode>> {
        with_id(&self.nodes.locate(self.searched_weights(id)?).ok()?, id)
    }

    /// The weights by which a node of that id is found; `None` if there is none.
    fn searched_weights(&self, id: &Text<'_>) -> Option<u64> {
        if self.weighted { ascii_weights(id) } else { Some(0) }
    }

    /// Whether the way up from `node` leads to the node that has the id `ancestor`.
    fn has_ancestor(&self, node: &Arc<StoredNode>, ancestor: &Text<'_>) -> bool {
        let mut at = Some(node);
        // More steps than there are nodes go round in a circle.
        for _ in 0..=self.nodes.len() {
            match at.and_then(|node| node.parent()) {
                None => return false,
                Some(parent) if parent == *ancestor => return true,
                Some(parent) => at = self.get(&parent),
            }
        }
        false
    }
}

fn with_id<'t>(nodes: &Located<'t, Arc<StoredNode>>, id: &Text<'_>) -> Option<&'t Arc<StoredNode>> {
    let found = nodes.first(|node| cmp_ids(&node.id(), id).is_lt())?;
    if found.id() == *id {
        return Some(found);
    }
    if cmp_ids(&found.id(), id).is_gt() {
        return None;
    }
    // Different ids may compare as equal.
    nodes.find(|node| node.id() == *id)
}

/// The parts of `node` after a change.
fn changed<'a>(node: &'a StoredNode, change: Change<'a>) -> Parts<'a> {
    let mut parts = node.parts();
    if let Some(name) = change.name {
        parts.name = name;
    }
    if let Some(parent) = change.parent {
        parts.parent = match parent {
            Json::String(parent) => Some(parent),
            _ => None,
        };
    }
    if let Some(document_type) = change.document_type {
        parts.more.remove("documentType");
        parts.document_type = Some(borrowed(document_type));
    }
    parts
}

fn is_sibling(node: &StoredNode, among: &Siblings<'_, NodeKind>) -> bool {
    let excepted = || among.except.is_some_and(|id| node.id() == *id);
    node.kind == among.kind && node.parent().as_ref() == among.parent.as_text() && !excepted()
}
