//! What operations made of a document: differences between two of its states.

mod patch;

pub use patch::{Change, Edit, diff};
