//! The actions on nodes, each rule once, over either form of a list of nodes.

use super::names;
use super::nodes::{Change, NewNode, Node, NodeKind, Nodes, Siblings, borrowed};
use crate::model::json::{Json, Text};
use crate::reducer::native::engine::{Failure, failure};

/// An action on nodes.
#[derive(Clone, Copy)]
pub(super) enum NodeAction {
    /// `ADD_FILE`
    AddFile,
    /// `ADD_FOLDER`
    AddFolder,
    /// `DELETE_NODE`
    Delete,
    /// `UPDATE_FILE`
    UpdateFile,
    /// `UPDATE_NODE`
    UpdateNode,
    /// `COPY_NODE`
    Copy,
    /// `MOVE_NODE`
    Move,
}

/// Applies `action`; `input` is valid.
pub(super) fn apply<N: Nodes>(nodes: &mut N, action: NodeAction, input: &Json<'_>) -> Result<(), Failure> {
    match action {
        NodeAction::AddFile => add(nodes, NodeKind::File, input)?,
        NodeAction::AddFolder => add(nodes, NodeKind::Folder, input)?,
        NodeAction::Delete => return delete(nodes, input),
        NodeAction::UpdateFile => update_file(nodes, input)?,
        NodeAction::UpdateNode => update_node(nodes, input)?,
        NodeAction::Copy => copy(nodes, input)?,
        NodeAction::Move => move_node(nodes, input)?,
    }
    nodes.sort()
}

fn add<N: Nodes>(nodes: &mut N, kind: NodeKind, input: &Json<'_>) -> Result<(), Failure> {
    let id = required(input, "id");
    if nodes.find(id)?.is_some() {
        return Err(node_id(id, b" already exists!"));
    }
    let name = required(input, "name");
    names::check(name)?;
    let parent = given(input, "parentFolder");
    let among = Siblings { kind: kind.into(), parent: folder(parent), except: None };
    let name = free_name(nodes, name, &among)?.unwrap_or_else(|| borrowed(name));
    let (document_type, more) = match kind {
        NodeKind::File => (given(input, "documentType"), None),
        NodeKind::Folder => (None, input.as_object()),
    };
    nodes.push(NewNode { id, name, kind, parent, document_type, more });
    Ok(())
}

fn delete<N: Nodes>(nodes: &mut N, input: &Json<'_>) -> Result<(), Failure> {
    let id = required(input, "id");
    let node = nodes.find(id)?.ok_or_else(|| node_id(id, b" not found"))?;
    nodes.remove_tree(&node)
}

fn update_file<N: Nodes>(nodes: &mut N, input: &Json<'_>) -> Result<(), Failure> {
    let Some((node, id)) = to_update(nodes, input)? else {
        return Ok(());
    };
    let name = new_name(nodes, &node, NodeKind::File.into(), id, input)?;
    nodes.change(&node, Change { name, parent: None, document_type: given(input, "documentType") });
    Ok(())
}

fn update_node<N: Nodes>(nodes: &mut N, input: &Json<'_>) -> Result<(), Failure> {
    let Some((node, id)) = to_update(nodes, input)? else {
        return Ok(());
    };
    let name = new_name(nodes, &node, node.kind(), id, input)?;
    // Only an explicit null moves the node, and the collision was tested where it came from.
    let parent = input.get("parentFolder").filter(|parent| parent.is_null()).cloned();
    nodes.change(&node, Change { name, parent, document_type: None });
    Ok(())
}

fn copy<N: Nodes>(nodes: &mut N, input: &Json<'_>) -> Result<(), Failure> {
    let (source_id, id) = (required(input, "srcId"), required(input, "targetId"));
    let source = nodes.find(source_id)?.ok_or_else(|| node_id(source_id, b" not found"))?;
    if nodes.find(id)?.is_some() {
        return Err(node_id(id, b" already exists"));
    }
    let parent = given(input, "targetParentFolder").filter(|parent| !parent.is_empty());
    let chosen = given(input, "targetName").filter(|name| !name.is_empty());
    let among = Siblings { kind: source.kind(), parent: folder(parent), except: None };
    let chosen = chosen.map(borrowed);
    let free = match chosen.clone().or_else(|| source.name()) {
        Some(name) => free_name(nodes, &name, &among)?,
        None => None,
    };
    let name = free.or(chosen);
    nodes.push_copy(&source, id, Change { name, parent: Some(folder(parent)), document_type: None });
    Ok(())
}

fn move_node<N: Nodes>(nodes: &mut N, input: &Json<'_>) -> Result<(), Failure> {
    let (id, target) = (required(input, "srcFolder"), given(input, "targetParentFolder"));
    if Some(id) == target {
        return Err(circular("Attempting to move a node to its current parent folder"));
    }
    let node = nodes.find(id)?.ok_or_else(|| node_id(id, b" not found"))?;
    let parent = target.filter(|target| !target.is_empty());
    let among = Siblings { kind: node.kind(), parent: folder(parent), except: None };
    let name = match node.name() {
        Some(name) => free_name(nodes, &name, &among)?,
        None => None,
    };
    if node.kind() == NodeKind::Folder.into() && nodes.is_below(target, &node)? {
        return Err(circular("Cannot move a folder to one of its descendants"));
    }
    nodes.change(&node, Change { name, parent: Some(folder(parent)), document_type: None });
    Ok(())
}

/// The node that an update is about, after the rule for names; a node that is not there is no error.
fn to_update<'a, N: Nodes>(nodes: &mut N, input: &'a Json<'a>) -> Result<Option<(N::Node, &'a Text<'a>)>, Failure> {
    if let Some(name) = given(input, "name").filter(|name| !name.is_empty()) {
        names::check(name)?;
    }
    let id = required(input, "id");
    Ok(nodes.find(id)?.map(|node| (node, id)))
}

/// The name after an update, `None` if it stays. A node without a name cannot collide.
fn new_name<'a, N: Nodes>(
    nodes: &mut N,
    node: &N::Node,
    kind: N::Kind,
    id: &Text<'_>,
    input: &'a Json<'a>,
) -> Result<Option<Text<'a>>, Failure> {
    let parent = given(input, "parentFolder").map_or_else(|| node.parent(), |parent| folder(Some(parent)));
    let parent = if parent.is_falsy() { Json::Null } else { parent };
    let (own, chosen) = (node.name(), given(input, "name").map(borrowed));
    let Some(name) = chosen.as_ref().or(own.as_ref()) else {
        return Ok(None);
    };
    let free = free_name(nodes, name, &Siblings { kind, parent, except: Some(id) })?;
    Ok(free.or_else(|| chosen.filter(|name| own.as_ref() != Some(name))))
}

/// The name that `name` becomes because a sibling has it; `None` if it is free.
fn free_name<N: Nodes>(
    nodes: &mut N,
    name: &Text<'_>,
    among: &Siblings<'_, N::Kind>,
) -> Result<Option<Text<'static>>, Failure> {
    if !nodes.is_taken(name, among)? {
        return Ok(None);
    }
    Ok(Some(names::of_copy(name, 1.0 + nodes.greatest_copy(name, among)?)))
}

/// Where siblings are: `""` means the root.
fn folder<'a>(parent: Option<&'a Text<'_>>) -> Json<'a> {
    parent.filter(|parent| !parent.is_empty()).map(borrowed).into()
}

fn required<'a>(input: &'a Json<'a>, key: &str) -> &'a Text<'a> {
    given(input, key).expect("the input was found to be valid")
}

/// A text of the input; `None` for an absent one and for `null`.
fn given<'a>(input: &'a Json<'a>, key: &str) -> Option<&'a Text<'a>> {
    input.get(key).and_then(Json::as_text)
}

fn node_id(id: &Text<'_>, what: &[u8]) -> Failure {
    failure(&[b"Node with id ", id.as_bytes(), what])
}

fn circular(what: &str) -> Failure {
    format!("Circular Reference Error: {what}").into()
}
