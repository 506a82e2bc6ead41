//! What is common to all command lines.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::model::ids::DocumentType;
use crate::model::target::{At, Target, TargetError};
use crate::model::time::Timestamp;
use crate::reducer::generic::{GenericKind, UnknownKind};
use crate::replay::Trust;

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Global {
    /// The store: a path, or a URL such as sqlite:PATH
    #[arg(short, long, global = true, value_name = "URL", env = "SNAPCTL_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,

    /// Print one indented JSON value; what is said on stderr is a JSON object per line
    #[arg(long, global = true, conflicts_with = "ndjson")]
    pub(crate) json: bool,

    /// Print one compact JSON value per line; what is said on stderr is a JSON object per line
    #[arg(long, global = true)]
    pub(crate) ndjson: bool,

    /// Use no cache tier (accepted for scripts; there is no cache tier yet)
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,

    /// Rebuild from the first operation; the same as --trust none
    #[arg(long, global = true, conflicts_with = "trust")]
    pub(crate) no_keyframes: bool,

    /// Which keyframes a rebuild may start from
    #[arg(long, global = true, value_name = "LEVEL", value_enum, default_value_t = TrustLevel::Verified)]
    pub(crate) trust: TrustLevel,

    /// Let a generic model serve a document type, all its versions; KIND is json-patch, json-merge-patch or set
    #[arg(long = "model", global = true, value_name = "TYPE=KIND", value_parser = parse_model)]
    pub(crate) models: Vec<MappedModel>,

    /// Stop after this long with exit code 5, for example 500ms, 10s, 2m
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// How long to wait for a store that another program has locked
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration, default_value = "5s")]
    pub(crate) busy_timeout: Duration,

    /// How to show progress on stderr; auto is a bar when stderr is a terminal
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t = ProgressWhen::Auto)]
    pub(crate) progress: ProgressWhen,

    /// When to colour what is said on stderr
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,

    /// Read settings from this file; so far the models in [models]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say on stderr how answers came about
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// A document type and the generic model that serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedModel {
    /// The document type.
    pub(crate) document_type: DocumentType,
    /// The model.
    pub(crate) kind: GenericKind,
}

/// Which keyframes a rebuild may start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrustLevel {
    /// None
    None,
    /// Those that snapctl wrote or checked
    Verified,
    /// Also foreign ones whose state hash equals the stored hash of their operation
    Hashed,
    /// All that decode and fit their label
    Any,
}

/// When progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressWhen {
    /// A bar when stderr is a terminal
    Auto,
    /// Never
    None,
    /// Lines of JSON, a few a second
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// When stderr is a terminal, `NO_COLOR` is not set and TERM is not dumb
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Parts of a target that are given literally, for names that would have to be escaped.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Literal {
    /// The scope, taken literally; DOC is then an exact id, nothing in it is escaped
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,

    /// The branch, taken literally; DOC is then an exact id, nothing in it is escaped
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<String>,

    /// The position (REV), taken literally; DOC is then an exact id, nothing in it is escaped
    #[arg(long, value_name = "REV")]
    pub(crate) at: Option<String>,
}

impl Global {
    /// Which keyframes a rebuild may start from.
    #[must_use]
    pub(crate) fn trust(&self) -> Trust {
        match self.trust {
            _ if self.no_keyframes => Trust::None,
            TrustLevel::None => Trust::None,
            TrustLevel::Verified => Trust::Verified,
            TrustLevel::Hashed => Trust::Hashed,
            TrustLevel::Any => Trust::Any,
        }
    }

    /// How long to wait for a busy store, which is never longer than all of the work may take; `None` not at all.
    #[must_use]
    pub(crate) fn busy_timeout_ms(&self) -> Option<NonZeroU64> {
        let wait = self.timeout.map_or(self.busy_timeout, |timeout| timeout.min(self.busy_timeout));
        NonZeroU64::new(wait.as_millis().try_into().unwrap_or(u64::MAX))
    }
}

impl Literal {
    /// What `text` means beside these options.
    ///
    /// # Errors
    /// When the text, or the position, cannot be parsed.
    pub(crate) fn target(&self, text: &str) -> Result<Target, TargetError> {
        if self.scope.is_none() && self.branch.is_none() && self.at.is_none() {
            return text.parse();
        }
        let at = self.at.as_deref().map_or(Ok(At::Head), At::parse_literal)?;
        Ok(Target::literal(text, self.scope.as_deref(), self.branch.as_deref(), at))
    }
}

/// A number and a unit: `ms`, `s`, `m` or `h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis: Option<u64> = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let total = number.parse::<u64>().ok().zip(millis).and_then(|(number, millis)| number.checked_mul(millis));
    total.map(Duration::from_millis).ok_or("a duration is a number and a unit, like 500ms, 10s, 2m or 1h".to_owned())
}

/// A document type and what serves it; the type may hold `=` itself.
fn parse_model(text: &str) -> Result<MappedModel, String> {
    let parts = text.rsplit_once('=').filter(|(document_type, _)| !document_type.is_empty());
    let (document_type, kind) = parts.ok_or("it has to be TYPE=KIND, for example acme/note=json-patch".to_owned())?;
    let kind = kind.parse().map_err(|error: UnknownKind| error.to_string())?;
    Ok(MappedModel { document_type: document_type.into(), kind })
}

/// A time in any of the forms that stores hold.
///
/// # Errors
/// When it is none of them.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or("a time is written like 2025-01-31T12:00:00Z".to_owned())
}

/// A JSON pointer: empty or starting with `/`, with each `~` followed by 0 or 1 (RFC 6901 section 3).
///
/// # Errors
/// When it is none.
pub(crate) fn parse_pointer(text: &str) -> Result<String, String> {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (text.is_empty() || text.starts_with('/')) && escapes {
        return Ok(text.to_owned());
    }
    Err("a JSON pointer is empty or starts with /; in names ~ is written ~0 and / is written ~1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::target::DocumentRef;

    #[test]
    fn a_pointer_starts_with_a_slash() {
        for text in ["", "/", "/a~1b/~0"] {
            assert!(parse_pointer(text).is_ok(), "{text}");
        }
        for text in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert!(parse_pointer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_model_is_mapped_by_type_and_kind() {
        let model = parse_model("a=b=set").unwrap();
        assert_eq!((model.document_type, model.kind), ("a=b".into(), GenericKind::Set));
        assert_eq!(parse_model("a=json").unwrap_err(), "\"json\" is none of json-patch, json-merge-patch, set");
        for text in ["", "set", "=set", "a"] {
            assert!(parse_model(text).unwrap_err().starts_with("it has to be TYPE=KIND"), "{text}");
        }
    }

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        for text in ["", "10", "s", "-1s", "1.5s", "1 s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_literal_part_makes_the_document_literal() {
        let literal = Literal { at: Some("op:a%2F".into()), ..Literal::default() };
        let target = literal.target("a/b@c:%41").unwrap();
        assert_eq!(target.document, DocumentRef::Literal("a/b@c:%41".into()));
        assert_eq!((target.scope, target.at), (None, At::Operation("a%2F".into())));
        assert_eq!(Literal::default().target("%41").unwrap().document, DocumentRef::Typed("A".into()));
    }
}
