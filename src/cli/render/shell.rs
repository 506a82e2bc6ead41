//! Words of command lines that are suggested: what is shown can be pasted into a shell.

use std::borrow::Cow;

/// The text as one word of a shell.
#[must_use]
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "_-./:@%+,=".contains(char);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn only_what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(word("d1/global@b:keyframe:3"), "d1/global@b:keyframe:3");
        assert_eq!(word("it's $(rm)"), r"'it'\''s $(rm)'");
        assert_eq!(word(""), "''");
    }
}
