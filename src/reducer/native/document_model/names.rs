//! The rule for names of operations.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

use crate::model::json::Text;
use crate::reducer::coerce::Checked;
use crate::reducer::native::engine::{Failure, failure};

/// The names of document-level actions.
const RESERVED: [&str; 7] = ["UNDO", "REDO", "PRUNE", "LOAD_STATE", "SET_NAME", "SET_PREFERRED_EDITOR", "NOOP"];

/// Checks a name that is not empty; `is_used` says whether another operation has it.
///
/// # Errors
/// The reference's text, or what `is_used` fails with.
pub(super) fn check(name: &Text<'_>, is_used: impl FnOnce() -> Checked<bool>) -> Result<(), Failure> {
    if !is_constant(name.as_bytes()) {
        let rule = b"\" is invalid. Names must be SCREAMING_SNAKE_CASE (matching ^[A-Z][A-Z0-9_]*$).";
        let better = suggestion(name);
        let hint = better.map_or_else(String::new, |better| format!(" Did you mean \"{better}\"?"));
        return Err(failure(&[b"Operation name \"", name.as_bytes(), rule, hint.as_bytes()]));
    }
    if RESERVED.iter().any(|reserved| *name == **reserved) {
        return Err(failure(&[b"Operation name \"", name.as_bytes(), b"\" is reserved. Please use a different name."]));
    }
    if is_used()? {
        let rule = b"\" is already used by another operation. Operation names must be unique across all modules.";
        return Err(failure(&[b"Operation name \"", name.as_bytes(), rule]));
    }
    Ok(())
}

/// Whether a text matches `^[A-Z][A-Z0-9_]*$`.
pub(super) fn is_constant(name: &[u8]) -> bool {
    let first = name.first().is_some_and(u8::is_ascii_uppercase);
    first && name.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

/// A name in upper case, if it is one that another name may be the same as.
pub(super) fn in_upper_case(name: &Text<'_>) -> Option<String> {
    let upper = name.as_str()?.to_uppercase();
    is_constant(upper.as_bytes()).then_some(upper)
}

/// The valid name that an invalid one resembles.
fn suggestion(name: &Text<'_>) -> Option<String> {
    // A lone surrogate is no letter, and is replaced by a character that is none.
    let constant = constant_case(&name.to_string_lossy());
    is_constant(constant.as_bytes()).then_some(constant)
}

/// What a character is to the case of a name. Letters are those of Unicode (`\p{L}`), digits those of ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    OtherLetter,
    Digit,
    Separator,
}

impl Class {
    fn of(char: char) -> Self {
        match char {
            'A'..='Z' => Class::Upper,
            'a'..='z' => Class::Lower,
            '0'..='9' => Class::Digit,
            // Case-insensitively, which is how the reference looks for separators, it is the letter iota.
            '\u{345}' => Class::OtherLetter,
            _ => match CodePointMapData::<GeneralCategory>::new().get(char) {
                GeneralCategory::UppercaseLetter => Class::Upper,
                GeneralCategory::LowercaseLetter => Class::Lower,
                GeneralCategory::TitlecaseLetter | GeneralCategory::ModifierLetter | GeneralCategory::OtherLetter => {
                    Class::OtherLetter
                }
                _ => Class::Separator,
            },
        }
    }
}

/// The words of a name in upper case, joined by `_`.
fn constant_case(name: &str) -> String {
    use Class::{Digit, Lower, Separator, Upper};
    let chars: Vec<(char, Class)> = name.chars().map(|char| (char, Class::of(char))).collect();
    let mut words = String::new();
    let mut before = Separator;
    for (at, &(char, class)) in chars.iter().enumerate() {
        let after = chars.get(at + 1).map_or(Separator, |(_, class)| *class);
        let starts_word = match (before, class) {
            (Lower | Digit, Upper) => true,
            (Upper, Upper) => after == Lower,
            (Separator, class) => class != Separator,
            _ => false,
        };
        if starts_word && !words.is_empty() {
            words.push('_');
        }
        if class != Separator {
            words.push(char);
        }
        before = class;
    }
    words.to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> Option<String> {
        check(&name.into(), || Ok(name == "USED")).err().map(|text| text.to_string())
    }

    #[test]
    fn words_begin_where_the_case_says_so() {
        for (name, constant) in [
            ("parseHTML5Doc2x", "PARSE_HTML5_DOC2X"),
            ("_PRIVATE__x", "PRIVATE_X"),
            ("newOp", "NEW_OP"),
            ("  add  item ", "ADD_ITEM"),
            ("HTTPServer", "HTTP_SERVER"),
            ("ABc", "A_BC"),
            ("aBC", "A_BC"),
            ("a1B2c", "A1_B2C"),
            ("a\0b", "A_B"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{131}d\u{17f}", "IDS"),
            ("\u{fb01}x", "FIX"),
            // No letters: a combining mark, a number that is a letter to some, a letter in a circle.
            ("a\u{301}b", "A_B"),
            ("a\u{2177}b", "A_B"),
            ("a\u{24d0}b", "A_B"),
            ("a\u{661}b", "A_B"),
            ("!!", ""),
        ] {
            assert_eq!(constant_case(name), constant, "{name}");
        }
        assert_eq!(suggestion(&"\u{c9}tat_op".into()), None);
        assert_eq!(suggestion(&"1op".into()), None);
    }

    #[test]
    fn what_is_wrong_is_said_in_order() {
        assert_eq!(error("NEW_OP"), None);
        assert!(error("noop").is_some_and(|text| text.ends_with(" Did you mean \"NOOP\"?")));
        assert!(error("NOOP").is_some_and(|text| text.contains("is reserved")));
        assert!(error("USED").is_some_and(|text| text.contains("is already used")));
        assert!(error("1_OP").is_some_and(|text| text.ends_with("(matching ^[A-Z][A-Z0-9_]*$).")));
    }
}
