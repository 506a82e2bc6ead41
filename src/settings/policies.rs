//! `[keyframes.policies.NAME]`: rules for keyframes, by name.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use super::Value;
use super::file::Name;
use super::group::Group;
use super::key::Member;
use super::value::{Age, Base, Setting};
use crate::store::Codec;

/// What `[keyframes.policies.NAME]` may say: the options of `keyframe prune` and `keyframe compact`.
pub(super) static OF_POLICY: [Member; 7] = [
    Member::new::<NonZeroU64>("keep-every", "Keep one for every so many operations"),
    Member::new::<NonZeroU64>("keep-last", "Keep so many of the newest of each stream"),
    Member::new::<Age>("keep-within", "Keep those written within this time, for example 12h, 30d, 8w"),
    Member::new::<Base>("keep-log-spaced", "Keep one for each power of this base in distance to the head"),
    Member::new::<bool>(
        "keep-upgrades",
        "Keep the first at or after each upgrade that changes the version of the model",
    ),
    Member::new::<NonZeroU64>(
        "max-replay-ops",
        "Keep the fewest with which no revision needs more operations than this; keyframe compact writes those that are missing",
    ),
    Member::new::<Codec>("codec", "How keyframe compact stores bodies; keyframe prune leaves them as they are"),
];

/// What a policy says; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedPolicy {
    /// `keep-every`, in operations.
    pub keep_every: Option<NonZeroU64>,
    /// `keep-last`, in keyframes.
    pub keep_last: Option<NonZeroU64>,
    /// `keep-within`.
    pub keep_within: Option<Age>,
    /// `keep-log-spaced`.
    pub keep_log_spaced: Option<Base>,
    /// `keep-upgrades`.
    pub keep_upgrades: Option<bool>,
    /// `max-replay-ops`, in operations.
    pub max_replay_ops: Option<NonZeroU64>,
    /// `codec`.
    pub codec: Option<Codec>,
}

impl NamedPolicy {
    /// The policy of that name, if anything is said of it.
    pub(super) fn of(members: &BTreeMap<Name, Value>, name: &str) -> Option<Self> {
        names(members).any(|known| known == name).then(|| NamedPolicy {
            keep_every: read(members, name, "keep-every"),
            keep_last: read(members, name, "keep-last"),
            keep_within: read(members, name, "keep-within"),
            keep_log_spaced: read(members, name, "keep-log-spaced"),
            keep_upgrades: read(members, name, "keep-upgrades"),
            max_replay_ops: read(members, name, "max-replay-ops"),
            codec: read(members, name, "codec"),
        })
    }
}

/// The names of policies, each as often as it says something.
pub(super) fn names(members: &BTreeMap<Name, Value>) -> impl Iterator<Item = &str> {
    members.keys().filter_map(|name| match name {
        Name::Member { group: Group::Policies, entry, .. } => Some(entry.as_str()),
        _ => None,
    })
}

fn read<T: Setting>(members: &BTreeMap<Name, Value>, policy: &str, member: &'static str) -> Option<T> {
    members.get(&Name::Member { group: Group::Policies, entry: policy.to_owned(), member }).map(Value::read)
}
