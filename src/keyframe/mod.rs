//! What is kept of keyframes: the records that make one a base, and pins; and how far they are apart.
//!
//! Nothing here decides what is right: a check does that, and hands over what it found.

mod distance;
mod listed;
mod pin;
mod record;

pub use distance::{Distances, StreamDistances, Worst};
pub use listed::{Listed, listed};
pub use pin::{Pinned, set_pin};
pub use record::{Recorded, record};
