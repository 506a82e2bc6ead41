//! Sizes as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written with a unit: `64KiB`, `50MB`, `1GiB`. A number alone is bytes.
///
/// `KB`, `MB`, `GB` and `TB` are powers of 1000, `KiB`, `MiB`, `GiB` and `TiB` of 1024; letters may be small. Displays as the
/// shortest such text that parses back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// A text that is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a size is a whole number and a unit, like 64KiB, 50MB or 1GiB")]
pub struct ByteSizeError;

/// The units in bytes; of two that show a size by the same number of digits, the first is taken.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = if unit.is_empty() { "B" } else { unit };
        let bytes = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, bytes)| *bytes);
        let total = number.parse::<u64>().ok().zip(bytes).and_then(|(number, bytes)| number.checked_mul(bytes));
        total.map(ByteSize).ok_or(ByteSizeError)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().filter(|(_, bytes)| self.0 != 0 && self.0.is_multiple_of(*bytes));
        let texts = whole.map(|(unit, bytes)| format!("{}{unit}", self.0 / bytes));
        f.pad(&texts.min_by_key(String::len).unwrap_or_else(|| "0B".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_unit_is_decimal_or_binary() {
        for (text, bytes) in [
            ("0", 0),
            ("7", 7),
            ("7B", 7),
            ("64KiB", 65_536),
            ("64kb", 64_000),
            ("50MB", 50_000_000),
            ("1GiB", 1 << 30),
            ("18446744073709551615", u64::MAX),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "B", "MB", "-1", "+1", "1.5GB", "1 MB", "5M", "5MBB", "16777216TiB", "99999999999999999999"] {
            assert_eq!(text.parse::<ByteSize>(), Err(ByteSizeError), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_short() {
        for text in ["0B", "1B", "999B", "1KB", "1KiB", "64KiB", "50MB", "50MiB", "1GiB", "1500MB", "1025B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_back(number in 0..5000_u64, unit in 0..UNITS.len(), any: u64) {
            for size in [ByteSize(number * UNITS[unit].1), ByteSize(any)] {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
        }
    }
}
