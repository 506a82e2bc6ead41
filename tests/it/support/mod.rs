//! What the tests stand on.

mod env;
pub(crate) mod logs;
pub(crate) mod naive;
mod store_file;

pub(crate) use env::{Run, TestEnv};
pub(crate) use store_file::{Operation, StoreFile};
