//! Targets that choose rows: `DOC[/SCOPE][@BRANCH][:REV]`, or `:A..B` instead of a position.
//!
//! `DOC` alone is the whole document, all scopes and branches of it; anything else is on branch `main` unless it names
//! another.

use super::args::Literal;
use super::exit::{ExitStatus, Refusal};
use crate::model::ids::{NextIndex, OpIndex, Revision, Scope, Span};
use crate::model::target::{At, Target, TargetError, TargetPart};
use crate::replay::{self, Position, View};
use crate::store::{Part, Read};

/// A target that chooses rows, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    target: Target,
    /// Whether the document alone is named.
    whole: bool,
    /// Which indices; `None` leaves it to the position of the target.
    range: Option<Span>,
}

impl Choice {
    /// What `text` means, beside options that say parts of it.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub(crate) fn parse(text: &str, literal: &Literal) -> Result<Self, TargetError> {
        let is_literal = literal.scope.is_some() || literal.branch.is_some() || literal.at.is_some();
        if is_literal {
            return Ok(Choice { target: literal.target(text)?, whole: false, range: None });
        }
        let (stream, position) = text.split_once(':').map_or((text, None), |(stream, at)| (stream, Some(at)));
        let whole = !text.contains(['/', '@', ':']);
        let range = position.and_then(|position| position.split_once(".."));
        let Some((from, through)) = range.filter(|(from, _)| from.bytes().all(|byte| byte.is_ascii_digit())) else {
            return Ok(Choice { target: text.parse()?, whole, range: None });
        };
        let wrong = |offending: &str, reason: &str| TargetError {
            text: text.to_owned(),
            part: TargetPart::Position,
            offending: offending.to_owned(),
            reason: reason.to_owned(),
        };
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten().ok_or_else(|| wrong(digits, "it is not a number"))
        };
        let from: u64 = if from.is_empty() { 0 } else { number(from)? };
        let through: Option<u64> = if through.is_empty() { None } else { Some(number(through)?) };
        if through.is_some_and(|through| through < from) {
            return Err(wrong(position.unwrap_or_default(), "the range ends before it begins"));
        }
        let range = Some(Span { from: NextIndex::new(from), through: through.map(OpIndex::new) });
        Ok(Choice { target: stream.parse()?, whole, range })
    }

    /// Whether a scope had to be assumed.
    #[must_use]
    pub(crate) fn assumes_scope(&self) -> bool {
        let at_scope = self.range.is_some() || !matches!(self.target.at, At::Head | At::Time(_) | At::Operation(_));
        self.target.scope.is_none() && at_scope
    }

    /// The part of a store that is meant; documents may be named as anywhere.
    ///
    /// # Errors
    /// When it is not there, or is no part: a time without a scope.
    pub(crate) fn find(&self, read: &dyn Read) -> anyhow::Result<Part> {
        let document = replay::find_document(read, &self.target.document)?;
        if self.whole {
            return Ok(Part { document, scope: None, branch: None, span: Span::ALL });
        }
        let mut target = self.target.clone();
        if self.range.is_some() {
            target.scope.get_or_insert_with(Scope::global);
        }
        // A range that ends behind the head is a mistake like a position behind it.
        if let Some(last) = self.range.and_then(|range| range.through) {
            target.at = At::Revision(Revision::of(last));
        }
        let resolved = replay::resolve(read, &target)?;
        let branch = Some(resolved.branch().clone());
        let through = |revision: Option<Revision>| match revision {
            Some(revision) => Span { through: Some(revision.last()), ..Span::ALL },
            None => Span { from: NextIndex::new(u64::MAX), through: Some(OpIndex::FIRST) },
        };
        let (scope, span) = match resolved.view() {
            View::Composed(replay::Moment::Head) => (None, Span::ALL),
            View::Composed(_) => return Err(needs_scope(&target).into()),
            View::Scoped(scope, Position::Head) => (Some(scope.clone()), Span::ALL),
            View::Scoped(scope, Position::At(revision)) => (Some(scope.clone()), through(*revision)),
            View::Keyframe(scope, revision) => {
                let label = revision.last();
                // Only the operation of that label, and the keyframe.
                let from = Some(revision).and_then(|revision| revision.checked_sub(1));
                (Some(scope.clone()), Span { from: from.into(), through: Some(label) })
            }
        };
        Ok(Part { document, scope, branch, span: self.range.unwrap_or(span) })
    }

    /// The part that is meant of rows that are still to come, where nothing can be looked up: `DOC` is an exact id, and
    /// the position a number or a range.
    ///
    /// # Errors
    /// When it says more than that.
    pub(crate) fn literally(&self) -> Result<Part, Refusal> {
        let Target { document, scope, branch, at } = &self.target;
        let span = match (self.range, at) {
            (Some(range), _) => range,
            (None, At::Head) => Span::ALL,
            (None, At::Revision(revision)) => Span { through: Some(revision.last()), ..Span::ALL },
            (None, at) => {
                return Err(Refusal {
                    exit: ExitStatus::Usage,
                    code: "bad-target",
                    message: format!("{at} cannot be found in rows that are not in a store yet"),
                    hint: Some("name operations by their index: DOC/SCOPE:N or DOC/SCOPE:A..B".to_owned()),
                });
            }
        };
        let scope = if self.assumes_scope() { Some(Scope::global()) } else { scope.clone() };
        let branch = (!self.whole).then(|| branch.clone());
        Ok(Part { document: document.as_str().into(), scope, branch, span })
    }
}

fn needs_scope(target: &Target) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "bad-target",
        message: format!("{target} is another position in every scope"),
        hint: Some("name a scope: DOC/SCOPE:REV".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part {
        Choice::parse(text, &Literal::default()).unwrap().literally().unwrap()
    }

    fn reason(text: &str) -> String {
        Choice::parse(text, &Literal::default()).unwrap_err().to_string()
    }

    fn span(from: u64, through: Option<u64>) -> Span {
        Span { from: NextIndex::new(from), through: through.map(OpIndex::new) }
    }

    #[test]
    fn a_document_alone_is_all_of_it() {
        assert_eq!(part("d%2F"), Part { document: "d/".into(), scope: None, branch: None, span: Span::ALL });
        assert_eq!((part("d@b").scope, part("d@b").branch), (None, Some("b".into())));
        assert_eq!((part("d/s").scope, part("d/s").branch), (Some("s".into()), Some("main".into())));
    }

    #[test]
    fn a_range_is_indices_with_both_ends() {
        assert_eq!(part("d/s:3..5").span, span(3, Some(5)));
        assert_eq!(part("d/s:3..").span, span(3, None));
        assert_eq!(part("d/s:..5").span, span(0, Some(5)));
        assert_eq!(part("d/s:5").span, span(0, Some(5)));
        assert_eq!((part("d:5..5").span, part("d:5..5").scope), (span(5, Some(5)), Some("global".into())));
    }

    #[test]
    fn what_is_no_range_is_said() {
        assert!(reason("d/s:5..3").contains("position \"5..3\": the range ends before it begins"));
        assert!(reason("d/s:5..x").contains("position \"x\": it is not a number"));
        assert!(reason("d/s:99999999999999999999..").contains("it is not a number"));
        assert!(reason("d/s:-1..3").contains("position \"-1..3\""));
        assert!(Choice::parse("d/s:head~1", &Literal::default()).unwrap().literally().is_err());
    }
}
