//! From text to a target.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::escape::unescape;
use super::{At, DocumentRef, Target};
use crate::model::ids::{Branch, DocumentId, OpIndex, Revision, Scope};
use crate::model::time::Timestamp;

/// Why a text is not a target: which part of it, and what is wrong with that part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is not a target: {part} \"{}\": {reason}", cut(.text), cut(.offending))]
pub struct TargetError {
    /// The whole text.
    pub text: String,
    /// Which part is wrong.
    pub part: TargetPart,
    /// That part of the text.
    pub offending: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A part of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetPart {
    /// `DOC`.
    Document,
    /// `/SCOPE`.
    Scope,
    /// `@BRANCH`.
    Branch,
    /// `:REV`.
    Position,
}

impl fmt::Display for TargetPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetPart::Document => "document",
            TargetPart::Scope => "scope",
            TargetPart::Branch => "branch",
            TargetPart::Position => "position",
        })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let fail = |part, offending: &str| {
            let (text, offending) = (text.to_owned(), offending.to_owned());
            move |reason| TargetError { text, part, offending, reason }
        };
        let name = |part, raw| parse_name(part, raw).map_err(fail(part, raw));
        let (stream, position) = split(text, ':');
        let (path, branch) = split(stream, '@');
        let (document, scope) = split(path, '/');
        Ok(Target {
            document: DocumentRef::Typed(name(TargetPart::Document, document)?),
            scope: scope.map(|raw| name(TargetPart::Scope, raw)).transpose()?.map(Scope::from),
            branch: branch.map(|raw| name(TargetPart::Branch, raw)).transpose()?.map_or(Branch::main(), Branch::from),
            at: position
                .map_or(Ok(At::Head), |raw| parse_at(raw, unescape).map_err(fail(TargetPart::Position, raw)))?,
        })
    }
}

impl Target {
    /// A target whose parts are taken as they are: nothing is escaped, and the document is an exact id.
    #[must_use]
    pub fn literal(document: &str, scope: Option<&str>, branch: Option<&str>, at: At) -> Self {
        Target {
            document: DocumentRef::Literal(DocumentId::from(document)),
            scope: scope.map(Scope::from),
            branch: branch.map_or(Branch::main(), Branch::from),
            at,
        }
    }
}

impl At {
    /// Parses a position that is given on its own: nothing in it is escaped.
    ///
    /// # Errors
    /// When the text is none of the forms of `REV`.
    pub fn parse_literal(text: &str) -> Result<Self, TargetError> {
        parse_at(text, |id| Ok(id.to_owned())).map_err(|reason| TargetError {
            text: text.to_owned(),
            part: TargetPart::Position,
            offending: text.to_owned(),
            reason,
        })
    }
}

/// The text before the first `mark`, and the text behind it if there is one.
fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn parse_name(part: TargetPart, raw: &str) -> Result<String, String> {
    if raw.is_empty() {
        return Err("it is empty".to_owned());
    }
    if raw.contains('/') {
        return Err("a / in a name is written %2F".to_owned());
    }
    if raw.contains('@') {
        return Err(format!("a @ in a {part} is written %40"));
    }
    unescape(raw)
}

fn parse_at(raw: &str, decode: impl Fn(&str) -> Result<String, String>) -> Result<At, String> {
    const FORMS: &str = "it is none of N, head, head~N, initial, op:ID, keyframe:N, @TIME";
    if let Some(id) = raw.strip_prefix("op:") {
        return if id.is_empty() {
            Err("the operation id is empty".to_owned())
        } else {
            Ok(At::Operation(decode(id)?.into()))
        };
    }
    if let Some(time) = raw.strip_prefix('@') {
        let time = Timestamp::parse(&decode(time)?);
        return time.map(At::Time).ok_or("a time is written like 2025-01-31T12:00:00Z".to_owned());
    }
    if let Some(number) = raw.strip_prefix("keyframe:") {
        return parse_number(number).map(|index| At::Keyframe(Revision::of(OpIndex::new(index))));
    }
    if let Some(number) = raw.strip_prefix("head~") {
        return parse_number(number).map(At::BeforeHead);
    }
    match raw {
        "" => Err("it is empty".to_owned()),
        "head" => Ok(At::Head),
        "initial" => Ok(At::Initial),
        _ if raw.bytes().all(|byte| byte.is_ascii_digit()) => {
            parse_number(raw).map(|index| At::Revision(Revision::of(OpIndex::new(index))))
        }
        _ if raw.contains("..") => Err("a range is not accepted here".to_owned()),
        _ if raw.starts_with('-') => {
            Err("a revision is 0 or more; the state before operation 0 is `initial`".to_owned())
        }
        _ => Err(FORMS.to_owned()),
    }
}

fn parse_number(digits: &str) -> Result<u64, String> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("\"{}\" is not a number", cut(digits)));
    }
    digits.parse().map_err(|_| format!("{} is too large", cut(digits)))
}

/// The beginning of a text, for a message.
fn cut(text: &str) -> Cow<'_, str> {
    const MOST: usize = 200;
    text.char_indices().nth(MOST).map_or(Cow::Borrowed(text), |(end, _)| Cow::Owned(format!("{}…", &text[..end])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Target {
        text.parse().unwrap()
    }

    fn reason(text: &str) -> String {
        text.parse::<Target>().unwrap_err().to_string()
    }

    #[test]
    fn reads_every_form_of_the_grammar() {
        let target = parsed("a1/global@feature:42");
        assert_eq!(target.document, DocumentRef::Typed("a1".into()));
        assert_eq!((target.scope, target.branch), (Some("global".into()), "feature".into()));
        assert_eq!(target.at, At::Revision(Revision::of(OpIndex::new(42))));
        assert_eq!(parsed("a1").at, At::Head);
        assert_eq!(parsed("a1:head~3").at, At::BeforeHead(3));
        assert_eq!(parsed("a1:initial").at, At::Initial);
        assert_eq!(parsed("a1:op:x:y%2Fz").at, At::Operation("x:y/z".into()));
        assert_eq!(parsed("a1:keyframe:10").at, At::Keyframe(Revision::of(OpIndex::new(10))));
        let time = Timestamp::parse("2025-01-02T03:04:05.678Z").unwrap();
        assert_eq!(parsed("a1@b:@2025-01-02T05:04:05.678+02:00").at, At::Time(time));
        assert_eq!(parsed("%2F%40%3A%25%C3%A9@x").document, DocumentRef::Typed("/@:%é".into()));
    }

    #[test]
    fn names_the_part_that_is_wrong() {
        assert_eq!(reason(""), "\"\" is not a target: document \"\": it is empty");
        assert_eq!(reason("a/"), "\"a/\" is not a target: scope \"\": it is empty");
        assert_eq!(reason("a/b/c"), "\"a/b/c\" is not a target: scope \"b/c\": a / in a name is written %2F");
        assert_eq!(reason("a@b/c"), "\"a@b/c\" is not a target: branch \"b/c\": a / in a name is written %2F");
        assert_eq!(reason("a:"), "\"a:\" is not a target: position \"\": it is empty");
        assert!(reason("a%2").contains("document \"a%2\": \"%2\" is no escape"));
        assert!(reason("a%é9").contains("\"%é9\" is no escape"));
        assert!(reason("a%FF").contains("do not make UTF-8 text"));
        assert!(reason("a:-1").contains("`initial`"));
        assert!(reason("a:1..3").contains("a range is not accepted here"));
        assert!(reason("a:99999999999999999999").contains("99999999999999999999 is too large"));
        assert!(reason("a:head~").contains("\"\" is not a number"));
        assert!(reason("a:keyframe:x").contains("\"x\" is not a number"));
        assert!(reason("a:@noon").contains("a time is written like"));
    }

    #[test]
    fn a_literal_position_is_not_unescaped() {
        assert_eq!(At::parse_literal("op:%2F").unwrap(), At::Operation("%2F".into()));
        assert_eq!(At::parse_literal("op:a/b@c").unwrap(), At::Operation("a/b@c".into()));
    }

    fn positions() -> impl Strategy<Value = At> {
        let revision = any::<u64>().prop_map(|index| Revision::of(OpIndex::new(index)));
        prop_oneof![
            Just(At::Head),
            Just(At::Initial),
            any::<u64>().prop_map(At::BeforeHead),
            revision.clone().prop_map(At::Revision),
            revision.prop_map(At::Keyframe),
            "\\PC{1,20}|[/@:%\n]{1,5}".prop_map(|id| At::Operation(id.into())),
            (-60_000_000_000_000_i64..250_000_000_000_000)
                .prop_filter_map("time", Timestamp::from_millis)
                .prop_map(At::Time),
        ]
    }

    proptest! {
        #[test]
        fn what_is_displayed_parses_back(
            document in "\\PC{1,20}|[/@:%\u{0}-\u{20}]{1,5}",
            scope in proptest::option::of("\\PC{1,20}|[/@:%~]{1,5}"),
            branch in "main|\\PC{1,20}|[/@:%~]{1,5}",
            at in positions(),
        ) {
            let target = Target { document: DocumentRef::Typed(document), scope: scope.map(Scope::from), branch: branch.into(), at };
            prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
        }

        #[test]
        fn no_text_panics(text in "[a%/@:~.0-9é-]{0,24}|\\PC{0,24}") {
            let _ = text.parse::<Target>();
        }
    }
}
