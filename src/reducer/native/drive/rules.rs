//! The actions on nodes, each rule once, over either form of a list of nodes.

use super::engine::{Failure, failure};
use super::names;
use crate::model::json::{Json, Object, Text};

/// What the rules need of a list of nodes.
///
/// The engine's failures come out of it: a form that holds values other than nodes reports what JavaScript
/// would say of them.
pub(super) trait Nodes {
    /// A node as it was when it was found.
    type Node: Node<Kind = Self::Kind>;
    /// Kind of a node.
    type Kind: From<NodeKind> + PartialEq;

    /// The first node of that id.
    fn find(&self, id: &Text<'_>) -> Result<Option<Self::Node>, Failure>;

    /// Whether a sibling is called `name`.
    fn is_taken(&self, name: &Text<'_>, among: &Siblings<'_, Self::Kind>) -> Result<bool, Failure>;

    /// The greatest number among the siblings that are copies of `name`; 0 if there are none.
    fn greatest_copy(&self, name: &Text<'_>, among: &Siblings<'_, Self::Kind>) -> Result<f64, Failure>;

    /// Appends a node.
    fn push(&mut self, node: NewNode<'_>);

    /// Appends a copy of `source` with another id, which becomes its slug, too.
    fn push_copy(&mut self, source: &Self::Node, id: &Text<'_>, change: Change<'_>);

    /// Changes a node that was found in this very list.
    fn change(&mut self, node: &Self::Node, change: Change<'_>);

    /// Whether `target` is the id of a descendant of `node`. Fails where the search for them does not end.
    fn is_below(&self, target: Option<&Text<'_>>, node: &Self::Node) -> Result<bool, Failure>;

    /// Removes a node and its descendants. Fails, before anything is changed, where the search for them does
    /// not end.
    fn remove_tree(&mut self, node: &Self::Node) -> Result<(), Failure>;

    /// Sorts the nodes by id, stably.
    fn sort(&mut self) -> Result<(), Failure>;
}

/// What the rules ask of one node.
pub(super) trait Node {
    /// Kind of a node.
    type Kind;

    /// The name, if it is a string.
    fn name(&self) -> Option<&Text<'static>>;

    /// The kind.
    fn kind(&self) -> Self::Kind;

    /// The parent; `null` if it is absent.
    fn parent(&self) -> Json<'_>;
}

/// The kinds that actions make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    /// `"file"`
    File,
    /// `"folder"`
    Folder,
}

impl NodeKind {
    /// As nodes store it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            NodeKind::File => "file",
            NodeKind::Folder => "folder",
        }
    }
}

/// Nodes of one kind in one folder.
pub(super) struct Siblings<'a, K> {
    /// Their kind.
    pub(super) kind: K,
    /// Their parent, `null` for the root. No node is taken to be in a folder of the id `""`.
    pub(super) parent: Json<'a>,
    /// The node that does not count.
    pub(super) except: Option<&'a Text<'a>>,
}

/// A node to append.
pub(super) struct NewNode<'a> {
    /// Its id, new to the list.
    pub(super) id: &'a Text<'a>,
    /// Its name.
    pub(super) name: Text<'static>,
    /// Its kind.
    pub(super) kind: NodeKind,
    /// Its parent; `""` is kept.
    pub(super) parent: Option<&'a Text<'a>>,
    /// The document type of a file.
    pub(super) document_type: Option<&'a Text<'a>>,
    /// An object whose members it has besides; those above take precedence.
    pub(super) more: Option<&'a Object<'a>>,
}

/// What becomes of a node; an absent part stays as it is.
#[derive(Default)]
pub(super) struct Change<'a> {
    /// Its name.
    pub(super) name: Option<Text<'static>>,
    /// Its parent; `Some(None)` is the root.
    pub(super) parent: Option<Option<&'a Text<'a>>>,
    /// Its document type.
    pub(super) document_type: Option<&'a Text<'a>>,
}

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
    let name = free_name(nodes, name, &among)?.unwrap_or_else(|| name.to_owned_text());
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
    let parent = input.get("parentFolder").filter(|parent| parent.is_null()).map(|_| None);
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
    let free = match chosen.or_else(|| source.name()) {
        Some(name) => free_name(nodes, name, &among)?,
        None => None,
    };
    let name = free.or_else(|| chosen.map(Text::to_owned_text));
    nodes.push_copy(&source, id, Change { name, parent: Some(parent), document_type: None });
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
        Some(name) => free_name(nodes, name, &among)?,
        None => None,
    };
    if node.kind() == NodeKind::Folder.into() && nodes.is_below(target, &node)? {
        return Err(circular("Cannot move a folder to one of its descendants"));
    }
    nodes.change(&node, Change { name, parent: Some(parent), document_type: None });
    Ok(())
}

/// The node that an update is about, after the rule for names; a node that is not there is no error.
fn to_update<'a, N: Nodes>(nodes: &N, input: &'a Json<'a>) -> Result<Option<(N::Node, &'a Text<'a>)>, Failure> {
    if let Some(name) = given(input, "name").filter(|name| !name.is_empty()) {
        names::check(name)?;
    }
    let id = required(input, "id");
    Ok(nodes.find(id)?.map(|node| (node, id)))
}

/// The name after an update, `None` if it stays. A node without a name cannot collide.
fn new_name<N: Nodes>(
    nodes: &N,
    node: &N::Node,
    kind: N::Kind,
    id: &Text<'_>,
    input: &Json<'_>,
) -> Result<Option<Text<'static>>, Failure> {
    let parent = given(input, "parentFolder").map_or_else(|| node.parent(), |parent| folder(Some(parent)));
    let parent = if parent.is_falsy() { Json::Null } else { parent };
    let chosen = given(input, "name");
    let Some(name) = chosen.or_else(|| node.name()) else {
        return Ok(None);
    };
    let free = free_name(nodes, name, &Siblings { kind, parent, except: Some(id) })?;
    Ok(free.or_else(|| chosen.filter(|name| Some(*name) != node.name()).map(Text::to_owned_text)))
}

/// The name that `name` becomes because a sibling has it; `None` if it is free.
fn free_name<N: Nodes>(
    nodes: &N,
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
    parent.filter(|parent| !parent.is_empty()).map(|parent| Text::Borrowed(parent.as_bytes())).into()
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
