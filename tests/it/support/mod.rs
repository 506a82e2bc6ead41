//! What the tests stand on.

mod env;
pub(crate) mod logs;
pub(crate) mod naive;
mod store_file;
pub(crate) mod tools;

pub(crate) use env::TestEnv;
pub(crate) use store_file::{Operation, StoreFile};
