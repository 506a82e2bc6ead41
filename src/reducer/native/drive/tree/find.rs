//! The rules' searches and changes, over the indices.

use std::sync::Arc;

use super::index::{Place, SiblingKey, Slot};
use super::node::{StoredNode, without_fields};
use super::{Order, Tree};
use crate::model::json::{Json, Object, Text};
use crate::reducer::native::collation::SortKey;
use crate::reducer::native::drive::engine::{Failure, stack_exceeded};
use crate::reducer::native::drive::names::CopyName;
use crate::reducer::native::drive::rules::{Change, NewNode, Node, NodeKind, Nodes, Siblings};

impl Node for Arc<StoredNode> {
    type Kind = NodeKind;

    fn name(&self) -> Option<&Text<'static>> {
        Some(&self.name)
    }

    fn kind(&self) -> NodeKind {
        self.kind
    }

    fn parent(&self) -> Json<'_> {
        self.parent.as_ref().map(|parent| Text::Borrowed(parent.as_bytes())).into()
    }
}

impl Nodes for Tree {
    type Node = Arc<StoredNode>;
    type Kind = NodeKind;

    fn find(&self, id: &Text<'_>) -> Result<Option<Arc<StoredNode>>, Failure> {
        Ok(self.get(id).cloned())
    }

    fn is_taken(&self, name: &Text<'_>, among: &Siblings<'_, NodeKind>) -> Result<bool, Failure> {
        let slot = Slot::new(among.parent.as_text(), among.kind, CopyName::read(name.as_bytes()));
        let is_it = |node: &StoredNode| node.name == *name && is_sibling(node, among);
        Ok(match self.siblings.get(&slot) {
            None => false,
            Some(node) if is_it(node) => true,
            Some(_) => {
                let slot = SiblingKey::first(slot)..=SiblingKey::last(slot);
                self.siblings.range(slot).any(|(_, node)| is_it(node))
            }
        })
    }

    fn greatest_copy(&self, name: &Text<'_>, among: &Siblings<'_, NodeKind>) -> Result<f64, Failure> {
        let slot = |number| Slot::new(among.parent.as_text(), among.kind, CopyName { base: name.as_bytes(), number });
        let copies = SiblingKey::first(slot(0.0))..=SiblingKey::last(slot(f64::INFINITY));
        let siblings = self.siblings.range(copies).rev().filter(|(_, node)| is_sibling(node, among));
        Ok(siblings
            .map(|(_, node)| CopyName::read(node.name.as_bytes()))
            .find(|copy| copy.base == name.as_bytes())
            .map_or(0.0, |copy| copy.number))
    }

    fn push(&mut self, node: NewNode<'_>) {
        let mut document_type = node.document_type.map(|document_type| self.shared_type(document_type));
        let mut more = Object::new();
        if let Some(members) = node.more {
            more = without_fields(members);
            match members.get("documentType") {
                Some(Json::String(text)) => document_type = Some(self.shared_type(text)),
                Some(odd) => drop(more.insert("documentType".into(), odd.to_owned_json())),
                None => {}
            }
        }
        self.insert(StoredNode {
            id: node.id.to_owned_text(),
            name: node.name,
            kind: node.kind,
            parent: node.parent.map(Text::to_owned_text),
            document_type,
            more,
            serial: self.next_serial,
        });
    }

    fn push_copy(&mut self, source: &Arc<StoredNode>, id: &Text<'_>, change: Change<'_>) {
        let mut node = self.changed(source, change);
        node.id = id.to_owned_text();
        node.more.insert("slug".into(), node.id.clone().into());
        node.serial = self.next_serial;
        self.insert(node);
    }

    fn change(&mut self, node: &Arc<StoredNode>, change: Change<'_>) {
        if change.name.is_some() || change.parent.is_some() || change.document_type.is_some() {
            let new = self.changed(node, change);
            self.replace(node, new);
        }
    }

    /// Walks up instead of down: as each node has one parent, the search below `node` is endless if, and
    /// only if, the way up from `node` leads back to it.
    fn is_below(&self, target: Option<&Text<'_>>, node: &Arc<StoredNode>) -> Result<bool, Failure> {
        if self.leads_to(node.parent.as_ref(), &node.id) {
            return Err(stack_exceeded());
        }
        let target = target.and_then(|target| self.get(target));
        Ok(target.is_some_and(|target| self.leads_to(target.parent.as_ref(), &node.id)))
    }

    fn remove_tree(&mut self, node: &Arc<StoredNode>) -> Result<(), Failure> {
        let mut doomed = vec![node.clone()];
        let mut visited = 0;
        while let Some(parent) = doomed.get(visited).cloned() {
            visited += 1;
            let children = doomed.len();
            doomed.extend(self.children(&parent.id).cloned());
            if doomed[children..].iter().any(|child| child.id == node.id) {
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
        let key = SortKey::borrowed(id);
        let found = self.nodes.get(&key)?;
        if found.id == *id {
            return Some(found);
        }
        // Different ids that compare as equal are neighbours.
        let same = self.nodes.range(Place::first(id)..).take_while(|(_, node)| SortKey::borrowed(&node.id) == key);
        same.map(|(_, node)| node).find(|node| node.id == *id)
    }

    fn children<'t>(&'t self, parent: &'t Text<'static>) -> impl Iterator<Item = &'t Arc<StoredNode>> {
        let (first, last) = Slot::of_folder(parent);
        let nodes = self.siblings.range(SiblingKey::first(first)..=SiblingKey::last(last)).map(|(_, node)| node);
        nodes.filter(move |node| node.parent.as_ref() == Some(parent))
    }

    /// Whether `goal` is `from` or an ancestor of it. `goal` is the id of a node.
    fn leads_to(&self, from: Option<&Text<'static>>, goal: &Text<'static>) -> bool {
        let mut at = from;
        // More steps than there are nodes go round in a circle.
        for _ in 0..=self.nodes.len() {
            match at {
                None => return false,
                Some(id) if id == goal => return true,
                Some(id) => at = self.get(id).and_then(|node| node.parent.as_ref()),
            }
        }
        false
    }

    fn changed(&mut self, node: &StoredNode, change: Change<'_>) -> StoredNode {
        let mut new = node.clone();
        if let Some(name) = change.name {
            new.name = name;
        }
        if let Some(parent) = change.parent {
            new.parent = parent.map(Text::to_owned_text);
        }
        if let Some(document_type) = change.document_type {
            new.more.remove("documentType");
            new.document_type = Some(self.shared_type(document_type));
        }
        new
    }

    /// An owned copy of a document type; the one that was stored last is shared.
    fn shared_type(&mut self, document_type: &Text<'_>) -> Text<'static> {
        match &self.last_document_type {
            Some(last) if last == document_type => last.clone(),
            _ => self.last_document_type.insert(document_type.to_owned_text()).clone(),
        }
    }
}

fn is_sibling(node: &StoredNode, among: &Siblings<'_, NodeKind>) -> bool {
    let excepted = among.except.is_some_and(|id| node.id == *id);
    node.kind == among.kind && node.parent.as_ref() == among.parent.as_text() && !excepted
}
