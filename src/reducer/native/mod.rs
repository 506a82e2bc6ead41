//! Models that are compiled in: typed, indexed states; results and error texts of the reference.
//!
//! - `engine` is what JavaScript says and does where a reducer trips over a value, `collation` how it sorts;
//! - `scopes` are the states of all scopes, each in a form that its model chooses.

pub mod collation;
pub mod document_model;
pub mod drive;
mod engine;
mod scopes;
