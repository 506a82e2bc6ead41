//! git + fsck + restic for documents that are built from operations: inspects and rebuilds document snapshots from
//! operation logs.
//!
//! The map. An arrow points to what a module may use: `model` ← `reducer`, `store` ← `replay` ← `history` ← `cli`.
//!
//! - [`model`]: vocabulary as types. Names and positions, targets, operations, JSON as JavaScript has it, states.
//!   Does no I/O and reads no clock.
//! - [`reducer`]: what turns actions into states. Sees no store and no clock: the same input gives the same bytes.
//! - [`store`]: rows in, rows out. Never reduces, prints, or knows which command asked.
//! - [`replay`]: from what was typed to a document: resolve, choose a base, fold forward. Never writes.
//! - [`history`]: what operations made of a document, as differences between its states. Changes nothing.
//! - [`settings`]: a settings file as one checked value.
//! - [`cli`]: commands, output, exit codes. Holds no domain rule, and is the only module that prints, exits, or reads
//!   the environment.

pub mod cli;
pub mod history;
pub mod model;
pub mod reducer;
pub mod replay;
pub mod settings;
pub mod store;
