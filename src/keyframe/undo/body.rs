//! The bodies that keyframes had.

use std::collections::HashMap;

use super::Key;
use crate::keyframe::Made;
use crate::model::ids::StreamKey;
use crate::store::history::{Former, Mutation, MutationKind};
use crate::store::{Read, StoreError};

/// Whether the body before a change has to come from the log.
pub(super) fn needs_log(mutation: &Mutation) -> bool {
    let changes_body = matches!(mutation.kind, MutationKind::Deleted | MutationKind::Replaced);
    changes_body && mutation.before.as_ref().is_some_and(|before| !before.body_kept)
}

/// A body to put back.
pub(super) enum Body<'m> {
    /// As it was.
    Kept(Vec<u8>),
    /// As the log gives it.
    Made(&'m Made),
}

impl Body<'_> {
    pub(super) fn text(&self) -> &[u8] {
        match self {
            Body::Kept(text) => text,
            Body::Made(made) => &made.body,
        }
    }

    /// What was made, if it is another text than the keyframe had.
    pub(super) fn made(&self, former: &Former) -> Option<&Made> {
        match self {
            Body::Made(made) if former.checksum != Some(made.checksum) => Some(made),
            _ => None,
        }
    }
}

/// The body that a keyframe had before a change, if the change was of the body; or why there is none.
pub(super) fn body<'m>(
    read: &dyn Read,
    mutation: &Mutation,
    made: &'m HashMap<Key, Made>,
    failures: &HashMap<StreamKey, String>,
) -> Result<Result<Option<Body<'m>>, String>, StoreError> {
    let changes_body = matches!(mutation.kind, MutationKind::Deleted | MutationKind::Replaced);
    let Some(former) = mutation.before.as_ref().filter(|_| changes_body) else { return Ok(Ok(None)) };
    if former.body_kept {
        return match read.history().mutation_body(mutation.id) {
            Err(error @ StoreError::Corrupt { .. }) => Ok(Err(format!("the history has its body damaged: {error}"))),
            body => Ok(match body? {
                // Neither table takes it, and it must not keep the others from coming back.
                Some(text) if std::str::from_utf8(&text).is_err() => {
                    Err("its body, which the history keeps, is no text: it was damaged before".to_owned())
                }
                Some(text) => Ok(Some(Body::Kept(text))),
                None => Err("the history has lost its body".to_owned()),
            }),
        };
    }
    Ok(match (made.get(&(mutation.stream.clone(), mutation.revision)), failures.get(&mutation.stream)) {
        (Some(made), _) => Ok(Some(Body::Made(made))),
        (None, Some(failure)) => Err(failure.clone()),
        (None, None) => Err("the log has no operation there".to_owned()),
    })
}
