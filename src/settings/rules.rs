//! `[cache.rules.NAME]`: what is dropped from the tiers when something happens.

use std::collections::{BTreeMap, BTreeSet};

use super::file::Name;
use super::group::Group;
use super::key::Member;
use super::value::{Kind, Setting, Word};
use super::{SettingsError, Value, brief};
use crate::cache::rules::{Rule, Trigger, What};

/// What `[cache.rules.NAME]` may say.
pub(super) static OF_RULE: [Member; 2] = [
    Member::new::<Trigger>("on", "When entries are dropped"),
    Member::new::<Dropped>(
        "drop",
        "Which: document, model (what the event is about, unless set), or those whose key matches a pattern, for example *:acme/note:*",
    ),
];

impl Word for Trigger {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (Trigger::DocumentDeleted, "document.deleted", "When a document is deleted"),
        (Trigger::DocumentUpgraded, "document.upgraded", "When a document gets another version of its model"),
        (Trigger::ModelChanged, "model.changed", "When a model is another one than that which made entries"),
    ];
}

/// What is dropped, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Dropped {
    /// The entries of the document.
    Document,
    /// Those that the model made.
    Model,
    /// Those whose key matches.
    Matching(glob::Pattern),
}

impl Setting for Dropped {
    fn kind() -> Kind {
        Kind::Pattern
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "document" => return Ok(Dropped::Document),
            "model" => return Ok(Dropped::Model),
            _ => {}
        }
        if !text.contains([':', '*', '?', '[']) {
            return Err("it has to be document, model, or a pattern of keys such as *:acme/note:*".to_owned());
        }
        glob::Pattern::new(text)
            .map(Dropped::Matching)
            .map_err(|error| format!("it is no pattern: {} at character {}", error.msg, error.pos + 1))
    }

    fn text(&self) -> Option<String> {
        Some(match self {
            Dropped::Document => "document".to_owned(),
            Dropped::Model => "model".to_owned(),
            Dropped::Matching(pattern) => pattern.as_str().to_owned(),
        })
    }
}

/// The rules that are said, by name.
///
/// # Errors
/// `BadValue` for a rule that does not say when, or drops what its event is not about.
pub(super) fn rules(members: &BTreeMap<Name, Value>) -> Result<Vec<Rule>, SettingsError> {
    let names: BTreeSet<&String> = members.keys().filter_map(name_of).collect();
    names.into_iter().map(|name| rule(members, name)).collect()
}

fn name_of(name: &Name) -> Option<&String> {
    match name {
        Name::Member { group: Group::Rules, entry, .. } => Some(entry),
        _ => None,
    }
}

fn rule(members: &BTreeMap<Name, Value>, name: &str) -> Result<Rule, SettingsError> {
    let key = |member| Name::Member { group: Group::Rules, entry: name.to_owned(), member };
    let (on, drop) = (members.get(&key("on")), members.get(&key("drop")));
    let bad = |reason| {
        let said = drop.or(on).expect("the name is there for what it says");
        let key = brief(&key("drop").to_string());
        SettingsError::BadValue { origin: said.origin.clone(), key, reason }
    };
    let Some(on) = on.map(Value::read::<Trigger>) else {
        return Err(bad(format!("it says nothing without {}, which is missing", brief(&key("on").to_string()))));
    };
    let drop = match drop.map(Value::read::<Dropped>) {
        Some(Dropped::Matching(pattern)) => What::Matching(pattern),
        Some(Dropped::Document) if on == Trigger::ModelChanged => {
            return Err(bad(format!("{} is about no document: write model, or a pattern", on.as_str())));
        }
        Some(Dropped::Model) if on != Trigger::ModelChanged => {
            return Err(bad(format!("{} is about no model: write document, or a pattern", on.as_str())));
        }
        _ => What::Concerned,
    };
    Ok(Rule { name: name.to_owned(), on, drop })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Said, Settings, file};

    fn rules(text: &str) -> Result<Vec<Rule>, String> {
        let settings = Settings::of(&Said { files: &[file(text)], ..Said::default() });
        settings.map(|settings| settings.cache_rules().to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_drops_what_its_event_is_about_or_what_matches() {
        let text = "[cache.rules.a]\non = 'document.deleted'\n[cache.rules.b]\non = 'model.changed'\ndrop = 'model'\n\
                    [cache.rules.c]\non = 'document.upgraded'\ndrop = '*:acme/index:*'\n[cache.rules.empty]";
        let rule = |name: &str, on, drop| Rule { name: name.to_owned(), on, drop };
        let pattern = glob::Pattern::new("*:acme/index:*").unwrap();
        assert_eq!(
            rules(text).unwrap(),
            [
                rule("a", Trigger::DocumentDeleted, What::Concerned),
                rule("b", Trigger::ModelChanged, What::Concerned),
                rule("c", Trigger::DocumentUpgraded, What::Matching(pattern)),
            ]
        );
    }

    #[test]
    fn a_rule_that_means_nothing_is_refused() {
        for (text, reason) in [
            (
                "[cache.rules.a]\ndrop = 'document'",
                "dir/s.toml:2:1: cache.rules.a.drop: it says nothing without cache.rules.a.on, which is missing",
            ),
            (
                "[cache.rules.a]\non = 'model.changed'\ndrop = 'document'",
                "dir/s.toml:3:1: cache.rules.a.drop: model.changed is about no document: write model, or a pattern",
            ),
            (
                "[cache.rules.a]\non = 'document.deleted'\ndrop = 'model'",
                "dir/s.toml:3:1: cache.rules.a.drop: document.deleted is about no model: write document, or a pattern",
            ),
        ] {
            assert_eq!(rules(text).unwrap_err(), reason);
        }
    }

    #[test]
    fn what_is_dropped_is_a_word_or_a_pattern() {
        for text in ["document", "model", "*", "snapctl:a:b/c@main:1:v1"] {
            assert_eq!(Dropped::parse(text).unwrap().text().as_deref(), Some(text));
        }
        assert!(Dropped::parse("documents").unwrap_err().contains("such as *:acme/note:*"));
        assert_eq!(Dropped::parse("a:[").unwrap_err(), "it is no pattern: invalid range pattern at character 3");
        assert_eq!(Trigger::WORDS.len(), Trigger::ALL.len());
        assert!(Trigger::WORDS.iter().all(|(trigger, name, _)| trigger.as_str() == *name));
    }
}
