//! What is kept of keyframes: the records that make one a base, and which of them are worth their bytes.
//!
//! Nothing here decides what is right: a check does that, and hands over what it found. Pruning decides before it changes
//! anything: [`policy`] is pure, [`plan`] asks it of every stream, and [`apply`] does what a plan says.

pub mod apply;
pub mod plan;
pub mod policy;
mod record;

pub use record::{Recorded, record};
