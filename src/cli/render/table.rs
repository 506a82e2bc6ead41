//! Tables for people. They read without colour, and without a terminal they neither wrap nor cut anything.

use std::borrow::Cow;
use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

/// Which side the texts of a column keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A whole table, fitted to a terminal that is `width` wide; `None` is no terminal. Lines end without spaces. Where its
/// cells would be broken into bits, each row is a block of lines instead.
#[must_use]
pub(crate) fn table(columns: &[(&str, Align)], rows: &[Vec<String>], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let cell = |text: &str, align| {
        let alignment = if align == Align::Left { CellAlignment::Left } else { CellAlignment::Right };
        Cell::new(one_line(text)).set_alignment(alignment)
    };
    if columns.iter().any(|(title, _)| !title.is_empty()) {
        table.set_header(columns.iter().map(|(title, align)| cell(title, *align)));
    }
    for row in rows {
        table.add_row(row.iter().zip(columns).map(|(text, (_, align))| cell(text, *align)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let widths = table.column_max_content_widths();
    if width.is_some_and(|width| natural(&widths) <= usize::from(width)) {
        // The library would count what is behind the last column, too.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    if width.is_some_and(|width| is_too_wide(&widths, width)) {
        return blocks(columns, rows);
    }
    if let Some(first) = table.column_mut(0).filter(|_| columns.len() > 1) {
        // It names the row, and is what people copy.
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Whether a terminal of `width` is too narrow for columns of these widths, even with cells on several lines.
fn is_too_wide(columns: &[u16], width: u16) -> bool {
    /// One text beside the name of a row can be read while it has this much.
    const READABLE: usize = 20;
    let width = usize::from(width);
    match columns {
        [_] => false,
        [name, _] if usize::from(*name) + GAP + READABLE <= width => false,
        _ => 2 * natural(columns) > 3 * width,
    }
}

/// Between two columns.
const GAP: usize = 2;

/// How wide a table with columns of these widths is where nothing is broken.
fn natural(columns: &[u16]) -> usize {
    columns.iter().map(|column| usize::from(*column)).sum::<usize>() + GAP * columns.len().saturating_sub(1)
}

/// Each row as lines: the first cell, then what else there is with its title. A terminal breaks what is too long.
fn blocks(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for row in rows {
        if !text.is_empty() {
            text.push('\n');
        }
        for (n, (cell, (title, _))) in row.iter().zip(columns).enumerate() {
            let cell = one_line(cell);
            // Writing to a string cannot fail.
            let _ = match (n, cell.trim_end(), *title) {
                (0, name, _) => writeln!(text, "{name}"),
                (_, "", _) => Ok(()),
                (_, cell, "") => writeln!(text, "  {cell}"),
                (_, cell, title) => writeln!(text, "  {title}: {cell}"),
            };
        }
    }
    text
}

/// Columns of fixed width for rows that come one at a time and are never held together. The last column takes what is
/// left. Only when there is a terminal does it go to a line of its own where it does not fit, and is cut.
pub(crate) struct Rows<'a> {
    columns: &'a [(&'a str, usize, Align)],
    width: Option<u16>,
}

impl<'a> Rows<'a> {
    /// Columns with their titles and widths.
    #[must_use]
    pub(crate) fn new(columns: &'a [(&'a str, usize, Align)], width: Option<u16>) -> Self {
        Rows { columns, width }
    }

    /// The line of titles. A last one that does not fit is left out.
    #[must_use]
    pub(crate) fn titles(&self) -> String {
        let titles: Vec<_> = self.columns.iter().map(|(title, ..)| Cow::Borrowed(*title)).collect();
        let mut line = self.line(&titles);
        if !self.fits(&line) {
            line = self.line(&titles[..titles.len().saturating_sub(1)]);
        }
        cut(&mut line, self.width);
        line
    }

    /// One row: a line, or two where the last cell does not fit.
    #[must_use]
    pub(crate) fn row(&self, cells: &[Cow<'_, str>]) -> String {
        let mut line = self.line(cells);
        if self.fits(&line) {
            return line;
        }
        let Some((last, others)) = cells.split_last().filter(|(last, others)| !last.is_empty() && !others.is_empty())
        else {
            cut(&mut line, self.width);
            return line;
        };
        let (mut line, mut rest) = (self.line(others), format!("{:CONTINUED$}{}", "", one_line(last)));
        cut(&mut line, self.width);
        cut(&mut rest, self.width);
        line + "\n" + &rest
    }

    fn fits(&self, line: &str) -> bool {
        self.width.is_none_or(|width| line.chars().nth(usize::from(width)).is_none())
    }

    fn line(&self, cells: &[Cow<'_, str>]) -> String {
        let mut line = String::new();
        for (cell, &(_, width, align)) in cells.iter().zip(self.columns) {
            let cell = one_line(cell);
            if !line.is_empty() {
                line.push_str("  ");
            }
            // Writing to a string cannot fail.
            let _ = match align {
                Align::Left => write!(line, "{cell:<width$}"),
                Align::Right => write!(line, "{cell:>width$}"),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// By how much the last cell of [`Rows`] is indented on a line of its own.
const CONTINUED: usize = 8;

/// Shortens a text to `width` characters, the last of them `…`, if it is longer; without a width not at all.
pub(crate) fn cut(text: &mut String, width: Option<u16>) {
    let Some(width) = width.map(usize::from) else { return };
    if let Some((end, _)) = text.char_indices().nth(width) {
        let keep = text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
        text.truncate(keep);
        text.push('…');
    }
}

/// The text on one line, and harmless to a terminal: white space becomes one space, control characters their escapes.
#[must_use]
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut breaking = false;
    for char in text.chars() {
        if matches!(char, '\n' | '\r' | '\t') || breaking && char == ' ' {
            breaking = true;
            continue;
        }
        if std::mem::take(&mut breaking) {
            out.push(' ');
        }
        if char.is_control() { out.extend(char.escape_unicode()) } else { out.push(char) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_right_and_lines_end_without_spaces() {
        let rows = vec![vec!["a".into(), "1".into(), "x".into()], vec!["bcd".into(), "1000".into(), String::new()]];
        let columns = [("id", Align::Left), ("n", Align::Right), ("name", Align::Left)];
        assert_eq!(table(&columns, &rows, None), "id      n  name\na       1  x\nbcd  1000\n");
    }

    #[test]
    fn only_a_terminal_has_a_width() {
        let columns = [("a", 3, Align::Right), ("b", 1, Align::Left)];
        let row = [Cow::Borrowed("1"), Cow::Borrowed("a long text")];
        assert_eq!(Rows::new(&columns, None).row(&row), "  1  a long text");
        assert_eq!(Rows::new(&columns, Some(16)).row(&row), "  1  a long text");
        assert_eq!(Rows::new(&columns, Some(15)).row(&row), "  1\n        a long…");
        assert_eq!(Rows::new(&columns, Some(2)).row(&row), " …\n …");
        assert_eq!(Rows::new(&columns, Some(5)).titles(), "  a");
        assert_eq!(Rows::new(&columns, None).titles(), "  a  b");
        let long = || vec![vec!["a-name-that-is-never-broken".into(), "word ".repeat(40)]];
        let columns = [("a", Align::Left), ("b", Align::Left)];
        let narrow = table(&columns, &long(), Some(50));
        assert!(narrow.contains("a-name-that-is-never-broken  word word"), "{narrow}");
        assert!(narrow.lines().count() > 3 && narrow.lines().all(|line| line.len() <= 50), "{narrow}");
        assert_eq!(table(&columns, &long(), None).lines().count(), 2);
    }

    #[test]
    fn where_cells_would_be_broken_rows_are_blocks() {
        let columns = [("key", Align::Left), ("n", Align::Right), ("origin", Align::Left)];
        let rows = || {
            vec![
                vec!["store.url".into(), "12".into(), "a\nfile".into()],
                vec!["limits.timeout".into(), String::new(), "default".into()],
            ]
        };
        // As a table it is 27 wide.
        assert_eq!(table(&columns, &rows(), Some(27)), table(&columns, &rows(), None));
        assert!(table(&columns, &rows(), Some(18)).starts_with("key "));
        let blocks = "store.url\n  n: 12\n  origin: a file\n\nlimits.timeout\n  origin: default\n";
        assert_eq!(table(&columns, &rows(), Some(17)), blocks);
        let untitled = [("", Align::Left), ("", Align::Left)];
        let long = vec![vec!["a-name".into(), "word ".repeat(12)]];
        assert!(table(&untitled, &long, Some(28)).starts_with("a-name  word word word\n"));
        assert_eq!(table(&untitled, &long, Some(27)), format!("a-name\n  {}\n", ["word"; 12].join(" ")));
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(one_line("[\n  {\n    \"a\": 1\n"), "[ { \"a\": 1");
        assert_eq!(one_line("\u{1b}[2Jx"), "\\u{1b}[2Jx");
        assert_eq!(one_line("a  b"), "a  b");
    }
}
