//! Numbers on the command line.

use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;

/// A value, or `none`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maybe<T>(pub(super) Option<T>);

impl<T: FromStr> FromStr for Maybe<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Maybe(None)) } else { text.parse().map(|value| Maybe(Some(value))) }
    }
}

/// How many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) NonZeroU64);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Count).map_err(|_| "it has to be a whole number from 1")
    }
}

impl Count {
    /// As what can be in memory.
    pub(super) fn size(self) -> NonZeroUsize {
        self.0.try_into().unwrap_or(NonZeroUsize::MAX)
    }
}

/// What something takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost(pub(super) f64);

impl FromStr for Cost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text, 0.0).map(Cost).ok_or("it has to be a number from 0")
    }
}

/// How many times smaller something is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shrink(pub(super) f64);

impl FromStr for Shrink {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text, 1.0).map(Shrink).ok_or("it has to be a number from 1")
    }
}

/// A number that is not too large to be calculated with.
fn number(text: &str, least: f64) -> Option<f64> {
    const MOST: f64 = 1e12;
    text.parse().ok().filter(|number| (least..=MOST).contains(number))
}

/// The values in order, each once.
pub(super) fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
