//! What is missing of a stream: where replay is bounded, and the keyframes that are there do not bound it.

use super::gather::Item;
use super::policy::Soundness;
use crate::keyframe::rule::{fewest, first_since};
use crate::model::ids::{DocumentId, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::time::Timestamp;
use crate::store::{Flow, Read, StoreError, StreamHead};

/// A stream that has too many operations to be replayed at once.
pub(super) struct Long {
    pub(super) stream: StreamKey,
    pub(super) head: Revision,
}

/// The streams of a document, or of all, in which some revision needs more than `most` operations without a keyframe, in
/// the order of streams. Scope `document` is left out, because rebuilds of it start from no keyframe.
///
/// # Errors
/// `Corrupt`, `Busy`, `Unavailable`.
pub(super) fn long(read: &dyn Read, document: Option<&DocumentId>, most: u64) -> Result<Vec<Long>, StoreError> {
    let mut documents = Vec::new();
    match document {
        Some(document) => documents.push(document.clone()),
        None => read.documents("", &mut |entry| {
            documents.push(entry.id);
            Flow::Continue(())
        })?,
    }
    let mut long = Vec::new();
    for document in documents {
        for StreamHead { branch, scope, head } in read.streams(&document)? {
            if head.next().get() > most && scope != Scope::document() {
                long.push(Long { stream: StreamKey { document: document.clone(), scope, branch }, head });
            }
        }
    }
    long.sort_by(|a, b| a.stream.cmp(&b.stream));
    Ok(long)
}

/// The operations of a stream that look back, ascending.
///
/// # Errors
/// `Corrupt`, `Busy`, `Unavailable`.
pub(super) fn back(read: &dyn Read, stream: &StreamKey) -> Result<Vec<OpIndex>, StoreError> {
    Ok(read.skips(stream, Span::ALL)?.iter().filter(|row| !row.denied).map(|row| row.index).collect())
}

/// Takes note of the keyframes that are missing of a stream, beside those that it has or in the place of one that no rebuild
/// would start from.
///
/// # Errors
/// `Corrupt`, `Busy`, `Unavailable`.
pub(super) fn add(
    items: &mut Vec<Item>,
    read: &dyn Read,
    Long { stream, head }: &Long,
    back: &[OpIndex],
    most: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_trusted = |item: &&Item| item.candidate.soundness == Soundness::Sound;
    let trusted: Vec<Revision> = items.iter().filter(is_trusted).filter_map(|item| item.candidate.revision()).collect();
    for wanted in fewest(most, *head, &trusted, back, &mut |at| first_since(read, stream, at))? {
        match items.binary_search_by(|item| item.candidate.revision().cmp(&Some(wanted))) {
            Ok(at) => items[at].write(),
            Err(at) => items.insert(at, Item::new(wanted, now)),
        }
    }
    Ok(())
}
