//! git + fsck + restic for documents that are built from operations: inspects and rebuilds document snapshots from
//! operation logs.
//!
//! The map. An arrow points to what a module may use: `model` ← `reducer`, `store`, `cache`, `queue` ← `replay` ←
//! `history`, `verify`, `keyframe` ← `stats`, `executor`, `watch` ← `cli`.
//!
//! - [`model`]: vocabulary as types. Names and positions, targets, operations, JSON as JavaScript has it, states.
//!   Does no I/O and reads no clock.
//! - [`reducer`]: what turns actions into states. Sees no store and no clock: the same input gives the same bytes.
//! - [`store`]: rows in, rows out. Never reduces, prints, or knows which command asked.
//! - [`cache`]: tiers that keep rebuilt documents. Deleting one changes speed, never an answer.
//! - [`queue`]: items written behind the back of whoever makes them. Knows what to call, not what it carries.
//! - [`replay`]: from what was typed to a document: resolve, choose a base, fold forward. Never writes.
//! - [`history`]: what operations made of a document, as differences between its states. Changes nothing.
//! - [`verify`]: what is stored beside what a replay gives. Changes nothing, and believes no cache.
//! - [`keyframe`]: keyframes made, written, dropped, taken back: policy, plan, apply. Decides before it changes anything.
//! - [`executor`]: actions become operations, one transaction a batch; keyframes are written behind.
//! - [`watch`]: what is added to a store, told once. Decides nothing and waits for nothing.
//! - [`transfer`]: rows out of a store and into one, as lines, as an archive, or from store to store. Uses `store` only.
//! - [`stats`]: what a store holds, in figures. Changes nothing.
//! - [`settings`]: files, environment and flags as one checked value with origins. Reads none of them itself.
//! - [`cli`]: commands, output, exit codes. Holds no domain rule, and is the only module that prints, exits, or reads
//!   the environment.
//!
//! ```
//! use snapctl::model::progress::Silent;
//! use snapctl::reducer::Registry;
//! use snapctl::replay::{Sources, Trust, rebuild, resolve};
//! use snapctl::store::{Options, Stores, answer};
//!
//! let store = Stores::built_in().open("fixtures/drive.sqlite", &Options::default())?;
//! let registry = Registry::built_in();
//! let target = "field-notes/global:6".parse()?;
//! let snapshot = answer(&*store, |read| {
//!     let sources = Sources { read, registry: &registry, trust: Trust::default(), progress: &Silent };
//!     rebuild(&sources, &resolve(read, &target)?)
//! })?;
//! let state = snapshot.state.scope("global").ok_or("no such scope")?;
//! let name = state.pointer("/nodes/2/name").and_then(|name| name.as_text());
//! assert_eq!(name.and_then(|name| name.as_str()), Some("Grey heron (copy) 1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cache;
pub mod cli;
pub mod executor;
pub mod history;
pub mod keyframe;
pub mod model;
pub mod queue;
pub mod reducer;
pub mod replay;
pub mod settings;
pub mod stats;
pub mod store;
pub mod transfer;
pub mod verify;
pub mod watch;
