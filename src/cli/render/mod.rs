//! How answers look: JSON, tables and sentences.

pub(crate) mod bar;
pub(crate) mod json;
pub(crate) mod openmetrics;
pub(crate) mod prose;
pub(crate) mod queue;
pub(crate) mod table;
pub(crate) mod tier;
