//! Tests of the library and the program as a whole: one binary, one module a command or a concern.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod bases;
mod cli_batch;
mod cli_errors;
mod cli_jq;
mod cli_log;
mod cli_ls;
mod cli_model;
mod cli_rebuild;
mod cli_schema;
mod cli_settings;
mod cli_store;
mod cli_streams;
mod cli_usage;
mod fixtures;
mod protocol_cost;
mod protocol_properties;
mod readme;
mod sqlite_reading;
mod store_conformance;
mod support;
mod target;
mod vectors_auth;
mod vectors_drive;
mod vectors_json;
mod vectors_protocol;
mod vectors_rebuild;

/// A command without tests is not finished.
#[test]
fn every_command_has_its_tests() {
    for command in snapctl::cli::command().get_subcommands() {
        let file = format!("{}/tests/it/cli_{}.rs", env!("CARGO_MANIFEST_DIR"), command.get_name());
        assert!(std::path::Path::new(&file).exists(), "{file}");
    }
}
