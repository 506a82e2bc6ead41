//! `ls DRIVE --tree`: the folders of a drive. Safe against circles and missing folders, and as deep as they come.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use schemars::JsonSchema;
use serde_json::Value;

use crate::cli::ctx::{Ctx, Reading};
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::render::json::Members;
use crate::cli::render::table::one_line;
use crate::cli::ui::{Format, Out, StdoutError, Ui};
use crate::model::ids::Scope;
use crate::model::json::{Json, Text, canonical};
use crate::model::target::Target;
use crate::replay::Tiers;

/// The folders of a drive.
// It describes what `Tree::write_json` writes.
#[derive(JsonSchema)]
#[schemars(rename = "Drive")]
#[expect(dead_code, reason = "trees are written as they are walked")]
pub(in crate::cli) struct TreeView {
    /// The id of the drive.
    document: String,
    /// Its name, as its state has it.
    name: Value,
    /// What is at the top, and then what hangs on no folder.
    nodes: Vec<NodeView>,
}

/// A folder or a file. What the state has of it is taken as it is, whatever its type.
#[derive(JsonSchema)]
#[schemars(rename = "Node", rename_all = "camelCase")]
#[expect(dead_code, reason = "trees are written as they are walked")]
struct NodeView {
    /// Its id.
    id: Value,
    /// Its name.
    name: Value,
    /// `folder` or `file`.
    kind: Value,
    /// The type of the document that a file stands for; `null` for a folder.
    document_type: Value,
    /// `orphan`: its folder is missing; `circle`: it is its own ancestor; `null`: neither.
    #[schemars(extend("enum" = ["orphan", "circle", null]))]
    problem: Option<String>,
    /// What is in it.
    children: Vec<NodeView>,
}

/// Where a node hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the top, or in the folder above it.
    InTree,
    /// Its folder is not there.
    Orphan,
    /// It is its own ancestor.
    Circle,
}

/// A node of the drive, as far as it concerns a tree.
struct Node<'a> {
    value: &'a Json<'static>,
    id: Option<&'a Text<'static>>,
    parent: Option<&'a Text<'static>>,
}

/// The nodes in the order they are shown, each with its depth.
struct Tree<'a> {
    nodes: Vec<(usize, Place, &'a Json<'static>)>,
}

/// Shows the tree of the drive.
pub(super) fn run(drive: &str, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let mut target: Target = drive.parse()?;
    target.scope.get_or_insert_with(Scope::global);
    let store = ctx.open_store()?;
    let (snapshot, _) = ctx.rebuild(&*store, &target, Reading::Own, &Tiers::default())?;
    for warning in &snapshot.warnings {
        ui.talk.warning(warning);
    }
    let scope = target.scope.as_ref().map_or("global", Scope::as_str);
    let state = snapshot.state.scope(scope).unwrap_or_default();
    let Some(nodes) = state.get("nodes").and_then(Json::as_array) else {
        let (id, kind) = (&snapshot.document, &snapshot.document_type);
        let message =
            format!("document {id} has no folders: its type is {kind}, its {scope} state has no list \"nodes\"");
        return Err(Refusal { exit: ExitStatus::Nothing, code: "not-a-drive", message, hint: None }.into());
    };
    let tree = Tree::of(nodes);
    let name = state.get("name");
    if ui.out.format() == Format::Plain {
        let title = name.and_then(Json::as_text).filter(|name| !name.is_empty());
        let title = title.map_or(snapshot.document.to_string(), ToString::to_string);
        tree.print(&title, &mut ui.out)?;
    } else {
        let document = snapshot.document.as_str();
        ui.out.json(|out| tree.write_json(document, name.unwrap_or(&Json::Null), out))?;
    }
    Ok(ExitStatus::Success)
}

impl<'a> Tree<'a> {
    /// Puts every node in its place, exactly once: first the tree, then what hangs on a missing folder, then circles.
    fn of(nodes: &'a [Json<'static>]) -> Self {
        let nodes: Vec<Node<'a>> = nodes.iter().map(Node::of).collect();
        let mut by_id: HashMap<&Text<'_>, usize> = HashMap::new();
        let mut children: HashMap<&Text<'_>, Vec<usize>> = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            if let Some(id) = node.id {
                by_id.entry(id).or_insert(at);
            }
            if let Some(parent) = node.parent {
                children.entry(parent).or_default().push(at);
            }
        }
        let parent_of = |at: usize| nodes[at].parent.and_then(|parent| by_id.get(parent)).copied();
        let place_of = |at: usize| match nodes[at].parent {
            None => Place::InTree,
            Some(_) if parent_of(at).is_none() => Place::Orphan,
            Some(_) => Place::Circle,
        };
        let mut order = Vec::with_capacity(nodes.len());
        let mut placed = vec![false; nodes.len()];
        for wanted in [Place::InTree, Place::Orphan, Place::Circle] {
            for start in (0..nodes.len()).filter(|&at| place_of(at) == wanted) {
                if placed[start] {
                    continue;
                }
                let root = if wanted == Place::Circle { circle_above(start, parent_of) } else { start };
                let mut open = vec![(root, 0, wanted)];
                while let Some((at, depth, place)) = open.pop() {
                    if std::mem::replace(&mut placed[at], true) {
                        continue;
                    }
                    order.push((depth, place, nodes[at].value));
                    // Of several nodes with one id the first has the children.
                    let below = nodes[at].id.filter(|id| by_id.get(*id) == Some(&at)).and_then(|id| children.get(id));
                    open.extend(below.into_iter().flatten().rev().map(|&child| (child, depth + 1, Place::InTree)));
                }
            }
        }
        Tree { nodes: order }
    }

    fn print(&self, title: &str, out: &mut Out) -> Result<(), StdoutError> {
        out.line(&one_line(title))?;
        for (depth, place, value) in &self.nodes {
            let text = |key: &str| value.get(key).and_then(Json::as_text).map(ToString::to_string);
            let name = text("name").or_else(|| text("id")).unwrap_or_default();
            let mut line = "  ".repeat(depth + 1);
            line.push_str(&one_line(&name));
            match text("kind").as_deref() {
                Some("folder") => line.push('/'),
                _ => line.extend(text("documentType").map(|kind| format!("  ({})", one_line(&kind)))),
            }
            match place {
                Place::InTree => {}
                Place::Orphan => line.push_str("  [its folder is missing]"),
                Place::Circle => line.push_str("  [in a circle of folders]"),
            }
            out.line(&line)?;
        }
        Ok(())
    }

    /// Nested objects, written without recursion: the children of a node stay open until a node that is no deeper.
    fn write_json(&self, document: &str, name: &Json<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut members = Members::open(out)?;
        members.member("document", document)?;
        members.raw("name", &canonical(name))?;
        let out = members.key("nodes")?;
        out.write_all(b"[")?;
        let mut n_open = 0;
        for (depth, place, value) in &self.nodes {
            let sibling = n_open > *depth;
            while n_open > *depth {
                out.write_all(b"]}")?;
                n_open -= 1;
            }
            if sibling {
                out.write_all(b",")?;
            }
            write_open_node(out, *place, value)?;
            n_open += 1;
        }
        for _ in 0..n_open {
            out.write_all(b"]}")?;
        }
        out.write_all(b"]")?;
        members.close()
    }
}

impl<'a> Node<'a> {
    fn of(value: &'a Json<'static>) -> Self {
        let text = |key| value.get(key).and_then(Json::as_text).filter(|text| !text.is_empty());
        Node { value, id: text("id"), parent: text("parentFolder") }
    }
}

/// A node that is its own ancestor, on the way up from one below such a node.
fn circle_above(start: usize, parent_of: impl Fn(usize) -> Option<usize>) -> usize {
    let (mut at, mut seen) = (start, HashSet::new());
    while seen.insert(at) {
        match parent_of(at) {
            Some(parent) => at = parent,
            None => return at,
        }
    }
    at
}

/// Writes a node up to the bracket that opens its children.
fn write_open_node(out: &mut dyn Write, place: Place, value: &Json<'_>) -> io::Result<()> {
    let mut members = Members::open(out)?;
    for key in ["id", "name", "kind", "documentType"] {
        members.raw(key, &canonical(value.get(key).unwrap_or(&Json::Null)))?;
    }
    let problem = match place {
        Place::InTree => None,
        Place::Orphan => Some("orphan"),
        Place::Circle => Some("circle"),
    };
    members.member("problem", &problem)?;
    members.key("children")?.write_all(b"[")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::parse;

    fn state(nodes: &[(&str, &str)]) -> Vec<Json<'static>> {
        let node = |(id, parent): &(&str, &str)| {
            let parent = if parent.is_empty() { "null".to_owned() } else { format!("\"{parent}\"") };
            let text = format!(r#"{{"id":"{id}","name":"{id}","kind":"folder","parentFolder":{parent}}}"#);
            parse(text.as_bytes()).unwrap().into_owned()
        };
        nodes.iter().map(node).collect()
    }

    fn shown(nodes: &[(&str, &str)]) -> Vec<(usize, Place, String)> {
        let nodes = state(nodes);
        let id = |value: &Json<'_>| value.get("id").unwrap().as_text().unwrap().to_string();
        Tree::of(&nodes).nodes.iter().map(|(depth, place, value)| (*depth, *place, id(value))).collect()
    }

    #[test]
    fn every_node_is_shown_once_in_its_place() {
        use Place::{Circle, InTree, Orphan};
        let node = |depth, place, id: &str| (depth, place, id.to_owned());
        assert_eq!(
            shown(&[("c", "b"), ("a", ""), ("b", "a"), ("d", "a"), ("o", "gone"), ("p", "o")]),
            [
                node(0, InTree, "a"),
                node(1, InTree, "b"),
                node(2, InTree, "c"),
                node(1, InTree, "d"),
                node(0, Orphan, "o"),
                node(1, InTree, "p")
            ]
        );
        assert_eq!(
            shown(&[("x", "m"), ("m", "n"), ("n", "m"), ("s", "s")]),
            [node(0, Circle, "m"), node(1, InTree, "x"), node(1, InTree, "n"), node(0, Circle, "s")]
        );
        assert_eq!(shown(&[("a", ""), ("a", ""), ("b", "a")]).len(), 3);
    }

    #[test]
    fn json_nests_as_the_folders_do() {
        let nodes = state(&[("a", ""), ("b", "a"), ("c", "b"), ("d", ""), ("e", "zz")]);
        let mut out = Vec::new();
        Tree::of(&nodes).write_json("drive", &Json::from("n"), &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["nodes"][0]["children"][0]["children"][0]["id"], "c");
        assert_eq!(value["nodes"][1]["id"], "d");
        assert_eq!(value["nodes"][2]["problem"], "orphan");
        let mut out = Vec::new();
        Tree::of(&[]).write_json("drive", &Json::Null, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"document":"drive","name":null,"nodes":[]}"#);
    }

    #[test]
    fn a_very_deep_drive_does_not_overflow() {
        let names: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
        let nodes: Vec<(&str, &str)> =
            (0..names.len()).map(|n| (&*names[n], if n == 0 { "" } else { &*names[n - 1] })).collect();
        let nodes = state(&nodes);
        let tree = Tree::of(&nodes);
        assert_eq!(tree.nodes.last().unwrap().0, 49_999);
        tree.write_json("d", &Json::Null, &mut io::sink()).unwrap();
    }
}
