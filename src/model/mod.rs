//! Vocabulary as types: names and positions, operations and actions, JSON as JavaScript has it, states.
//!
//! Does no I/O, reads no clock, knows no SQL.

pub mod archive;
pub mod checksum;
pub mod explanation;
mod hex;
pub mod ids;
pub mod json;
pub mod operation;
pub mod prefix;
pub mod progress;
pub mod running_hash;
pub mod seal;
pub mod similar;
pub mod size;
pub mod stamp;
pub mod state;
pub mod target;
pub mod time;
