//! From what was typed to a position that exists.

use std::ops::ControlFlow;

use super::origin::born;
use super::timeline::first_action;
use super::{Moment, Position, ReplayError, Resolved, View};
use crate::model::ids::{Branch, DocumentId, Revision, Scope, Span, StreamKey};
use crate::model::json::{Json, Text};
use crate::model::similar::Similar;
use crate::model::target::{At, DocumentRef, Target};
use crate::model::time::Timestamp;
use crate::store::{Order, Read, StoreError, StreamHead};

/// How many ids an ambiguous name lists.
const EXAMPLES: usize = 5;

/// Finds the document that is meant: by its exact id, by a unique prefix of it, and last by its slug.
///
/// # Errors
/// `NoDocument`, `Ambiguous`, `Store`. Looking for a slug reads the first operation of every document.
pub fn find_document(read: &dyn Read, document: &DocumentRef) -> Result<DocumentId, ReplayError> {
    let text = match document {
        DocumentRef::Literal(id) => id.as_str(),
        DocumentRef::Typed(text) => text,
    };
    let id = DocumentId::from(text);
    if !read.streams(&id)?.is_empty() {
        return Ok(id);
    }
    let (mut found, mut similar) = (Found::default(), Similar::to(text));
    if let DocumentRef::Typed(prefix) = document {
        read.documents(prefix, &mut |entry| found.add(entry.id))?;
        if found.count == 0 {
            found = with_slug(read, text, &mut similar)?;
        }
    }
    match (found.count, found.examples.pop()) {
        (1, Some(id)) => Ok(id),
        (0, _) => Err(ReplayError::NoDocument { name: text.to_owned(), similar: similar.into_names() }),
        (count, last) => {
            found.examples.extend(last);
            Err(ReplayError::Ambiguous { prefix: text.to_owned(), count, examples: found.examples })
        }
    }
}

/// The documents a name fits.
#[derive(Default)]
struct Found {
    count: usize,
    examples: Vec<DocumentId>,
}

impl Found {
    fn add(&mut self, id: DocumentId) -> ControlFlow<()> {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(id);
        }
        ControlFlow::Continue(())
    }
}

/// The documents with that slug, and the names that are like it.
fn with_slug(read: &dyn Read, slug: &str, similar: &mut Similar<'_>) -> Result<Found, ReplayError> {
    let mut ids = Vec::new();
    read.documents("", &mut |entry| {
        similar.consider_prefix(entry.id.as_str());
        ids.push(entry.id);
        ControlFlow::Continue(())
    })?;
    let mut found = Found::default();
    for id in ids {
        let Some(own) = self::slug(read, &id)? else { continue };
        if own == *slug {
            let _ = found.add(id);
        } else if let Some(own) = own.as_str() {
            similar.consider(own);
        }
    }
    Ok(found)
}

/// The slug of a document, as its first operation gives it; `None` if it has none.
///
/// # Errors
/// `Store`.
pub fn slug(read: &dyn Read, document: &DocumentId) -> Result<Option<Text<'static>>, ReplayError> {
    let stream = StreamKey { document: document.clone(), scope: Scope::document(), branch: Branch::main() };
    match first_action(read, &stream) {
        Ok(Some((_, action))) => {
            Ok(action.input.get("slug").and_then(Json::as_text).map(|slug| slug.clone().into_owned()))
        }
        // A document whose first row does not decode has no slug to be found by.
        Ok(None) | Err(ReplayError::Store(StoreError::Corrupt { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Turns what was typed into a position that exists.
///
/// # Errors
/// `NoDocument`, `Ambiguous`, `NoBranch`, `PastHead`, `NoOperation`, `NoKeyframe`, `NotYet`, `Store`.
pub fn resolve(read: &dyn Read, target: &Target) -> Result<Resolved, ReplayError> {
    let document = find_document(read, &target.document)?;
    let streams = read.streams(&document)?;
    let mut branches: Vec<Branch> = streams.iter().map(|stream| stream.branch.clone()).collect();
    branches.dedup();
    if !branches.contains(&target.branch) {
        return Err(ReplayError::NoBranch { document, branch: target.branch.clone(), branches });
    }
    let resolver = Resolver { read, document: &document, branch: &target.branch, streams: &streams };
    let (view, assumed_scope) = resolver.view(target)?;
    let branch = target.branch.clone();
    Ok(Resolved { document, branch, view, assumed_scope })
}

struct Resolver<'a> {
    read: &'a dyn Read,
    document: &'a DocumentId,
    branch: &'a Branch,
    streams: &'a [StreamHead],
}

impl Resolver<'_> {
    /// What is asked for, and whether `global` had to be assumed.
    fn view(&self, target: &Target) -> Result<(View, bool), ReplayError> {
        let assumed = target.scope.is_none();
        let scope = target.scope.clone().unwrap_or_else(Scope::global);
        let view = match &target.at {
            At::Head if assumed => return Ok((View::Composed(Moment::Head), false)),
            At::Initial if assumed => return Ok((View::Composed(Moment::Initial), false)),
            At::Time(time) if assumed => {
                self.created_by(*time)?;
                return Ok((View::Composed(Moment::Time(*time)), false));
            }
            At::Head => View::Scoped(scope, Position::Head),
            At::Initial => View::Scoped(scope, Position::At(None)),
            At::Time(time) => {
                self.created_by(*time)?;
                let prefix = prefix_at(self.read, &self.stream(&scope), *time)?;
                View::Scoped(scope, Position::At(prefix))
            }
            At::Revision(revision) => {
                let head = self.head(&scope);
                if head.is_none_or(|head| *revision > head) {
                    return Err(self.past_head(&scope, revision.to_string()));
                }
                View::Scoped(scope, Position::At(Some(*revision)))
            }
            At::BeforeHead(distance) => {
                let asked = || format!("head~{distance}");
                let head = self.head(&scope).ok_or_else(|| self.past_head(&scope, asked()))?;
                let revision = head.checked_sub(*distance);
                // One more than there are operations is the state before the first.
                if revision.is_none() && *distance != head.next().get() {
                    return Err(self.past_head(&scope, asked()));
                }
                View::Scoped(scope, Position::At(revision))
            }
            At::Operation(id) => {
                let found = self.read.find_operation(self.document, self.branch, target.scope.as_ref(), id)?;
                let Some((scope, index)) = found else {
                    return Err(ReplayError::NoOperation { document: self.document.clone(), id: id.to_string() });
                };
                return Ok((View::Scoped(scope, Position::At(Some(Revision::of(index)))), false));
            }
            At::Keyframe(revision) => {
                let stream = self.stream(&scope);
                let keyframe = self.read.nearest_keyframe(&stream, *revision)?;
                if keyframe.is_none_or(|keyframe| u64::try_from(keyframe.label) != Ok(revision.get())) {
                    return Err(ReplayError::NoKeyframe { stream, revision: *revision });
                }
                View::Keyframe(scope, *revision)
            }
        };
        Ok((view, assumed))
    }

    fn stream(&self, scope: &Scope) -> StreamKey {
        StreamKey { document: self.document.clone(), scope: scope.clone(), branch: self.branch.clone() }
    }

    fn head(&self, scope: &Scope) -> Option<Revision> {
        head_of(self.streams, self.branch, scope)
    }

    fn past_head(&self, scope: &Scope, asked: String) -> ReplayError {
        ReplayError::PastHead { stream: self.stream(scope), asked, head: self.head(scope) }
    }

    /// Checks that the document existed at a time.
    fn created_by(&self, time: Timestamp) -> Result<(), ReplayError> {
        let created = born(self.read, self.document, self.branch, self.streams)?;
        match created {
            Some(created) if created <= time => Ok(()),
            created => Err(ReplayError::NotYet { document: self.document.clone(), time, created }),
        }
    }
}

/// The head of a stream among those of its document.
pub(super) fn head_of(streams: &[StreamHead], branch: &Branch, scope: &Scope) -> Option<Revision> {
    streams.iter().find(|stream| stream.branch == *branch && stream.scope == *scope).map(|stream| stream.head)
}

/// The longest prefix of a stream whose timestamps are all at or before a time.
pub(super) fn prefix_at(read: &dyn Read, stream: &StreamKey, time: Timestamp) -> Result<Option<Revision>, ReplayError> {
    let mut prefix = None;
    read.operations(stream, Span::ALL, Order::Forward, &mut |row| {
        if row.timestamp > time {
            return ControlFlow::Break(());
        }
        prefix = Some(Revision::of(row.index));
        ControlFlow::Continue(())
    })?;
    Ok(prefix)
}
