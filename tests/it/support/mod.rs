//! What the tests stand on.

pub(crate) mod archives;
mod dump;
mod env;
pub(crate) mod keyframes;
pub(crate) mod logs;
pub(crate) mod naive;
pub(crate) mod ring;
mod store_file;
pub(crate) mod tools;

pub(crate) use dump::{dump, odd_store};
pub(crate) use env::{Run, TestEnv};
pub(crate) use store_file::{Operation, StoreFile};
