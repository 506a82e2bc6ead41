//! Names of nodes: which are valid, and how the name of a copy is read.

use crate::model::json::Text;
use crate::reducer::coerce::number_text;
use crate::reducer::native::engine::{Failure, failure};

const COPY: &[u8] = b" (copy)";

/// Checks the rule for names: not blank, no control characters.
///
/// # Errors
/// The reference's text.
pub(super) fn check(name: &Text<'_>) -> Result<(), Failure> {
    let control = |&byte: &u8| byte < 0x20 || byte == 0x7F;
    let blank = || name.as_str().is_some_and(|name| name.chars().all(is_trimmed));
    if !name.as_bytes().iter().any(control) && !blank() {
        return Ok(());
    }
    let rule = b"'. Names must not be empty or contain control characters.";
    Err(failure(&[b"Invalid name: '", name.as_bytes(), rule]))
}

/// Whether `String.prototype.trim` removes `char` (ECMA-262: `WhiteSpace` and `LineTerminator`).
fn is_trimmed(char: char) -> bool {
    matches!(
        char,
        '\t'..='\r' | ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{2028}' | '\u{2029}' | '\u{202F}'
            | '\u{205F}' | '\u{3000}' | '\u{FEFF}'
    )
}

/// A name as one of the copies of another name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CopyName<'a> {
    /// The name without ` (copy)` or ` (copy) {digits}` at its end.
    pub(super) base: &'a [u8],
    /// Its number among the copies of `base`; `base (copy)` is 1, `base` itself 0. Never negative; may be infinite.
    pub(super) number: f64,
}

impl<'a> CopyName<'a> {
    /// Reads a name, the usual one without a suffix in a few steps.
    pub(super) fn read(name: &'a [u8]) -> Self {
        let plain = CopyName { base: name, number: 0.0 };
        match name.last() {
            Some(b')') => match name.strip_suffix(COPY) {
                Some(base) => CopyName { base, number: 1.0 },
                None => plain,
            },
            Some(b'0'..=b'9') => {
                let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
                let (rest, digits) = name.split_at(name.len() - digits);
                let base = rest.strip_suffix(b" ").and_then(|rest| rest.strip_suffix(COPY));
                let number = || std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                let copy = base.and_then(|base| Some(CopyName { base, number: number()? }));
                copy.unwrap_or(plain)
            }
            _ => plain,
        }
    }
}

/// The name of copy `number` of `base`.
pub(super) fn of_copy(base: &Text<'_>, number: f64) -> Text<'static> {
    base.with_suffix(&format!(" (copy) {}", number_text(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> (&str, f64) {
        let copy = CopyName::read(name.as_bytes());
        (std::str::from_utf8(copy.base).unwrap(), copy.number)
    }

    #[test]
    fn copies_are_told_from_names_that_look_like_them() {
        assert_eq!(read("a"), ("a", 0.0));
        assert_eq!(read("a (copy)"), ("a", 1.0));
        assert_eq!(read("a (copy) 007"), ("a", 7.0));
        assert_eq!(read("a (copy) 1 (copy) 12"), ("a (copy) 1", 12.0));
        assert_eq!(read("a (copy) 99999999999999999999999"), ("a", 1e23));
        assert_eq!(read(&format!("a (copy) {}", "9".repeat(400))), ("a", f64::INFINITY));
        for name in ["a(copy)", "a (copy)1", "a (copy)  1", "a (copy) ", "a (copy) -1", "12", ""] {
            assert_eq!(read(name), (name, 0.0));
        }
        assert_eq!(read(" (copy) 0"), ("", 0.0));
    }

    #[test]
    fn blank_is_what_javascript_trims() {
        for name in ["", " ", "\u{A0}\u{FEFF}\u{3000}", "a\u{7F}", "\t"] {
            assert!(check(&name.into()).is_err(), "{name:?}");
        }
        for name in ["\u{85}", "\u{200B}", " a ", "\u{180E}"] {
            assert!(check(&name.into()).is_ok(), "{name:?}");
        }
    }
}
