//! How far apart keyframes should be: what a store costs to replay and to load is measured, and from that it is worked out
//! how much space keyframes at a spacing take, and how long reads then last.
//!
//! [`model`] is pure: costs, sizes, a pattern of reads and a spacing give a [`Point`]. [`mod@measure`] finds the costs and sizes
//! on a store, which it only reads: keyframes that are not there are laid over it in memory.

pub mod frontier;
pub mod measure;
pub mod model;
mod overlay;

pub use frontier::{Candidate, Frontier, Method, frontier, spacings};
pub use measure::{Measured, MeasuredStream, Subject, measure};
pub use model::{Costs, Line, Pattern, Point, Sizes, Stored, Stream, point};
