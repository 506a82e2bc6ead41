//! What the rules need of nodes, and how they say what becomes of them.

use crate::model::json::{Json, Object, Text};
use crate::reducer::native::engine::Failure;

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
    fn find(&mut self, id: &Text<'_>) -> Result<Option<Self::Node>, Failure>;

    /// Whether a sibling is called `name`.
    fn is_taken(&mut self, name: &Text<'_>, among: &Siblings<'_, Self::Kind>) -> Result<bool, Failure>;

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
    fn name(&self) -> Option<Text<'_>>;

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
    pub(super) name: Text<'a>,
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
    pub(super) name: Option<Text<'a>>,
    /// Its parent, a text or `null` for the root.
    pub(super) parent: Option<Json<'a>>,
    /// Its document type.
    pub(super) document_type: Option<&'a Text<'a>>,
}

/// The same text, without sharing it.
pub(super) fn borrowed<'a>(text: &'a Text<'_>) -> Text<'a> {
    Text::Borrowed(text.as_bytes())
}
