//! One file per command: arguments, one library call, one view.

pub(crate) mod append;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod keyframe;
pub(crate) mod log;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod model;
pub(crate) mod rebuild;
pub(crate) mod schema;
pub(crate) mod stats;
pub(crate) mod store;
pub(crate) mod verify;
pub(crate) mod watch;
