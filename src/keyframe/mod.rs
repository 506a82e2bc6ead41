//! Keyframes: made from the log, written, listed, dropped, taken back, and what is kept of them.
//!
//! - `make` gives the keyframes of a stream as a rebuild gives them, in one pass, each with what makes it a base.
//! - `behind` writes those of states that are at hand, for who appends operations.
//! - `rule` says which are wanted; `write` writes those of one stream, `fill` those of many documents.
//! - [`policy`] says which are worth their bytes, and is pure; [`plan`] asks it of every stream before anything changes, and
//!   [`apply`] does what a plan says.
//! - `distance` is how far revisions are from the keyframes below them; `listed` is what is known of each, `pin` holds one.
//! - [`tune`] measures a store, and works out how far apart keyframes should be.
//! - `undo` takes back what a run did.
//! - `record` keeps what a check found. Nothing in it decides what is right: the check does that.
//!
//! Every change of a keyframe is noted in the history before it happens, in the same transaction.

pub mod apply;
mod behind;
mod body;
mod distance;
mod fill;
mod listed;
mod make;
mod pin;
mod place;
pub mod plan;
pub mod policy;
mod record;
mod rule;
pub mod tune;
mod undo;
mod write;

pub use behind::{Due, KeyframeSink, Ready};
pub use distance::{Distances, StreamDistances, Worst};
pub use fill::{FillEvent, fill};
pub use listed::{Listed, listed};
pub use make::{Made, Making, every, make};
pub use pin::{Pinned, set_pin};
pub use record::{Recorded, record};
pub use rule::{Label, Rule};
pub use undo::{Moved, UNDO, Undo, Undone, last_run, undo};
pub use write::{Change, Different, Filled, Filling, Task, Writer};
