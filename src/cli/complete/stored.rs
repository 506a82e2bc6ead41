//! What a store has to offer for a place on the command line.
//!
//! Everything here is bounded by rows and not by time, so that the same line gets the same answer on a busy machine. Ids
//! and what is in a document are found by index. A slug stands in the first operation of its document: it is
//! offered when that is among the first [`MOST_SLUGS`] of the store.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use clap_complete::engine::CompletionCandidate;

use crate::model::ids::{Branch, DocumentId, Scope, Span, StreamKey};
use crate::model::operation::{Action, OperationRow};
use crate::model::target::{Target, escape};
use crate::replay::slug;
use crate::store::{Detail, Order, Read, StreamHead};

/// Documents that are listed by id.
const MOST_IDS: usize = 200;
/// Documents whose slugs are looked at.
const MOST_SLUGS: usize = 500;
/// Operations, and keyframes, that are listed: the newest.
pub(super) const MOST_ROWS: usize = 50;

pub(super) type Candidates = Vec<CompletionCandidate>;

/// A target as far as it was typed.
pub(super) struct Typed<'a> {
    pub(super) document: &'a str,
    pub(super) scope: Option<&'a str>,
    pub(super) branch: Option<&'a str>,
    pub(super) position: Option<&'a str>,
}

impl<'a> Typed<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let split = |text: &'a str, mark| text.split_once(mark).map_or((text, None), |(a, b)| (a, Some(b)));
        let (stream, position) = split(text, ':');
        let (path, branch) = split(stream, '@');
        let (document, scope) = split(path, '/');
        Typed { document, scope, branch, position }
    }
}

/// A part of a target without its escapes.
fn literally(part: &str) -> Option<String> {
    part.parse::<Target>().ok().map(|target| target.document.as_str().to_owned())
}

pub(super) fn plain(value: impl Into<String>) -> CompletionCandidate {
    CompletionCandidate::new(value.into())
}

fn told(value: impl Into<String>, help: impl Into<String>) -> CompletionCandidate {
    plain(value).help(Some(help.into().into()))
}

/// Documents whose id or slug begins with what was typed: slugs first, since people type those.
pub(super) fn listed(read: &dyn Read, text: &str) -> Candidates {
    let mut found = Candidates::new();
    for (id, slug) in slugs(read) {
        let slug = escape(&slug);
        if slug.starts_with(text) && found.len() < MOST_IDS {
            found.push(told(slug, id.to_string()));
        }
    }
    // What is typed escaped may end within an escape.
    let (whole, seen) = (text.split('%').next().unwrap_or_default(), &mut 0);
    let _ = read.documents(whole, &mut |entry| {
        let id = escape(entry.id.as_str());
        if id.starts_with(text) {
            found.push(told(id, entry.document_type.to_string()));
        }
        go_on(seen, MOST_IDS)
    });
    found
}

/// The slugs of the first documents.
fn slugs(read: &dyn Read) -> Vec<(DocumentId, String)> {
    let mut found = Vec::new();
    for id in ids(read) {
        if let Ok(Some(slug)) = slug(read, &id) {
            found.extend(slug.as_str().filter(|slug| !slug.is_empty()).map(|slug| (id, slug.to_owned())));
        }
    }
    found
}

/// The first documents of the store.
pub(super) fn ids(read: &dyn Read) -> Vec<DocumentId> {
    let (mut ids, mut seen) = (Vec::new(), 0);
    let _ = read.documents("", &mut |entry| {
        ids.push(entry.id);
        go_on(&mut seen, MOST_SLUGS)
    });
    ids
}

/// The one document that is meant: by id, by a prefix that fits one, or by the slug of one of the first documents.
pub(super) fn find(read: &dyn Read, text: &str) -> Option<DocumentId> {
    let text = literally(text)?;
    let id = DocumentId::from(text.as_str());
    if read.streams(&id).is_ok_and(|streams| !streams.is_empty()) {
        return Some(id);
    }
    let mut ids = Vec::new();
    let enough = |ids: &[_]| if ids.len() > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    read.documents(&text, &mut |entry| {
        ids.push(entry.id);
        enough(&ids)
    })
    .ok()?;
    if ids.is_empty() {
        ids = slugs(read).into_iter().filter(|(_, slug)| *slug == text).map(|(id, _)| id).collect();
    }
    ids.pop().filter(|_| ids.is_empty())
}

/// The stream that a target names so far.
pub(super) fn stream(read: &dyn Read, typed: &Typed<'_>) -> Option<StreamKey> {
    let document = find(read, typed.document)?;
    let scope = typed.scope.map_or(Some(Scope::global()), |scope| literally(scope).map(Scope::from))?;
    let branch = typed.branch.map_or(Some(Branch::main()), |branch| literally(branch).map(Branch::from))?;
    Some(StreamKey { document, scope, branch })
}

/// Counts a row, and says whether to go on.
fn go_on(seen: &mut usize, most: usize) -> ControlFlow<()> {
    *seen += 1;
    if *seen >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// The types of the first documents.
pub(super) fn document_types(read: &dyn Read) -> BTreeSet<String> {
    let (mut types, mut seen) = (BTreeSet::new(), 0);
    let _ = read.documents("", &mut |entry| {
        types.insert(entry.document_type.to_string());
        go_on(&mut seen, MOST_IDS)
    });
    types
}

/// Those that begin with `typed`, behind what was typed before it.
pub(super) fn begun(candidates: Candidates, before: &str, typed: &str) -> Candidates {
    let fits = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with(typed);
    candidates.into_iter().filter(fits).map(|candidate| candidate.add_prefix(before)).collect()
}

/// When only one fits, it may also go on: without that the shell would take it for finished.
pub(super) fn with_next(mut candidates: Candidates, mark: &str, what: &str) -> Candidates {
    if let [only] = &candidates[..] {
        let longer = format!("{}{mark}", only.get_value().to_string_lossy());
        candidates.push(told(longer, what));
    }
    candidates
}

pub(super) fn scopes(streams: &[StreamHead]) -> Candidates {
    let mut found: Vec<(&str, String)> = Vec::new();
    for stream in streams {
        if !found.iter().any(|(scope, _)| *scope == stream.scope.as_str()) {
            found.push((stream.scope.as_str(), format!("head {}", stream.head)));
        }
    }
    found.into_iter().map(|(scope, help)| told(escape(scope), help)).collect()
}

pub(super) fn branches(streams: &[StreamHead], scope: Option<&str>) -> Candidates {
    let fitting = streams.iter().filter(|stream| scope.is_none_or(|scope| escape(stream.scope.as_str()) == scope));
    let names: BTreeSet<&str> = fitting.map(|stream| stream.branch.as_str()).collect();
    names.into_iter().map(|name| plain(escape(name))).collect()
}

/// What an operation does, as far as that can be read.
pub(super) fn action_type(row: &OperationRow<'_>) -> String {
    let action = Action::parse(row.action).ok();
    action.and_then(|action| action.kind.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What may follow the colon: the words, and with a beginning that asks for them, operations and times.
pub(super) fn positions(read: &dyn Read, stream: &StreamKey, typed: &str) -> Candidates {
    if typed.starts_with("op:") {
        return newest(read, stream, |row| told(format!("op:{}", escape(row.id)), action_type(row)));
    }
    if typed.starts_with('@') {
        return newest(read, stream, |row| told(format!("@{}", row.timestamp), action_type(row)));
    }
    let streams = read.streams(&stream.document).unwrap_or_default();
    let fits = |known: &&StreamHead| known.scope == stream.scope && known.branch == stream.branch;
    let Some(head) = streams.iter().find(fits).map(|known| known.head) else { return Candidates::new() };
    if typed.starts_with("head~") {
        return (1..=head.next().get().min(9)).map(|distance| plain(format!("head~{distance}"))).collect();
    }
    let mut found = vec![
        told("head", format!("the newest: {head}")),
        told("initial", "before operation 0"),
        told("head~", "operations before the newest"),
        told(head.to_string(), "the newest"),
    ];
    let mut labels = Vec::new();
    let _ = read.keyframes(&stream.document, Detail::Label, &mut |keyframe| {
        if keyframe.stream == *stream && keyframe.label >= 0 {
            labels.push(keyframe.label);
        }
        ControlFlow::Continue(())
    });
    let newest = labels.iter().rev().take(MOST_ROWS);
    found.extend(newest.map(|label| told(format!("keyframe:{label}"), "the stored document")));
    found.extend([told("op:", "an operation by its id"), told("@", "a time")]);
    found
}

/// The newest operations of a stream, newest first.
pub(super) fn newest<T>(read: &dyn Read, stream: &StreamKey, mut take: impl FnMut(&OperationRow<'_>) -> T) -> Vec<T> {
    let mut found = Vec::new();
    let _ = read.operations(stream, Span::ALL, Order::Backward, &mut |row| {
        found.push(take(row));
        if found.len() >= MOST_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}
