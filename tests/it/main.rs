//! Integration tests, one binary.

mod vectors_json;
