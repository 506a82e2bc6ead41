//! Objects.

use super::tally::Tally;
use super::{Node, Weight, text_bytes};
use crate::model::json::Text;
use crate::reducer::seq::Seq;

/// The members of an object by key, in ascending order of UTF-16 code units, with what they weigh.
#[derive(Clone, Debug, Default)]
pub(in crate::reducer::generic) struct Members {
    members: Seq<(Text<'static>, Node)>,
    tally: Tally,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn weight(&self) -> Weight {
        self.tally.weight(self.len())
    }

    pub(in crate::reducer::generic) fn get(&self, key: &Text<'_>) -> Option<&Node> {
        let at = self.position(key).ok()?;
        self.members.get(at).map(|(_, value)| value)
    }

    pub(super) fn members(&self) -> &Seq<(Text<'static>, Node)> {
        &self.members
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text<'static>, &Node)> {
        self.members.iter().map(|(key, value)| (key, value))
    }

    /// Sets a member.
    pub(in crate::reducer::generic) fn insert(&mut self, key: &Text<'_>, value: Node) {
        match self.position(key) {
            Ok(at) => drop(self.edit_at(at, |old| *old = value)),
            Err(at) => {
                self.tally.put_on(weight(key, &value));
                self.members.insert(at, (key.to_owned_text(), value));
            }
        }
    }

    /// Takes out a member; `None` if there is none.
    pub(in crate::reducer::generic) fn remove(&mut self, key: &Text<'_>) -> Option<Node> {
        let at = self.position(key).ok()?;
        let (_, value) = self.members.remove(at);
        self.tally.take_off(weight(key, &value));
        Some(value)
    }

    /// Changes a member; `None` if there is none.
    pub(in crate::reducer::generic) fn edit<T>(
        &mut self,
        key: &Text<'_>,
        change: impl FnOnce(&mut Node) -> T,
    ) -> Option<T> {
        let at = self.position(key).ok()?;
        self.edit_at(at, change)
    }

    fn edit_at<T>(&mut self, at: usize, change: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let (_, value) = self.members.get_mut(at)?;
        let before = value.weight();
        let result = change(value);
        let after = value.weight();
        self.tally.exchange(before, after);
        Some(result)
    }

    fn position(&self, key: &Text<'_>) -> Result<usize, usize> {
        self.members.binary_search_by(|(name, _)| name.cmp(key))
    }
}

impl FromIterator<(Text<'static>, Node)> for Members {
    /// The members have to come in ascending order of their keys, which are all different.
    fn from_iter<I: IntoIterator<Item = (Text<'static>, Node)>>(members: I) -> Self {
        let members: Seq<_> = members.into_iter().collect();
        let mut tally = Tally::default();
        members.iter().for_each(|(key, value)| tally.put_on(weight(key, value)));
        Members { members, tally }
    }
}

/// What a member weighs: its key, the colon and its value.
fn weight(key: &Text<'_>, value: &Node) -> Weight {
    let Weight { bytes, depth } = value.weight();
    Weight { bytes: text_bytes(key) as usize + 1 + bytes, depth }
}
