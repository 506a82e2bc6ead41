//! Integration tests, one binary.

mod vectors_auth;
mod vectors_json;
