//! Nodes as plain JSON: any list at all, searched from its start each time, as JavaScript does.

use std::collections::HashSet;

use super::names::CopyName;
use super::nodes::{Change, NewNode, Node, NodeKind, Nodes, Siblings};
use crate::model::json::{Json, Object, Text};
use crate::reducer::coerce::{is_same, not_a_function, read, to_text, unreadable};
use crate::reducer::native::collation::locale_compare;
use crate::reducer::native::engine::{Failure, stack_exceeded};

/// A list of whatever a state has for nodes.
pub(super) struct Loose<'s>(pub(super) &'s mut Vec<Json<'static>>);

/// A node of such a list.
pub(super) struct LooseNode {
    at: usize,
    node: Json<'static>,
}

impl Node for LooseNode {
    type Kind = LooseKind;

    fn name(&self) -> Option<Text<'_>> {
        self.node.get("name").and_then(Json::as_text).cloned()
    }

    fn kind(&self) -> LooseKind {
        LooseKind(self.node.get("kind").cloned())
    }

    fn parent(&self) -> Json<'_> {
        self.node.get("parentFolder").cloned().unwrap_or_default()
    }
}

/// Whatever a node has for its kind.
#[derive(Debug, PartialEq)]
pub(super) struct LooseKind(Option<Json<'static>>);

impl From<NodeKind> for LooseKind {
    fn from(kind: NodeKind) -> Self {
        LooseKind(Some(kind.as_str().into()))
    }
}

impl Loose<'_> {
    /// The nodes of that kind and folder, the excepted one left out.
    fn siblings(&self, among: &Siblings<'_, LooseKind>) -> Result<Vec<&Json<'static>>, Failure> {
        let mut siblings = Vec::new();
        for node in &*self.0 {
            let same_kind = is_same(read(Some(node), "kind")?, among.kind.0.as_ref());
            let same_parent = is_same(node.get("parentFolder"), Some(&among.parent));
            let excepted = among.except.is_some_and(|id| has_id(node, id));
            if same_kind && same_parent && !excepted {
                siblings.push(node);
            }
        }
        Ok(siblings)
    }

    /// The ids of the children of the node that has the id `parent`.
    fn children(&self, parent: Option<&Json<'static>>) -> Result<Vec<Option<&Json<'static>>>, Failure> {
        let mut children = Vec::new();
        for node in &*self.0 {
            if is_same(read(Some(node), "parentFolder")?, parent) {
                children.push(node.get("id"));
            }
        }
        Ok(children)
    }

    /// The ids below `node`, by depth-first search with an explicit stack.
    fn descendants(&self, node: &LooseNode) -> Result<Vec<Option<Json<'static>>>, Failure> {
        let root = self.0[node.at].get("id");
        let mut found: Vec<Option<&Json<'static>>> = Vec::new();
        let mut seen = HashSet::new();
        // Each id on the way down, with its children that are still to visit.
        let mut path = vec![(root, self.children(root)?)];
        let mut on_path = HashSet::from([printed(root)]);
        while let Some((id, left)) = path.last_mut() {
            let Some(child) = left.pop() else {
                on_path.remove(&printed(*id));
                path.pop();
                continue;
            };
            let key = printed(child);
            // The printed id is a shortcut: 5 and "5" print alike.
            if on_path.contains(&key) && path.iter().any(|(id, _)| is_same(*id, child)) {
                return Err(stack_exceeded());
            }
            if seen.insert(key.clone()) || !found.iter().any(|id| is_same(*id, child)) {
                found.push(child);
                on_path.insert(key);
                path.push((child, self.children(child)?));
            }
        }
        Ok(found.into_iter().map(Option::<&Json<'static>>::cloned).collect())
    }
}

impl Nodes for Loose<'_> {
    type Node = LooseNode;
    type Kind = LooseKind;

    fn find(&mut self, id: &Text<'_>) -> Result<Option<LooseNode>, Failure> {
        for (at, node) in self.0.iter().enumerate() {
            if read(Some(node), "id")?.and_then(Json::as_text) == Some(id) {
                return Ok(Some(LooseNode { at, node: node.clone() }));
            }
        }
        Ok(None)
    }

    fn is_taken(&mut self, name: &Text<'_>, among: &Siblings<'_, LooseKind>) -> Result<bool, Failure> {
        Ok(self.siblings(among)?.iter().any(|node| node.get("name").and_then(Json::as_text) == Some(name)))
    }

    fn greatest_copy(&self, name: &Text<'_>, among: &Siblings<'_, LooseKind>) -> Result<f64, Failure> {
        let siblings = self.siblings(among)?;
        let names = siblings.iter().filter_map(|node| node.get("name").and_then(Json::as_text));
        let copies = names.map(|name| CopyName::read(name.as_bytes())).filter(|copy| copy.base == name.as_bytes());
        Ok(copies.map(|copy| copy.number).fold(0.0, f64::max))
    }

    fn push(&mut self, node: NewNode<'_>) {
        let mut object = node.more.cloned().unwrap_or_default().into_owned();
        object.insert("id".into(), node.id.to_owned_text().into());
        object.insert("name".into(), node.name.into_owned().into());
        object.insert("kind".into(), node.kind.as_str().into());
        object.insert("parentFolder".into(), node.parent.map(Text::to_owned_text).into());
        if let Some(document_type) = node.document_type {
            object.insert("documentType".into(), document_type.to_owned_text().into());
        }
        self.0.push(object.into());
    }

    fn push_copy(&mut self, source: &LooseNode, id: &Text<'_>, change: Change<'_>) {
        let mut object = source.node.as_object().cloned().unwrap_or_default();
        object.insert("id".into(), id.to_owned_text().into());
        object.insert("slug".into(), id.to_owned_text().into());
        change_members(&mut object, change);
        self.0.push(object.into());
    }

    fn change(&mut self, node: &LooseNode, change: Change<'_>) {
        if let Json::Object(object) = &mut self.0[node.at] {
            change_members(object, change);
        }
    }

    fn is_below(&self, target: Option<&Text<'_>>, node: &LooseNode) -> Result<bool, Failure> {
        let is_target = |id: &Option<Json<'static>>| id.as_ref().and_then(Json::as_text) == target;
        Ok(self.descendants(node)?.iter().any(|id| target.is_some() && is_target(id)))
    }

    fn remove_tree(&mut self, node: &LooseNode) -> Result<(), Failure> {
        let mut ids = self.descendants(node)?;
        ids.push(node.node.get("id").cloned());
        let texts: HashSet<Text<'static>> = ids.iter().flatten().filter_map(Json::as_text).cloned().collect();
        self.0.retain(|node| match node.get("id") {
            Some(Json::String(id)) => !texts.contains(id),
            id => !ids.iter().any(|other| is_same(other.as_ref(), id)),
        });
        Ok(())
    }

    /// Each node but the first is compared to one before it, as `a` of `a.id.localeCompare(b.id)`.
    fn sort(&mut self) -> Result<(), Failure> {
        for (at, node) in self.0.iter().enumerate() {
            match read(Some(node), "id")? {
                _ if at == 0 => {}
                Some(Json::String(_)) => {}
                None => return Err(unreadable("undefined", "localeCompare")),
                Some(Json::Null) => return Err(unreadable("null", "localeCompare")),
                Some(_) => return Err(not_a_function("a.id", "localeCompare")),
            }
        }
        self.0.sort_by(|a, b| locale_compare(&printed(a.get("id")), &printed(b.get("id"))));
        Ok(())
    }
}

/// `String(id)`, as far as it tells ids apart.
fn printed(id: Option<&Json<'static>>) -> Text<'static> {
    to_text(id).unwrap_or_else(|text| text)
}

fn has_id(node: &Json<'static>, id: &Text<'_>) -> bool {
    node.get("id").and_then(Json::as_text) == Some(id)
}

fn change_members(node: &mut Object<'static>, change: Change<'_>) {
    if let Some(name) = change.name {
        node.insert("name".into(), name.into_owned().into());
    }
    if let Some(parent) = change.parent {
        node.insert("parentFolder".into(), parent.into_owned());
    }
    if let Some(document_type) = change.document_type {
        node.insert("documentType".into(), document_type.to_owned_text().into());
    }
}
