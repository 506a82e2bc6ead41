//! Tables of a settings file whose entries have names that users choose.

use std::fmt;

use super::cache::OF_CACHED_TYPE;
use super::key::{Member, OF_TYPE, OF_VERSION};
use super::policies::OF_POLICY;
use super::rules::OF_RULE;

/// Such a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// `[keyframes.policies]`, by the name of the policy.
    Policies,
    /// `[cache.type]`, by document type.
    CachedTypes,
    /// `[cache.rules]`, by the name of the rule.
    Rules,
    /// `[models]`, by `TYPE` or `TYPE@VERSION`.
    Models,
}

impl Group {
    /// All of them.
    pub(super) const ALL: [Group; 4] = [Group::Policies, Group::CachedTypes, Group::Rules, Group::Models];

    /// The group that stands there.
    pub(super) fn at(section: &str, table: Option<&str>) -> Option<Self> {
        Self::ALL.into_iter().find(|group| (group.section(), group.table()) == (section, table))
    }

    /// The section that it stands in, or that it is.
    pub(super) fn section(self) -> &'static str {
        match self {
            Group::Policies => "keyframes",
            Group::CachedTypes | Group::Rules => "cache",
            Group::Models => "models",
        }
    }

    /// Its name in the section, unless it is the section.
    pub(super) fn table(self) -> Option<&'static str> {
        match self {
            Group::Policies => Some("policies"),
            Group::CachedTypes => Some("type"),
            Group::Rules => Some("rules"),
            Group::Models => None,
        }
    }

    /// What the entry called `name` may say.
    ///
    /// # Errors
    /// When no entry can be called so.
    pub(super) fn members(self, name: &str) -> Result<&'static [Member], String> {
        match self {
            Group::Policies => Ok(&OF_POLICY),
            Group::CachedTypes => Ok(&OF_CACHED_TYPE),
            Group::Rules => Ok(&OF_RULE),
            Group::Models => Member::of_model(name),
        }
    }

    /// What a member does.
    pub(super) fn about(self, member: &str) -> &'static str {
        let members: &[&[Member]] = match self {
            Group::Policies => &[&OF_POLICY],
            Group::CachedTypes => &[&OF_CACHED_TYPE],
            Group::Rules => &[&OF_RULE],
            Group::Models => &[&OF_VERSION, &OF_TYPE],
        };
        members.iter().copied().flatten().find(|known| known.name == member).map_or("", |known| known.about)
    }

    /// A key of the group that ends with `name`, if entries of another kind have such a member.
    pub(super) fn form_with(self, name: &str) -> Option<String> {
        let has = |members: &[Member]| members.iter().any(|member| member.name == name);
        let entry = match self {
            Group::Models if has(&OF_VERSION) => "TYPE@VERSION",
            Group::Models if has(&OF_TYPE) => "TYPE",
            _ => return None,
        };
        Some(format!("{self}.\"{entry}\".{name}"))
    }
}

/// The part of a key before the name of the entry.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section())?;
        self.table().map_or(Ok(()), |table| write!(f, ".{table}"))
    }
}
