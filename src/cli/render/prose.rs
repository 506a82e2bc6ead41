//! Texts in sentences, broken into lines.

/// Columns where there is no terminal to ask.
const USUAL: usize = 80;
/// The fewest columns that are worth breaking lines for, and the most that are easy to read.
const WIDTHS: std::ops::RangeInclusive<usize> = 20..=100;
/// By how much a text is indented beside its label.
const INDENT: usize = 10;

/// The width that sentences are written for, on a terminal that is so wide, or on none.
#[must_use]
pub(crate) fn width(terminal: Option<u16>) -> usize {
    terminal.map_or(USUAL, usize::from).clamp(*WIDTHS.start(), *WIDTHS.end())
}

/// A text beside its label: lines of at most `width` columns, the label before the first one. Without a label it begins at
/// the left. Where there is little room, the label has a line of its own.
#[must_use]
pub(crate) fn entry(label: &str, text: &str, width: usize) -> String {
    /// Fewer columns beside a label make a text long and thin.
    const READABLE: usize = 30;
    if label.is_empty() {
        return lines(&wrap(text, width), 0);
    }
    if width < INDENT + READABLE {
        return format!("{label}\n{}", lines(&wrap(text, width - 2), 2));
    }
    let text = lines(&wrap(text, width - INDENT), INDENT);
    format!("{label:INDENT$}{}", text.trim_start())
}

fn lines(lines: &[String], indent: usize) -> String {
    let mut text = String::new();
    for line in lines {
        text.extend([&*" ".repeat(indent), line, "\n"]);
    }
    text
}

/// Breaks a text between words into lines of at most `width` columns. What stands in backquotes stays on one line, where it
/// fits on one.
#[must_use]
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let mut word = word.to_owned();
        let mut more = words.clone();
        let mut quoted = word.clone();
        while quoted.matches('`').count() % 2 == 1 {
            let Some(next) = more.next() else { break };
            quoted = quoted + " " + next;
            if columns(&quoted) <= width && quoted.matches('`').count() % 2 == 0 {
                (word, words) = (quoted.clone(), more.clone());
            }
        }
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(&word);
        } else if columns(line) + 1 + columns(&word) <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("überlänge a", 9), ["überlänge", "a"]);
        assert_eq!(wrap("", 9), [""]);
    }

    #[test]
    fn a_command_is_broken_only_where_it_fits_on_no_line() {
        assert_eq!(wrap("see `a b c`, then", 10), ["see", "`a b c`,", "then"]);
        assert_eq!(wrap("see `a b c`, then", 6), ["see `a", "b c`,", "then"]);
        assert_eq!(wrap("a ` b", 9), ["a ` b"]);
        assert_eq!(wrap("(`a b` or `c d`)", 9), ["(`a b` or", "`c d`)"]);
    }

    #[test]
    fn a_label_stands_beside_its_text_or_above_it() {
        assert_eq!(entry("to do", "a b", 40), "to do     a b\n");
        assert_eq!(
            entry("to do", &"word ".repeat(7), 40),
            format!("to do     {}\n          word\n", ["word"; 6].join(" "))
        );
        assert_eq!(entry("to do", "a b", 39), "to do\n  a b\n");
        assert_eq!(entry("", "a b", 39), "a b\n");
        assert_eq!((width(None), width(Some(3)), width(Some(500))), (80, 20, 100));
    }
}
