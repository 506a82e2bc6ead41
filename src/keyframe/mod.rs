//! What is kept of keyframes: the records that make one a base.
//!
//! Nothing here decides what is right: a check does that, and hands over what it found.

mod record;
pub mod tune;

pub use record::{Recorded, record};
