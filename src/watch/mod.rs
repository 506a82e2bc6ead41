//! Following a store that others write: what has been added since the last look, each once and in the order of insertion.
//!
//! - [`Follower`] is asked again and again, and knows what it has told. Whoever asks decides how often, and waits: nothing
//!   here sleeps, prints, or reads a clock. A look is one read transaction, and over before its events are handed out, so
//!   that a slow reader of events never keeps a writer's log from being folded into its file.
//! - [`position`]: how far a follower is, as a text to go on from.
//! - `operations` and `keyframes` are what makes it exact, both in terms of rows: how far one table has been told, and what
//!   says that the rows told are still those that are there.
//! - [`trouble`]: which errors of a store pass, so that following goes on.
//! - [`warm`]: documents that changed, rebuilt into tiers, so that whoever reads them next finds them there.
//!
//! **What is not told.** A keyframe that comes and goes between two looks, and one that is put in the place of another under
//! its number. Where more than a thousand keyframes are compressed, also one that is written and compressed between two
//! looks. Operations are never taken away, so that none can be missed; if the log is another one all the same, because its
//! file was exchanged, that is told ([`Event::Reset`]), and everything that is there now.

mod event;
mod follower;
mod keyframes;
mod operations;
pub mod position;
pub mod trouble;
pub mod warm;

pub use event::{Event, Lost, SeenOperation, Told};
pub use follower::{Follower, Page, Start};
pub use position::Position;
