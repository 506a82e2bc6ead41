//! Words of command lines that are shown to be copied: what a POSIX shell reads as one word (Shell & Utilities, 2.2).

use std::borrow::Cow;
use std::path::Path;

/// The text as one word of a shell. Where it means only itself it stays as it is, elsewhere it is in single quotes, in which
/// nothing but the quote itself is special.
#[must_use]
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "_-./:,@%+=".contains(char);
    // Letters of other scripts are no operators of a shell, whatever its locale.
    if !text.is_empty() && text.chars().all(|char| plain(char) || char.is_alphanumeric()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

/// A path as one word, which no program takes for an option.
#[must_use]
pub(crate) fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.starts_with('-') { word(&format!("./{text}")).into_owned() } else { word(&text).into_owned() }
}

/// A long option with its value, which may begin with a hyphen.
#[must_use]
pub(crate) fn option(name: &str, value: &str) -> String {
    let sign = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{sign}{}", word(value))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn plain_words_stay_as_they_are() {
        for text in ["ops.db", "/a/b-c_d.sqlite", "sqlite:ops.db", "d/global@b:12", "größe.db"] {
            assert_eq!(word(text), text);
        }
        assert_eq!(word(""), "''");
        assert_eq!(word("my ops.db"), "'my ops.db'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word("~/x"), "'~/x'");
        assert_eq!(path(Path::new("-x y.db")), "'./-x y.db'");
        assert_eq!(option("--store", "-x.db"), "--store=-x.db");
        assert_eq!(option("--store", "a b"), "--store 'a b'");
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in ["a b", "it's", "\"x\"", "$HOME", "`id`", "a\\b", "*", "x;y", "#z", "!1", "a\nb", "-n", "''", "ü ß"]
        {
            let script = format!("printf '%s.' {}", word(text));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{text}."));
        }
    }
}
