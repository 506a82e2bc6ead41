//! Where a value comes from.

use std::fmt;

use super::brief;

/// Where a value comes from, the weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A settings file.
    File {
        /// The file, as it was named.
        path: String,
        /// Where in it.
        at: Position,
        /// The profile of the file that says so; `None` outside of profiles.
        profile: Option<String>,
    },
    /// An environment variable.
    Variable(&'static str),
    /// A flag of the command line, with its dashes.
    Flag(&'static str),
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// The place of a byte of `text`.
    #[must_use]
    pub(super) fn of(byte: usize, text: &str) -> Self {
        let before = &text.as_bytes()[..byte.min(text.len())];
        let start = memchr::memrchr(b'\n', before).map_or(0, |line_break| line_break + 1);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        Position { line, column: String::from_utf8_lossy(&before[start..]).chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// `PATH:LINE:COLUMN`, the variable, the flag, or `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, at, profile: None } => write!(f, "{path}:{at}"),
            Origin::File { path, at, profile: Some(profile) } => write!(f, "{path}:{at} (profile {})", brief(profile)),
            Origin::Variable(name) | Origin::Flag(name) => f.write_str(name),
        }
    }
}
