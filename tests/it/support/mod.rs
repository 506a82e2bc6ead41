//! What the tests stand on.

mod env;
mod store_file;

pub(crate) use env::TestEnv;
pub(crate) use store_file::{Operation, StoreFile};
