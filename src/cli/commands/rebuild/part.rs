//! Which part of a rebuilt document is printed, and in which form.

use std::io::{self, Write};

use super::{Rebuilt, pointer, view};
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::render::json::{ByScope, Members};
use crate::cli::ui::{Out, StdoutError};
use crate::model::ids::Scope;
use crate::model::target::Target;
use crate::replay::Snapshot;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    Document,
    Explained,
    State,
    Hash,
    Pointer(&'a str),
}

/// What will be printed; nothing can go wrong any more but stdout.
pub(super) enum Selected<'a> {
    Document(&'a Rebuilt),
    Explained(&'a Rebuilt),
    State(&'a Snapshot),
    Hash(&'a Snapshot),
    Value(Vec<u8>),
    /// The user has it already; with its etag.
    NotModified(String),
}

impl Part<'_> {
    /// Whether it has a form that is not laid-out JSON.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Part::State | Part::Hash)
    }

    /// Takes the part out of a document.
    pub(super) fn select(self, rebuilt: &Rebuilt) -> Result<Selected<'_>, Refusal> {
        let snapshot = &rebuilt.snapshot;
        Ok(match self {
            Part::Document => Selected::Document(rebuilt),
            Part::Explained => Selected::Explained(rebuilt),
            Part::State | Part::Pointer("") => Selected::State(snapshot),
            Part::Hash => Selected::Hash(snapshot),
            Part::Pointer(pointer) => Selected::Value(pointer::follow(snapshot, pointer).ok_or_else(|| Refusal {
                exit: ExitStatus::Nothing,
                code: "no-value",
                message: format!("{} has nothing at {pointer}", name(snapshot)),
                hint: pointer::hint(snapshot, pointer),
            })?),
        })
    }
}

impl Selected<'_> {
    /// Writes it as one JSON value.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Selected::Document(rebuilt) => view::write_document(out, &rebuilt.snapshot, None),
            Selected::Explained(rebuilt) => view::write_document(out, &rebuilt.snapshot, Some(rebuilt.elapsed)),
            Selected::State(snapshot) => match &snapshot.scope {
                Some(scope) => out.write_all(snapshot.state.canonical(scope.as_str()).as_deref().unwrap_or(b"null")),
                None => write_states(out, snapshot),
            },
            Selected::Hash(snapshot) => Ok(serde_json::to_writer(out, &hashes(snapshot))?),
            Selected::Value(text) => out.write_all(text),
            Selected::NotModified(etag) => {
                let view = view::NotModifiedView { not_modified: true, etag: etag.clone() };
                Ok(serde_json::to_writer(out, &view)?)
            }
        }
    }

    /// Prints it for people and pipes; among several, the target it belongs to is named where lines need it.
    pub(super) fn print(&self, out: &mut Out, among: Option<&Target>) -> Result<(), StdoutError> {
        match self {
            Selected::State(snapshot) => {
                match &snapshot.scope {
                    Some(scope) => out.bytes(&hashed_text(snapshot, scope))?,
                    None => out.raw(|out| write_states(out, snapshot))?,
                }
                if among.is_some() || out.width().is_some() { out.bytes(b"\n") } else { Ok(()) }
            }
            Selected::Hash(snapshot) => {
                let prefix = among.map_or(String::new(), |target| format!("{target}\t"));
                for (scope, hash) in hashes(snapshot).iter() {
                    let scope = if snapshot.scope.is_none() { format!("{scope}\t") } else { String::new() };
                    out.line(&format!("{prefix}{scope}{hash}"))?;
                }
                Ok(())
            }
            _ => out.json(|out| self.write_json(out)),
        }
    }
}

/// The document and scope, as a target.
fn name(snapshot: &Snapshot) -> Target {
    let scope = snapshot.scope.as_ref().map(Scope::as_str);
    let at = crate::model::target::At::Head;
    Target::literal(snapshot.document.as_str(), scope, Some(snapshot.branch.as_str()), at)
}

/// The bytes that the hash of a scope digests (reactor format §3.1): `""` stands for what JavaScript takes as false.
fn hashed_text(snapshot: &Snapshot, scope: &Scope) -> Vec<u8> {
    let text = snapshot.state.canonical(scope.as_str());
    text.filter(|text| !matches!(&text[..], b"null" | b"false" | b"0")).unwrap_or_else(|| b"\"\"".to_vec())
}

fn write_states(out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<()> {
    let mut members = Members::open(out)?;
    for scope in snapshot.state.scopes() {
        if let Some(text) = snapshot.state.canonical(scope.as_str()) {
            members.raw(scope.as_str(), &text)?;
        }
    }
    members.close()
}

/// The hash of the scope asked for, or of every scope of a whole document.
fn hashes(snapshot: &Snapshot) -> ByScope<String> {
    let hash = |scope: Scope| {
        let hash = snapshot.state.hash(scope.as_str()).to_string();
        (scope, hash)
    };
    match &snapshot.scope {
        Some(scope) => std::iter::once(hash(scope.clone())).collect(),
        None => view::scopes(snapshot).map(hash).collect(),
    }
}
