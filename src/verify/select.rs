//! Which documents of a store are checked.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::Part;
use crate::model::ids::DocumentId;
use crate::store::{Read, StoreError};

/// Every document of a store, those that have keyframes and no operations among them, by id.
///
/// # Errors
/// `Corrupt` if a row does not decode; `Busy`, `Unavailable`.
pub fn documents(read: &dyn Read) -> Result<Vec<Part>, StoreError> {
    let mut parts = Vec::new();
    read.documents("", &mut |entry| {
        let (document, document_type) = (entry.id, entry.document_type);
        parts.push(Part { document, document_type, scope: None, branch: None });
        ControlFlow::Continue(())
    })?;
    for entry in read.orphans()? {
        let (document, document_type) = (entry.id, entry.document_type);
        parts.push(Part { document, document_type, scope: None, branch: None });
    }
    parts.sort_by(|a, b| a.document.cmp(&b.document));
    Ok(parts)
}

/// A part of a store's documents, the same at every run: which documents are in it depends on their ids alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    /// The `n`th of `of` parts of about the same size, from 1.
    Nth {
        /// Which part.
        n: u64,
        /// How many parts there are.
        of: u64,
    },
    /// About so many of a hundred; at least one document.
    Percent(f64),
}

impl Sample {
    /// Leaves the documents of the sample.
    pub fn thin(self, parts: &mut Vec<Part>) {
        match self {
            Sample::Nth { n, of } => parts.retain(|part| spread(&part.document) % of == n - 1),
            Sample::Percent(percent) => {
                let first = parts.iter().min_by_key(|part| spread(&part.document)).cloned();
                parts.retain(|part| share(&part.document) < percent / 100.0);
                if parts.is_empty() {
                    parts.extend(first);
                }
            }
        }
    }
}

/// A number that has nothing to do with the id but is always the same for it.
fn spread(document: &DocumentId) -> u64 {
    let digest = Sha256::digest(document.as_str());
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The same as a number from 0 up to 1.
#[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn share(document: &DocumentId) -> f64 {
    spread(document) as f64 / u64::MAX as f64
}

/// A text that is no sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sample is written N/T (the Nth of T parts, from 1) or P% (above 0, at most 100)")]
pub struct NoSample;

impl FromStr for Sample {
    type Err = NoSample;

    fn from_str(text: &str) -> Result<Self, NoSample> {
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim().parse().ok().filter(|percent| *percent > 0.0 && *percent <= 100.0);
            return percent.map(Sample::Percent).ok_or(NoSample);
        }
        let (n, of) = text.split_once('/').ok_or(NoSample)?;
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| NoSample);
        let (n, of) = (number(n)?, number(of)?);
        if (1..=of).contains(&n) { Ok(Sample::Nth { n, of }) } else { Err(NoSample) }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sample::Nth { n, of } => write!(f, "{n}/{of}"),
            Sample::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(n: u32) -> Vec<Part> {
        let part =
            |n: u32| Part { document: format!("d{n:04}").into(), document_type: "t".into(), scope: None, branch: None };
        (0..n).map(part).collect()
    }

    fn sampled(text: &str) -> Vec<Part> {
        let mut parts = parts(1000);
        text.parse::<Sample>().unwrap().thin(&mut parts);
        parts
    }

    #[test]
    fn the_parts_make_the_whole_and_have_about_one_size() {
        let mut all: Vec<Part> = (1..=4).flat_map(|n| sampled(&format!("{n}/4"))).collect();
        all.sort_by(|a, b| a.document.cmp(&b.document));
        assert_eq!(all, parts(1000));
        assert!((1..=4).all(|n| (200..300).contains(&sampled(&format!("{n}/4")).len())));
    }

    #[test]
    fn a_percentage_is_never_nothing() {
        assert!((60..140).contains(&sampled("10%").len()));
        assert_eq!(sampled("100%").len(), 1000);
        assert_eq!(sampled("0.000001%").len(), 1);
        for text in ["", "0%", "101%", "0/3", "4/3", "1", "a/b", "-1%"] {
            assert_eq!(text.parse::<Sample>(), Err(NoSample), "{text}");
        }
    }
}
