//! Rules: what goes from the tiers when a document is deleted or upgraded, or when a model is another one now.
//!
//! What such a change concerns is not used any more, rule or not: whoever looks for an entry tests whether it still holds.
//! Rules give its place back at once, and may take along what somebody knows to depend on it.

use super::{Cause, Which};
use crate::model::ids::{DocumentId, DocumentType, Fingerprint, Scope, StreamKey};
use crate::model::json::Json;
use crate::model::operation::{Action, OperationRow};

/// When a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A document is deleted.
    DocumentDeleted,
    /// A document is brought to another version of its model.
    DocumentUpgraded,
    /// A model is another one than that which made entries.
    ModelChanged,
}

/// What a rule drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What the change concerns: the entries of the document, or those that the model made.
    Concerned,
    /// Entries whose key ([`Facts::key`](super::Facts::key)) matches, whatever document they are of.
    Matching(glob::Pattern),
}

/// What is dropped when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As drops are told to be of it.
    pub name: String,
    /// When.
    pub on: Trigger,
    /// What.
    pub drop: What,
}

/// Something that fires rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The document was deleted.
    Deleted(DocumentId),
    /// The document was brought to another version of its model.
    Upgraded(DocumentId),
    /// The models of a document type with this fingerprint are no longer there.
    Model(DocumentType, Fingerprint),
}

/// A rule that has fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing<'a> {
    /// The rule.
    pub rule: &'a str,
    /// Why.
    pub cause: Cause,
    /// What is to be dropped.
    pub which: Which,
}

/// The rules there are. For each trigger there is one that drops what the change concerns, called as the trigger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    namespace: String,
}

impl Rules {
    /// Rules besides those that always are; `namespace` is what the keys of entries begin with.
    #[must_use]
    pub fn new(namespace: &str, more: impl IntoIterator<Item = Rule>) -> Self {
        let own = Trigger::ALL.map(|on| Rule { name: on.as_str().to_owned(), on, drop: What::Concerned });
        Rules { rules: own.into_iter().chain(more).collect(), namespace: namespace.to_owned() }
    }

    /// The rules that a change fires, and what each drops of it.
    #[must_use]
    pub fn fired_by(&self, change: &Change) -> Vec<Firing<'_>> {
        let (on, concerned) = match change {
            Change::Deleted(document) => (Trigger::DocumentDeleted, Which::Document(document.clone())),
            Change::Upgraded(document) => (Trigger::DocumentUpgraded, Which::Document(document.clone())),
            Change::Model(of, fingerprint) => (Trigger::ModelChanged, Which::Model(of.clone(), fingerprint.clone())),
        };
        let fired = self.rules.iter().filter(|rule| rule.on == on);
        let firing = fired.map(|Rule { name, drop, .. }| {
            let which = match drop {
                What::Concerned => concerned.clone(),
                What::Matching(pattern) => Which::Glob { namespace: self.namespace.clone(), pattern: pattern.clone() },
            };
            Firing { rule: name, cause: on.cause(), which }
        });
        firing.collect()
    }
}

impl Change {
    /// What an operation is to its document, if that fires rules. One that failed or was denied changes nothing, and the
    /// upgrade from version 0 only completes the creation (reactor format §5.2).
    #[must_use]
    pub fn of(stream: &StreamKey, row: &OperationRow<'_>, action: &Action<'_>) -> Option<Self> {
        let took_effect = row.denied.unwrap_or_default().is_empty() && row.error.unwrap_or_default().is_empty();
        if took_effect { Self::made_by(stream, action) } else { None }
    }

    /// What an action is to its document that took effect in a stream.
    #[must_use]
    pub fn made_by(stream: &StreamKey, action: &Action<'_>) -> Option<Self> {
        if stream.scope != Scope::document() {
            return None;
        }
        let document = stream.document.clone();
        match action.kind.as_bytes() {
            b"DELETE_DOCUMENT" => Some(Change::Deleted(document)),
            b"UPGRADE_DOCUMENT" => {
                let version = |name| action.input.get(name).and_then(Json::as_number).unwrap_or(f64::NAN);
                let (from, to) = (version("fromVersion"), version("toVersion"));
                let changes_nothing = from <= 0.0 || to > 0.0 && from >= to;
                (!changes_nothing).then_some(Change::Upgraded(document))
            }
            _ => None,
        }
    }
}

impl Trigger {
    /// All of them.
    pub const ALL: [Trigger; 3] = [Trigger::DocumentDeleted, Trigger::DocumentUpgraded, Trigger::ModelChanged];

    /// As users write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::DocumentDeleted => "document.deleted",
            Trigger::DocumentUpgraded => "document.upgraded",
            Trigger::ModelChanged => "model.changed",
        }
    }

    /// What entries go of.
    #[must_use]
    pub fn cause(self) -> Cause {
        match self {
            Trigger::DocumentDeleted => Cause::DocumentDeleted,
            Trigger::DocumentUpgraded => Cause::DocumentUpgraded,
            Trigger::ModelChanged => Cause::ModelChanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OpIndex;
    use crate::model::time::Timestamp;

    fn stream(scope: &str) -> StreamKey {
        StreamKey { document: "d".into(), scope: scope.into(), branch: "main".into() }
    }

    fn row<'a>(error: Option<&'a str>, denied: Option<&'a str>) -> OperationRow<'a> {
        OperationRow {
            index: OpIndex::FIRST,
            skip: None,
            id: "o",
            previous_id: "",
            document_type: "t",
            timestamp: Timestamp::from_millis(0).unwrap(),
            hash: "",
            error,
            denied,
            action: b"",
        }
    }

    fn change(scope: &str, action: &str, row: &OperationRow<'_>) -> Option<Change> {
        Change::of(&stream(scope), row, &Action::parse(action.as_bytes()).unwrap())
    }

    #[test]
    fn only_what_takes_effect_in_the_document_scope_is_a_change() {
        let (delete, plain) = (r#"{"type":"DELETE_DOCUMENT"}"#, row(None, None));
        assert_eq!(change("document", delete, &plain), Some(Change::Deleted("d".into())));
        assert_eq!(change("document", delete, &row(Some(""), Some(""))), Some(Change::Deleted("d".into())));
        assert_eq!(change("global", delete, &plain), None);
        assert_eq!(change("document", delete, &row(Some("no"), None)), None);
        assert_eq!(change("document", delete, &row(None, Some("no"))), None);
        assert_eq!(change("document", r#"{"type":"CREATE_DOCUMENT"}"#, &plain), None);
    }

    #[test]
    fn an_upgrade_is_one_that_leads_to_another_version() {
        let upgrade = |input: &str| {
            let action = format!(r#"{{"type":"UPGRADE_DOCUMENT","input":{input}}}"#);
            change("document", &action, &row(None, None))
        };
        for input in [r#"{"fromVersion":1,"toVersion":2}"#, r#"{"fromVersion":2,"toVersion":0}"#, "{}", "null"] {
            assert_eq!(upgrade(input), Some(Change::Upgraded("d".into())), "{input}");
        }
        for input in [r#"{"fromVersion":0,"toVersion":1}"#, r#"{"fromVersion":2,"toVersion":2}"#] {
            assert_eq!(upgrade(input), None, "{input}");
        }
    }

    #[test]
    fn a_change_fires_its_own_rule_and_those_of_the_user() {
        let pattern = glob::Pattern::new("*:acme/index:*").unwrap();
        let mine = Rule { name: "index".into(), on: Trigger::DocumentDeleted, drop: What::Matching(pattern.clone()) };
        let rules = Rules::new("ns", [mine]);
        let fired: Vec<_> = rules.fired_by(&Change::Deleted("d".into()));
        let cause = Cause::DocumentDeleted;
        let which = Which::Glob { namespace: "ns".into(), pattern };
        assert_eq!(
            fired,
            [
                Firing { rule: "document.deleted", cause, which: Which::Document("d".into()) },
                Firing { rule: "index", cause, which },
            ]
        );
        let fired = rules.fired_by(&Change::Upgraded("d".into()));
        assert_eq!((fired.len(), fired[0].cause, fired[0].rule), (1, Cause::DocumentUpgraded, "document.upgraded"));
        let fired = rules.fired_by(&Change::Model("t".into(), "f".into()));
        assert_eq!((fired.len(), &fired[0].which), (1, &Which::Model("t".into(), "f".into())));
    }
}
