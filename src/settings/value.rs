//! What a setting can be, and how it is written.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::model::ids::DocumentType;
use crate::model::size::ByteSize;
use crate::reducer::generic::GenericKind;
use crate::reducer::{AliasStep, ModelId};
use crate::replay::Trust;
use crate::store::Codec;

/// A type of values. What it is parsed from is the same text in a file, in a variable and after a flag.
pub trait Setting: Clone + fmt::Debug + Send + Sync + 'static {
    /// What its texts look like.
    fn kind() -> Kind;

    /// Understands a text.
    ///
    /// # Errors
    /// What the text would have to be, as the end of a sentence that begins with the key.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text that parses back; `None` for a value that is nothing.
    fn text(&self) -> Option<String>;
}

/// What the texts of a type look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A store: a path, or `SCHEME:PLACE`.
    Location,
    /// A path of a folder.
    Folder,
    /// A number and a unit.
    Duration,
    /// A number of bytes and a unit.
    Size,
    /// `TYPE@VERSION`.
    Model,
    /// A whole number.
    Count {
        /// The least there is.
        least: u64,
    },
    /// True or false.
    Flag,
    /// A number and a unit, up to weeks.
    Age,
    /// A word, or a pattern of the keys of a cache.
    Pattern,
    /// One of these words, each with what it means.
    Words(Vec<(&'static str, &'static str)>),
}

/// A type with a few values, each with a name.
pub trait Word: Copy + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Each value, its name, and what it means: imperative or noun, no full stop.
    const WORDS: &'static [(Self, &'static str, &'static str)];
}

impl<T: Word> Setting for T {
    fn kind() -> Kind {
        Kind::Words(T::WORDS.iter().map(|(_, name, about)| (*name, *about)).collect())
    }

    fn parse(text: &str) -> Result<Self, String> {
        if let Some((value, ..)) = T::WORDS.iter().find(|(_, name, _)| *name == text) {
            return Ok(*value);
        }
        let names: Vec<&str> = T::WORDS.iter().map(|(_, name, _)| *name).collect();
        let near = crate::model::similar::nearest(text, &names)
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        let shown = super::brief(text);
        Err(format!("\"{}\" is not one of {}{near}", shown.escape_debug(), names.join(", ")))
    }

    fn text(&self) -> Option<String> {
        T::WORDS.iter().find(|(value, ..)| value == self).map(|(_, name, _)| (*name).to_owned())
    }
}

/// A value that may be nothing, which is written as an empty text.
impl<T: Setting> Setting for Option<T> {
    fn kind() -> Kind {
        T::kind()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn text(&self) -> Option<String> {
        self.as_ref().and_then(T::text)
    }
}

/// Where a store is, as [`crate::store::Stores::open`] takes it: with a password, if there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Location(pub String);

/// Without the password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Location").field(&crate::store::without_password(&self.0)).finish()
    }
}

impl Setting for Location {
    fn kind() -> Kind {
        Kind::Location
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Location(text.to_owned())) }
    }

    fn text(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

/// A folder: a path, relative to the file that says so or to the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(pub String);

impl Setting for Folder {
    fn kind() -> Kind {
        Kind::Folder
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Folder(text.to_owned())) }
    }

    fn text(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

impl Setting for ByteSize {
    fn kind() -> Kind {
        Kind::Size
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::model::size::ByteSizeError| error.to_string())
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for Duration {
    fn kind() -> Kind {
        Kind::Duration
    }

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let millis = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis);
        let total = number.parse::<u64>().ok().zip(millis).and_then(|(number, millis)| number.checked_mul(millis));
        total
            .map(Duration::from_millis)
            .ok_or("a duration is a number and a unit, like 500ms, 10s, 2m or 1h".to_owned())
    }

    fn text(&self) -> Option<String> {
        let total: u64 = self.as_millis().try_into().unwrap_or(u64::MAX);
        let unit = UNITS.iter().rev().find(|(_, millis)| total != 0 && total.is_multiple_of(*millis));
        let (name, millis) = unit.unwrap_or(&("s", 1000));
        Some(format!("{}{name}", total / millis))
    }
}

/// The units of durations in milliseconds, ascending.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// How old something may be, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(pub u64);

impl Setting for Age {
    fn kind() -> Kind {
        Kind::Age
    }

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = UNITS.iter().chain(&LONG_UNITS).find(|(name, _)| *name == unit);
        let total = number.parse::<u64>().ok().zip(unit).and_then(|(number, (_, millis))| number.checked_mul(*millis));
        total.map(Age).ok_or_else(|| "a duration is a number and a unit, like 90m, 12h, 30d or 8w".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(format!("{}ms", self.0))
    }
}

/// The units of ages beyond those of durations.
const LONG_UNITS: [(&str, u64); 2] = [("d", 86_400_000), ("w", 604_800_000)];

/// A base of powers: 2 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base(pub NonZeroU64);

impl Setting for Base {
    fn kind() -> Kind {
        Kind::Count { least: 2 }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let base = text.parse().ok().filter(|base: &NonZeroU64| base.get() > 1);
        base.map(Base).ok_or_else(|| "it has to be a whole number from 2".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

impl Setting for u64 {
    fn kind() -> Kind {
        Kind::Count { least: 0 }
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "it has to be a whole number".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for NonZeroU64 {
    fn kind() -> Kind {
        Kind::Count { least: 1 }
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "it has to be a whole number from 1".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for bool {
    fn kind() -> Kind {
        Kind::Flag
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "it has to be true or false".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Word for Codec {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (Codec::Json, "json", "As JSON, where other programs find them"),
        (Codec::Zstd, "zstd", "Compressed one by one"),
        (Codec::ZstdDelta, "zstd-delta", "Compressed as differences to the first of a group: much smaller"),
    ];
}

impl Setting for ModelId {
    fn kind() -> Kind {
        Kind::Model
    }

    /// Versions start at 1 and have no leading zeros.
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('@').filter(|(document_type, version)| {
            let digits = version.bytes().all(|byte| byte.is_ascii_digit());
            !document_type.is_empty() && digits && !version.starts_with('0')
        });
        let id = parts.and_then(|(document_type, version)| {
            Some(ModelId { document_type: DocumentType::from(document_type), version: version.parse().ok()? })
        });
        id.ok_or_else(|| "a model is named TYPE@VERSION, and versions start at 1".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Word for Trust {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (Trust::None, "none", "None"),
        (Trust::Verified, "verified", "Those that snapctl wrote or checked"),
        (Trust::Hashed, "hashed", "Also foreign ones whose state hash equals the stored hash of their operation"),
        (Trust::Any, "any", "All that decode and fit their label"),
    ];
}

impl Word for AliasStep {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (AliasStep::Identity, "identity", "The version changed nothing: the state stays as it is"),
        (AliasStep::Unknown, "none", "No step is known: an upgrade has to carry the new state"),
    ];
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorWhen {
    /// When stderr is a terminal that can, and the user has not said no in the environment.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Word for ColorWhen {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (ColorWhen::Auto, "auto", "When stderr is a terminal, NO_COLOR is not set and TERM is not dumb"),
        (ColorWhen::Always, "always", "Always"),
        (ColorWhen::Never, "never", "Never"),
    ];
}

/// When progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressWhen {
    /// A bar when stderr is a terminal.
    Auto,
    /// Never.
    None,
    /// Lines of JSON, a few a second.
    Json,
}

impl Word for ProgressWhen {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (ProgressWhen::Auto, "auto", "A bar when stderr is a terminal"),
        (ProgressWhen::None, "none", "Never"),
        (ProgressWhen::Json, "json", "Lines of JSON, a few a second"),
    ];
}

impl Word for GenericKind {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (GenericKind::JsonPatch, "json-patch", "The input of an action is a JSON Patch (RFC 6902)"),
        (GenericKind::JsonMergePatch, "json-merge-patch", "The input of an action is a JSON Merge Patch (RFC 7396)"),
        (GenericKind::Set, "set", "The input of an action is {\"pointer\",\"value\"}"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(Duration::parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(Duration::parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(Duration::parse("0s"), Ok(Duration::ZERO));
        for text in ["", "10", "s", "-1s", "1.5s", "1 s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_may_be_days_and_weeks() {
        assert_eq!(Age::parse("2d"), Ok(Age(172_800_000)));
        assert_eq!(Age::parse("1w"), Ok(Age(604_800_000)));
        assert_eq!(Age::parse("500ms"), Ok(Age(500)));
        for text in ["", "2", "d", "-1d", "1y", "99999999999999999999w", "18446744073709551615w"] {
            assert!(Age::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_parses_back() {
        for text in ["0s", "1ms", "1500ms", "5s", "90s", "2m", "1h", "36h"] {
            assert_eq!(Duration::parse(text).unwrap().text().as_deref(), Some(text));
        }
        for (value, name, _) in Trust::WORDS {
            assert_eq!((Trust::parse(name), value.text().as_deref()), (Ok(*value), Some(*name)));
        }
        assert_eq!(ModelId::parse("a@b@12").unwrap().text().as_deref(), Some("a@b@12"));
        assert_eq!(Option::<Duration>::parse(""), Ok(None));
        assert_eq!(None::<Duration>.text(), None);
    }

    #[test]
    fn a_word_that_is_not_one_names_the_nearest() {
        let error = Trust::parse("hash").unwrap_err();
        assert_eq!(error, "\"hash\" is not one of none, verified, hashed, any; did you mean hashed?");
        assert_eq!(AliasStep::parse("all").unwrap_err(), "\"all\" is not one of identity, none");
    }

    #[test]
    fn versions_start_at_one() {
        for name in ["x@0", "x@01", "@1", "x@+1", "x@", "x", "x@99999999999"] {
            assert!(ModelId::parse(name).is_err(), "{name}");
        }
    }
}
