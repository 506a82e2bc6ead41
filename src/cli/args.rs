//! What is common to all command lines.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::model::ids::DocumentType;
use crate::model::target::{At, Target, TargetError};
use crate::model::time::Timestamp;
use crate::reducer::generic::{GenericKind, UnknownKind};
use crate::reducer::protocol::Version;
use crate::settings::{
    AnyKey, BUSY_TIMEOUT, COLOR, CONFIG_VARIABLE, Flag, Kind, PROFILE_VARIABLE, PROGRESS, STORE_URL, TIMEOUT, TRUST,
};

/// Options of every command. What can be set elsewhere, too, is kept as it was typed: the settings decide what holds.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Global {
    #[arg(short, long, global = true, value_name = "URL", value_parser = checked(&STORE_URL), help = help(&STORE_URL))]
    store: Option<String>,

    /// Print one indented JSON value; what is said on stderr is a JSON object per line
    #[arg(long, global = true, conflicts_with = "ndjson")]
    pub(crate) json: bool,

    /// Print one compact JSON value per line; what is said on stderr is a JSON object per line
    #[arg(long, global = true)]
    pub(crate) ndjson: bool,

    /// Filter the JSON of the answer, as a pipe to jq would; strings are printed as they are, the rest a line a result
    ///
    /// It is `--json | jq EXPR`, a list being one array that is collected first; with --ndjson it is
    /// `--ndjson | jq EXPR`, which sees one line at a time and keeps none. With --json results are printed indented,
    /// with --ndjson compact. The clock, the environment and further input are not there.
    #[arg(long, global = true, value_name = "EXPR")]
    pub(crate) jq: Option<String>,

    /// Keep no rebuilt states, and use none: neither in memory nor in the cache file
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,

    /// Rebuild from the first operation, the same as --trust none; export and import operations alone
    #[arg(long, global = true, conflicts_with = "trust")]
    pub(crate) no_keyframes: bool,

    #[arg(long, global = true, value_name = "LEVEL", value_parser = words(&TRUST), help = help(&TRUST))]
    trust: Option<String>,

    /// Let a generic model serve a document type, all its versions; KIND is json-patch, json-merge-patch or set
    #[arg(long = "model", global = true, value_name = "TYPE=KIND", value_parser = parse_model)]
    pub(crate) models: Vec<MappedModel>,

    /// Replay documents that do not say which base protocol they follow as if they said 1 or 2
    ///
    /// Releases 6.0 to 6.2.1 took such documents for 1, older ones knew no other; 6.2.2 refuses to apply an operation to them,
    /// and so does snapctl without this.
    #[arg(long, global = true, value_name = "VERSION", value_parser = base_reducers())]
    assume_base_reducer: Option<String>,

    #[arg(long, global = true, value_name = "DURATION", value_parser = checked(&TIMEOUT), help = help(&TIMEOUT))]
    timeout: Option<String>,

    #[arg(long, global = true, value_name = "DURATION", value_parser = checked(&BUSY_TIMEOUT), help = help(&BUSY_TIMEOUT))]
    busy_timeout: Option<String>,

    #[arg(long, global = true, value_name = "HOW", value_parser = words(&PROGRESS), help = help(&PROGRESS))]
    progress: Option<String>,

    #[arg(long, global = true, value_name = "WHEN", value_parser = words(&COLOR), help = help(&COLOR))]
    color: Option<String>,

    #[arg(long, global = true, value_name = "FILE", help = variable(CONFIG, CONFIG_VARIABLE))]
    pub(crate) config: Option<PathBuf>,

    #[arg(long, global = true, value_name = "NAME", help = variable(PROFILE, PROFILE_VARIABLE))]
    pub(crate) profile: Option<String>,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say on stderr how answers came about
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

const CONFIG: &str = "Read settings from this file, and look for no other; /dev/null for none";
const PROFILE: &str = "Lay [profiles.NAME] over the rest of the settings files";

impl Global {
    /// A command line that says nothing but where settings are.
    #[must_use]
    pub(crate) fn reading(config: Option<PathBuf>, profile: Option<String>) -> Self {
        Global { config, profile, ..Global::default() }
    }

    /// Which base protocol documents follow that do not say it.
    #[must_use]
    pub(crate) fn base_reducer(&self) -> Option<Version> {
        let version = self.assume_base_reducer.as_deref()?;
        Some(if version == "1" { Version::V1 } else { Version::V2 })
    }

    /// The flags that are settings.
    #[must_use]
    pub(crate) fn settings(&self) -> Vec<Flag> {
        let flags: [(&dyn AnyKey, &Option<String>); 6] = [
            (&STORE_URL, &self.store),
            (&TRUST, &self.trust),
            (&TIMEOUT, &self.timeout),
            (&BUSY_TIMEOUT, &self.busy_timeout),
            (&PROGRESS, &self.progress),
            (&COLOR, &self.color),
        ];
        let given =
            flags.into_iter().filter_map(|(key, text)| Some(Flag { key, name: key.flag()?, text: text.clone()? }));
        let none = self.no_keyframes.then(|| Flag { key: &TRUST, name: "--no-keyframes", text: "none".to_owned() });
        given.chain(none).collect()
    }
}

/// A document type and the generic model that serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedModel {
    /// The document type.
    pub(crate) document_type: DocumentType,
    /// The model.
    pub(crate) kind: GenericKind,
}

/// What the help says of the flag of a setting.
fn help(key: &dyn AnyKey) -> String {
    let default = key.default_text().map(|text| format!(" [default: {text}]")).unwrap_or_default();
    variable(key.about(), key.variable()) + &default
}

fn variable(about: &str, variable: &str) -> String {
    format!("{about} [env: {variable}]")
}

/// The base protocols there are.
fn base_reducers() -> PossibleValuesParser {
    let about =
        [("1", "Undone steps carry a skip that counts positions"), ("2", "Undone steps cancel one operation each")];
    PossibleValuesParser::new(about.map(|(name, about)| PossibleValue::new(name).help(about)))
}

/// Takes the texts that are values of a setting.
fn checked(key: &'static dyn AnyKey) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |text| key.check(text).map(|()| text.to_owned())
}

/// The same, for settings with few values.
fn words(key: &'static dyn AnyKey) -> PossibleValuesParser {
    let Kind::Words(words) = key.kind() else { return PossibleValuesParser::new([""; 0]) };
    PossibleValuesParser::new(words.into_iter().map(|(name, about)| PossibleValue::new(name).help(about)))
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
    fn one_literal_part_makes_the_document_literal() {
        let literal = Literal { at: Some("op:a%2F".into()), ..Literal::default() };
        let target = literal.target("a/b@c:%41").unwrap();
        assert_eq!(target.document, DocumentRef::Literal("a/b@c:%41".into()));
        assert_eq!((target.scope, target.at), (None, At::Operation("a%2F".into())));
        assert_eq!(Literal::default().target("%41").unwrap().document, DocumentRef::Typed("A".into()));
    }
}
