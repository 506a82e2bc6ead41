//! Tests of the library and the program as a whole, one binary.

mod sqlite_reading;
mod store_conformance;
mod vectors_auth;
mod vectors_drive;
mod vectors_json;
mod vectors_protocol;
mod vectors_rebuild;
