//! The newest operation time of a stream, without a look at all its rows where it was recorded how new those at its beginning
//! are.

use super::vouch::row_at;
use super::{ReplayError, Sources, Trust};
use crate::model::ids::{Revision, Span, StreamKey};
use crate::model::time::Timestamp;
use crate::store::StoreError;

/// How many records are looked at that do not hold before all rows are.
const MOST_RECORDS: usize = 5;

/// What was recorded of the beginning of a stream.
struct Recorded {
    through: Revision,
    newest: Timestamp,
}

/// The newest operation time of a stream up to its head.
///
/// Times of rows that a sound record vouches for are not read, unless nothing is trusted: like a keyframe that was checked, the
/// record is believed if the operation at its revision is still the one that it names. What models there are, and what
/// became of the keyframe, does not matter.
///
/// # Errors
/// `Store`, as [`newest_time`](crate::store::Read::newest_time).
pub fn newest_time(
    sources: &Sources<'_>,
    stream: &StreamKey,
    head: Revision,
) -> Result<Option<Timestamp>, ReplayError> {
    newest_of(sources, stream, head, [Some(Span::between(None, Some(head))), None])
}

/// The newest of the times of rows that are `unread` in a stream with this head. It may take others of the stream into account.
pub(super) fn newest_of(
    sources: &Sources<'_>,
    stream: &StreamKey,
    head: Revision,
    unread: [Option<Span>; 2],
) -> Result<Option<Timestamp>, ReplayError> {
    if unread == [None, None] {
        return Ok(None);
    }
    let recorded = recorded(sources, stream, head)?;
    let mut newest = recorded.as_ref().map(|recorded| recorded.newest);
    for span in unread.into_iter().flatten() {
        let rest = recorded.as_ref().map_or(Some(span), |recorded| span.after(recorded.through));
        if let Some(rest) = rest {
            newest = newest.max(sources.read.newest_time(stream, rest)?);
        }
    }
    Ok(newest)
}

/// What was recorded last that holds.
fn recorded(sources: &Sources<'_>, stream: &StreamKey, head: Revision) -> Result<Option<Recorded>, ReplayError> {
    if sources.trust == Trust::None {
        return Ok(None);
    }
    let mut at_most = head;
    for _ in 0..MOST_RECORDS {
        let record = match sources.read.records().newest_sound(stream, at_most) {
            Err(StoreError::Unsupported { .. } | StoreError::Corrupt { .. }) => None,
            record => record?,
        };
        let Some(record) = record else { break };
        let through = record.revision;
        if let Some((newest, id)) = record.proof().and_then(|proof| Some((proof.newest?, &proof.operation_id)))
            && row_at(sources, stream, through)?.is_some_and(|row| *id == *row.id)
        {
            return Ok(Some(Recorded { through, newest }));
        }
        match through.checked_sub(1) {
            Some(older) => at_most = older,
            None => break,
        }
    }
    Ok(None)
}
