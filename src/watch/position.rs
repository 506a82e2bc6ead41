//! How far a follower is.

use std::fmt;
use std::str::FromStr;

use crate::store::{Serial, Storage};

/// How far a follower is: the numbers of the last rows it has told, as a text `OPERATIONS.PLAIN.COMPRESSED`, the last two of
/// keyframes by how they are stored. A number of 0 is before all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last operation.
    pub operations: Serial,
    /// The last keyframe that is stored as JSON.
    pub plain: Serial,
    /// The last keyframe that is stored compressed.
    pub compressed: Serial,
}

/// A text is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position is three whole numbers with dots between them, as events have it")]
pub struct BadPosition;

impl Position {
    /// Before everything.
    pub const START: Position = Position { operations: Serial::START, plain: Serial::START, compressed: Serial::START };

    /// The number for keyframes that are stored in one way.
    #[must_use]
    pub fn keyframes(&self, storage: Storage) -> Serial {
        match storage {
            Storage::Plain => self.plain,
            Storage::Compressed => self.compressed,
        }
    }

    /// The number for keyframes that are stored in one way, to change it.
    pub fn keyframes_mut(&mut self, storage: Storage) -> &mut Serial {
        match storage {
            Storage::Plain => &mut self.plain,
            Storage::Compressed => &mut self.compressed,
        }
    }
}

/// The number of a place as texts have it. Databases number from 1, and what another program may have put before that is
/// told again rather than not at all.
fn number(serial: Serial) -> i64 {
    serial.number().max(0)
}

/// The place that a text names.
///
/// # Errors
/// When it is not a whole number.
pub fn parse_serial(text: &str) -> Result<Serial, BadPosition> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<i64> = digits.then(|| text.parse().ok()).flatten();
    number.map(|number| if number == 0 { Serial::START } else { Serial::of(number) }).ok_or(BadPosition)
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", number(self.operations), number(self.plain), number(self.compressed))
    }
}

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.').map(parse_serial);
        let mut next = || parts.next().ok_or(BadPosition)?;
        let position = Position { operations: next()?, plain: next()?, compressed: next()? };
        parts.next().map_or(Ok(position), |_| Err(BadPosition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_parses_back() {
        let position = Position { operations: Serial::of(12), plain: Serial::START, compressed: Serial::of(3) };
        assert_eq!(position.to_string(), "12.0.3");
        assert_eq!("12.0.3".parse(), Ok(position));
        assert_eq!(Position::START.to_string().parse(), Ok(Position::START));
        for text in ["", "1", "1.2", "1.2.3.4", "-1.0.0", "1.2.x", "1..2", "99999999999999999999.0.0", "+1.0.0"] {
            assert_eq!(text.parse::<Position>(), Err(BadPosition), "{text}");
        }
    }
}
