//! A command line as a shell reads it, up to the cursor.

/// The words of a command, the program's name first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Those that are finished.
    pub(super) before: Vec<String>,
    /// The one the cursor stands in or behind; empty after a space.
    pub(super) current: Word,
}

/// The word to be completed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// What it says, without quotes.
    pub(super) value: String,
    /// The quote that is open.
    pub(super) quote: Option<char>,
    /// How much of `value` (in bytes) the shell takes for finished: what the shell replaces begins here.
    pub(super) kept: usize,
}

impl Line {
    /// Reads a line of a shell that has quotes, and where `escape` makes the next character an ordinary one. Behind each of
    /// `breaks`, and behind a quote, the shell begins something new to replace.
    pub(super) fn parse(text: &str, breaks: &str, escape: char) -> Line {
        let mut line = Line::default();
        let mut chars = text.chars();
        let mut within = false;
        while let Some(char) = chars.next() {
            let word = &mut line.current;
            match (word.quote, char) {
                (None, ' ' | '\t' | '\n') => {
                    if std::mem::take(&mut within) {
                        line.before.push(std::mem::take(word).value);
                    }
                    continue;
                }
                (None, '"' | '\'') => {
                    word.quote = Some(char);
                    word.kept = word.value.len();
                }
                (Some(quote), char) if quote == char => {
                    word.quote = None;
                    word.kept = word.value.len();
                }
                (None, char) if char == escape => word.value.extend(chars.next()),
                (Some('"'), char) if char == escape => match chars.next() {
                    Some(next @ ('"' | '\\' | '$' | '`')) => word.value.push(next),
                    next => word.value.extend(std::iter::once(escape).chain(next)),
                },
                (quote, char) => {
                    let before = word.value.len();
                    word.value.push(char);
                    if quote.is_none() && breaks.contains(char) {
                        // Bash leaves this one in what it replaces (readline's `rl_special_prefixes`).
                        word.kept = if char == '@' { before } else { word.value.len() };
                    }
                }
            }
            within = true;
        }
        line
    }

    /// Takes words as they are, the last the current one.
    pub(super) fn of_words(mut words: Vec<String>) -> Line {
        let value = words.pop().unwrap_or_default();
        Line { before: words, current: Word { value, ..Word::default() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASH: &str = " \t\n\"'@><=;|&(:";

    fn current(text: &str) -> (String, Option<char>, usize) {
        let Word { value, quote, kept } = Line::parse(text, BASH, '\\').current;
        (value, quote, kept)
    }

    #[test]
    fn words_end_at_spaces_outside_quotes() {
        let line = Line::parse("snapctl  -s 'a b'\"c\" d\\ e f", BASH, '\\');
        assert_eq!(line.before, ["snapctl", "-s", "a bc", "d e"]);
        assert_eq!(line.current.value, "f");
        let line = Line::parse("snapctl '' ", BASH, '\\');
        assert_eq!(
            (line.before.as_slice(), line.current.value.as_str()),
            (&["snapctl".to_owned(), String::new()][..], "")
        );
    }

    #[test]
    fn what_the_shell_replaces_begins_behind_a_break() {
        assert_eq!(current("x d/global:he"), ("d/global:he".into(), None, 9));
        assert_eq!(current("x d@m"), ("d@m".into(), None, 1));
        assert_eq!(current("x d\\:e"), ("d:e".into(), None, 0));
        assert_eq!(current("x 'd:e"), ("d:e".into(), Some('\''), 0));
        assert_eq!(current("x --at=\"a\\\"b\\c"), ("--at=a\"b\\c".into(), Some('"'), 5));
    }
}
