//! What a check of documents finds.

pub mod code;
mod finding;
pub mod order;
mod paths;
pub mod report;
pub mod signature;

pub use code::{Code, Explanation, Severity, UnknownCode};
pub use finding::{Compared, Finding, MOST_PATHS};
