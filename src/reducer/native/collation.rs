//! The order of `String.prototype.localeCompare` with ICU's root collation, which is also that of `en-US`
//! (reactor format §7, collation.json).
//!
//! Texts of ASCII are compared here, by weights; a text with any other character goes to ICU4X. Both give
//! the same answer for ASCII (tested), so mixing them is a total order. Lone surrogates sort as U+FFFD,
//! where JavaScript gives each a place of its own just before it.

use std::cmp::Ordering;
use std::sync::LazyLock;

use icu_collator::options::CollatorOptions;
use icu_collator::{CollatorBorrowed, CollatorPreferences};

use crate::model::json::Text;

/// The ASCII characters that count, in ascending order; letters in lower case. All others are ignored.
const ASCII: &[u8] = b"\t\n\x0B\x0C\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";

/// Primary weight of an ASCII character; 0 for one that is ignored.
const WEIGHTS: [u8; 128] = {
    let mut weights = [0; 128];
    let (mut at, mut weight) = (0, 1);
    while at < ASCII.len() {
        weights[ASCII[at] as usize] = weight;
        weights[ASCII[at].to_ascii_uppercase() as usize] = weight;
        at += 1;
        weight += 1;
    }
    weights
};

static COLLATOR: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    CollatorBorrowed::try_new(CollatorPreferences::default(), CollatorOptions::default())
        .expect("the root collation is compiled in")
});

/// The first weights of a text in one number, which compares as the texts do; `None` if the text is not ASCII. Texts
/// of the same number may differ.
#[must_use]
pub fn ascii_weights(text: &Text<'_>) -> Option<u64> {
    /// Bits of a weight, and how many weights there are.
    const BITS: u32 = 7;
    const LEN: u32 = u64::BITS / BITS;
    let text = text.as_bytes();
    if !text.is_ascii() {
        return None;
    }
    let (mut weights, mut left) = (0, LEN);
    for weight in counted(text).map(weight).take(LEN as usize) {
        weights = weights << BITS | u64::from(weight);
        left -= 1;
    }
    Some(weights << (left * BITS))
}

/// Compares as `a.localeCompare(b)` does: different texts may be equal.
#[must_use]
pub fn locale_compare(a: &Text<'_>, b: &Text<'_>) -> Ordering {
    if a == b {
        Ordering::Equal
    } else if a.as_bytes().is_ascii() && b.as_bytes().is_ascii() {
        cmp_ascii(a.as_bytes(), b.as_bytes())
    } else {
        cmp_unicode(a, b)
    }
}

fn weight(byte: u8) -> u8 {
    WEIGHTS[usize::from(byte & 0x7F)]
}

/// Ignoring case first; if still equal, the first difference in case decides, lower before upper.
fn cmp_ascii(a: &[u8], b: &[u8]) -> Ordering {
    let weights = |text| counted(text).map(weight);
    let upper = |text| counted(text).map(|byte| byte.is_ascii_uppercase());
    weights(a).cmp(weights(b)).then_with(|| upper(a).cmp(upper(b)))
}

/// The characters of an ASCII text that are not ignored.
fn counted(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    text.iter().copied().filter(|&byte| weight(byte) > 0)
}

fn cmp_unicode(a: &Text<'_>, b: &Text<'_>) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        return COLLATOR.compare(a, b);
    }
    let units = |text: &Text<'_>| text.utf16().collect::<Vec<_>>();
    COLLATOR.compare_utf16(&units(a), &units(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::{Json, parse};
    use proptest::prelude::*;

    fn collator(a: &str, b: &str) -> Ordering {
        COLLATOR.compare(a, b)
    }

    #[test]
    fn vectors() {
        let vectors = parse(include_bytes!("../../../fixtures/vectors/collation.json")).unwrap();
        let texts = |value: &Json<'static>| {
            value.as_array().unwrap().iter().map(|text| text.as_text().unwrap().clone()).collect::<Vec<_>>()
        };
        for case in vectors.get("sorted").and_then(Json::as_array).unwrap() {
            let mut sorted = texts(case.get("in").unwrap());
            sorted.sort_by(locale_compare);
            assert_eq!(sorted, texts(case.get("out").unwrap()));
        }
        for pair in vectors.get("pairs").and_then(Json::as_array).unwrap() {
            let text = |key| pair.get(key).and_then(Json::as_text).unwrap();
            let sign = pair.get("sign").and_then(Json::as_number).unwrap();
            let expected = sign.partial_cmp(&0.0).unwrap();
            assert_eq!(locale_compare(text("a"), text("b")), expected, "{pair:?}");
        }
    }

    #[test]
    fn the_weights_of_ascii_are_those_of_the_collator() {
        let texts: Vec<String> = (0..128u8).map(|byte| char::from(byte).to_string()).collect();
        for a in &texts {
            for b in &texts {
                assert_eq!(locale_compare(&a.as_str().into(), &b.as_str().into()), collator(a, b), "{a:?} {b:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn ascii_compares_as_the_collator_does(
            start in "[a-cA-C -]{0,18}",
            a in "[\\x00-\\x7f]{0,4}[a-bA-B\\x00]{0,3}",
            b in "[\\x00-\\x7f]{0,4}[a-bA-B\\x00]{0,3}",
        ) {
            let (a, b) = (start.clone() + &a, start.to_uppercase() + &b);
            let expected = collator(&a, &b);
            let (a, b) = (Text::from(a.as_str()), Text::from(b.as_str()));
            prop_assert_eq!(locale_compare(&a, &b), expected);
            let weights = ascii_weights(&a).cmp(&ascii_weights(&b));
            prop_assert!(weights == expected || weights == Ordering::Equal);
        }
    }
}
