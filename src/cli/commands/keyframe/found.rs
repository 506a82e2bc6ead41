//! Which keyframe a target means.

use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::parts;
use crate::model::ids::{OpIndex, Revision, Scope, StreamKey};
use crate::model::target::{At, Target};
use crate::replay::{self, Position, View};
use crate::store::{KeyframeEntry, Read};

/// The keyframe that a target means, without its body and the time of its writing: the one at the target's position, and
/// without a position the newest of its stream. Scope `global` is assumed where none is named.
///
/// # Errors
/// What resolving the target fails with, and a refusal where there is no such keyframe.
pub(super) fn find(read: &dyn Read, target: &Target) -> anyhow::Result<(StreamKey, Revision, KeyframeEntry)> {
    let document = parts::document(read, &target.document)?;
    let scope = target.scope.clone().unwrap_or_else(Scope::global);
    let mut stream = StreamKey { document, scope: scope.clone(), branch: target.branch.clone() };
    let newest = Revision::of(OpIndex::new(i64::MAX.unsigned_abs()));
    let asked = match target.at {
        At::Head => None,
        // One past the head is a keyframe all the same.
        At::Keyframe(revision) | At::Revision(revision) => Some(revision),
        _ => {
            let resolved = replay::resolve(read, &Target { scope: Some(scope), ..target.clone() })?;
            let View::Scoped(scope, Position::At(Some(revision))) = resolved.view() else {
                return Err(none(&format!("{target} is before the first operation, where no keyframe can be")).into());
            };
            stream.scope = scope.clone();
            Some(*revision)
        }
    };
    let entry = read.nearest_keyframe(&stream, asked.unwrap_or(newest))?;
    let label = |entry: &KeyframeEntry| u64::try_from(entry.label).ok().map(|label| Revision::of(OpIndex::new(label)));
    let found = entry.and_then(|entry| Some((label(&entry)?, entry)));
    match (found, asked) {
        (Some((revision, entry)), asked) if asked.is_none_or(|asked| asked == revision) => {
            Ok((stream, revision, entry))
        }
        (_, Some(revision)) => Err(none(&format!("{stream} has no keyframe {revision}")).into()),
        (_, None) => Err(none(&format!("{stream} has no keyframe")).into()),
    }
}

fn none(message: &str) -> Refusal {
    let hint = Some("`snapctl keyframe list` lists the keyframes".to_owned());
    Refusal { exit: ExitStatus::Nothing, code: "no-keyframe", message: message.to_owned(), hint }
}
