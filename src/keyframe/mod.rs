//! Keyframes: made from the log, and what is kept of them.
//!
//! - `make` gives the keyframes of a stream as a rebuild gives them, in one pass, each with what makes it a base.
//! - `record` keeps what a check found. Nothing in it decides what is right: the check does that.

mod body;
mod make;
mod record;

pub use make::{Made, Making, every, make};
pub use record::{Recorded, record};
