//! Bars: a picture of figures beside them.

use super::table::Align;

/// What bars are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Blocks, an eighth of a column fine.
    Blocks,
    /// Number signs, for terminals that know nothing else.
    Plain,
}

/// Columns that the longest bar takes where there is room.
const WIDTH: u16 = 30;

/// Columns that the longest bar may take behind a table on a terminal that is `width` wide; `None` if it would say nothing.
#[must_use]
pub(crate) fn room(columns: &[(&str, Align)], rows: &[&[String]], width: Option<u16>) -> Option<u16> {
    /// Shorter ones are no picture.
    const LEAST: usize = 8;
    let Some(width) = width else { return Some(WIDTH) };
    let widest = |(n, (title, _)): (usize, &(&str, Align))| {
        let cells = rows.iter().filter_map(|cells| cells.get(n)).map(|cell| cell.chars().count());
        cells.chain([title.chars().count()]).max().unwrap_or_default() + 2
    };
    let taken: usize = columns.iter().enumerate().map(widest).sum();
    let room = usize::from(width).saturating_sub(taken + 1);
    (room >= LEAST).then(|| u16::try_from(room).unwrap_or(WIDTH).min(WIDTH))
}

/// The bar of `value` beside others of which the greatest is `most` and has a bar of `width` columns. Only 0 has none.
#[must_use]
pub(crate) fn bar(value: u64, most: u64, width: u16, ink: Ink) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if value == 0 || most == 0 {
        return String::new();
    }
    let scaled = |steps: u64| u128::from(value.min(most)) * u128::from(steps) / u128::from(most);
    match ink {
        Ink::Plain => "#".repeat(usize::try_from(scaled(width.into()).max(1)).unwrap_or(0)),
        Ink::Blocks => {
            let eighths = usize::try_from(scaled(u64::from(width) * 8).max(1)).unwrap_or(0);
            "█".repeat(eighths / 8) + PARTS[eighths % 8]
        }
    }
}

/// Bytes for people: `812 B`, `1.5 KiB`, `20 MiB`.
#[must_use]
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut one = 1_u128;
    for unit in UNITS {
        one *= 1024;
        let rounded = |n: u128| (n + one / 2) / one;
        let (whole, tenths) = (rounded(bytes.into()), rounded(u128::from(bytes) * 10));
        if tenths < 100 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        // What would be 1024 is one of the next.
        if whole < 1024 {
            return format!("{whole} {unit}");
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0, 10, WIDTH, Ink::Plain), "");
        assert_eq!(bar(5, 10, WIDTH, Ink::Plain), "#".repeat(15));
        assert_eq!(bar(1, u64::MAX, WIDTH, Ink::Plain), "#");
        assert_eq!(bar(u64::MAX, u64::MAX, WIDTH, Ink::Blocks), "█".repeat(30));
        assert_eq!(bar(1, 60, WIDTH, Ink::Blocks), "▌");
        assert_eq!(bar(1, u64::MAX, WIDTH, Ink::Blocks), "▏");
    }

    #[test]
    fn sizes_have_two_or_more_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10 << 10, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (76_000_000, "72 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }
}
