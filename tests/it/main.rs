//! End-to-end and conformance tests, one binary.

mod sqlite_reading;
mod store_conformance;
