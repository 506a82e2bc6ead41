//! What a hit costs.
#![allow(missing_docs, reason = "criterion's macros")]

#[path = "cache/disk.rs"]
mod disk;

use criterion::{criterion_group, criterion_main};

criterion_group!(all, disk::benches);
criterion_main!(all);
