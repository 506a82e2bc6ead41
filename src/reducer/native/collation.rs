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
    let mut at = 0;
    while at < ASCII.len() {
        let weight = at as u8 + 1;
        weights[ASCII[at] as usize] = weight;
        weights[ASCII[at].to_ascii_uppercase() as usize] = weight;
        at += 1;
    }
    weights
};

/// How many weights a [`SortKey`] holds.
const PREFIX: usize = 16;

/// In place of the weights of a text that is not ASCII; no weight is as large.
const NOT_ASCII: [u64; 2] = [u64::MAX; 2];

static COLLATOR: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    CollatorBorrowed::try_new(CollatorPreferences::default(), CollatorOptions::default())
        .expect("the root collation is compiled in")
});

/// A text with its first weights, ordered by `localeCompare`: different texts may be equal.
#[derive(Clone, Debug)]
pub struct SortKey<'a> {
    weights: [u64; 2],
    text: Text<'a>,
}

impl<'a> SortKey<'a> {
    /// Weighs `text`.
    #[must_use]
    pub fn new(text: Text<'a>) -> Self {
        SortKey { weights: first_weights(text.as_bytes()), text }
    }

    /// Weighs `text` without sharing it.
    #[must_use]
    pub fn borrowed(text: &'a Text<'_>) -> Self {
        SortKey { weights: first_weights(text.as_bytes()), text: Text::Borrowed(text.as_bytes()) }
    }
}

impl Ord for SortKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.weights == NOT_ASCII || other.weights == NOT_ASCII {
            return cmp_unicode(&self.text, &other.text);
        }
        self.weights.cmp(&other.weights).then_with(|| cmp_ascii(self.text.as_bytes(), other.text.as_bytes()))
    }
}

impl PartialOrd for SortKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SortKey<'_> {}

/// Compares as `a.localeCompare(b)` does.
#[must_use]
pub fn locale_compare(a: &Text<'_>, b: &Text<'_>) -> Ordering {
    SortKey::borrowed(a).cmp(&SortKey::borrowed(b))
}

/// The first weights of an ASCII text, most significant first; 0 where the text has ended.
fn first_weights(text: &[u8]) -> [u64; 2] {
    if !text.is_ascii() {
        return NOT_ASCII;
    }
    let mut weights = [0; PREFIX];
    let counted = text.iter().map(|&byte| weight(byte)).filter(|&weight| weight > 0);
    for (place, weight) in weights.iter_mut().zip(counted) {
        *place = weight;
    }
    let all = u128::from_be_bytes(weights);
    [(all >> 64) as u64, all as u64]
}

fn weight(byte: u8) -> u8 {
    WEIGHTS[usize::from(byte & 0x7F)]
}

/// Ignoring case first; if still equal, the first difference in case decides, lower before upper.
fn cmp_ascii(a: &[u8], b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
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
            prop_assert_eq!(locale_compare(&a.as_str().into(), &b.as_str().into()), collator(&a, &b));
        }
    }
}
