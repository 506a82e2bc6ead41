//! The shells: their scripts, how each says what was typed, and how each wants to be answered.

use std::ffi::OsString;

use clap::ValueEnum;

use super::line::{Line, Word};

/// A shell that can complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(clippy::enum_variant_names, reason = "PowerShell is a name")]
pub(crate) enum Shell {
    /// Bash 4 or newer
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
    /// `PowerShell`
    #[value(name = "powershell", help = "PowerShell")]
    PowerShell,
    /// Elvish
    Elvish,
}

/// Where PowerShell's script leaves the line: an argument would have to survive its quoting.
const LINE: &str = "SNAPCTL_COMPLETE_LINE";

impl Shell {
    /// The shell that a script says it is.
    #[must_use]
    pub(super) fn named(name: &str) -> Option<Shell> {
        Shell::from_str(name, false).ok()
    }

    /// The script that asks for completions.
    #[must_use]
    pub(crate) fn script(self) -> &'static str {
        match self {
            Shell::Bash => include_str!("../../../completions/snapctl.bash"),
            Shell::Zsh => include_str!("../../../completions/_snapctl"),
            Shell::Fish => include_str!("../../../completions/snapctl.fish"),
            Shell::PowerShell => include_str!("../../../completions/snapctl.ps1"),
            Shell::Elvish => include_str!("../../../completions/snapctl.elv"),
        }
    }

    /// What the file is called that the shell looks for.
    #[must_use]
    pub(crate) fn file(self) -> &'static str {
        match self {
            Shell::Bash => "snapctl.bash",
            Shell::Zsh => "_snapctl",
            Shell::Fish => "snapctl.fish",
            Shell::PowerShell => "snapctl.ps1",
            Shell::Elvish => "snapctl.elv",
        }
    }

    /// What was typed. Bash hands over the line and its word breaks, PowerShell the line in the environment, the others
    /// words; the current one of zsh and fish may have quotes.
    #[must_use]
    pub(super) fn line(self, args: &[OsString]) -> Line {
        let mut words: Vec<String> = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let text = |words: &[String], at: usize| words.get(at).cloned().unwrap_or_default();
        match self {
            Shell::Bash => Line::parse(&text(&words, 0), &text(&words, 1), '\\'),
            Shell::PowerShell => Line::parse(&std::env::var_os(LINE).unwrap_or_default().to_string_lossy(), "", '`'),
            Shell::Zsh | Shell::Fish => {
                if let Some(last) = words.last_mut() {
                    // One word, also where it has spaces in quotes.
                    let Line { before, current } = Line::parse(last, "", '\\');
                    *last = before.into_iter().chain([current.value]).collect::<Vec<_>>().join(" ");
                }
                Line::of_words(words)
            }
            Shell::Elvish => Line::of_words(words),
        }
    }

    /// What the shell has to put in for a candidate; `None` where it cannot be written there.
    #[must_use]
    pub(super) fn insert(self, value: &str, current: &Word) -> Option<String> {
        match self {
            Shell::Bash => {
                let typed = current.value.get(..current.kept)?;
                for_bash(value.strip_prefix(typed)?, current.quote)
            }
            Shell::PowerShell => Some(for_powershell(value)),
            // These quote what they insert.
            Shell::Zsh | Shell::Fish | Shell::Elvish => Some(value.to_owned()),
        }
    }
}

/// Bash inserts what it gets.
fn for_bash(value: &str, quote: Option<char>) -> Option<String> {
    let special = match quote {
        Some('\'') => return (!value.contains('\'')).then(|| value.to_owned()),
        Some(_) => "\"\\$`",
        None => " \t\"'\\$`&|;<>()*?[]{}!#",
    };
    let mut text = String::with_capacity(value.len());
    for char in value.chars() {
        if special.contains(char) {
            text.push('\\');
        }
        text.push(char);
    }
    Some(text)
}

/// PowerShell inserts what it gets.
fn for_powershell(value: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "-_./:~@%=+".contains(char);
    if value.chars().all(plain) && !value.starts_with('@') {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bash_gets_the_rest_of_the_word() {
        let current = |text| Line::parse(text, " @=:", '\\').current;
        assert_eq!(Shell::Bash.insert("d/global:head", &current("x d/global:h")).unwrap(), "head");
        assert_eq!(Shell::Bash.insert("it's $1", &current("x i")).unwrap(), "it\\'s\\ \\$1");
        assert_eq!(Shell::Bash.insert("a $1", &current("x \"a")).unwrap(), "a \\$1");
        assert_eq!(Shell::Bash.insert("it's", &current("x 'i")), None);
        assert_eq!(Shell::Bash.insert("e:1", &current("x d:")), None);
    }

    #[test]
    fn powershell_gets_quotes_where_it_needs_them() {
        assert_eq!(for_powershell("d/global:head~1"), "d/global:head~1");
        assert_eq!(for_powershell("it's"), "'it''s'");
    }

    #[test]
    fn an_open_quote_is_no_part_of_the_word() {
        let words = ["snapctl", "ls", "\"a b"].map(OsString::from);
        assert_eq!(Shell::Fish.line(&words).current.value, "a b");
    }
}
