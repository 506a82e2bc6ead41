//! How answers look: JSON and tables.

pub(crate) mod json;
pub(crate) mod table;
