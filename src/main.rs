//! The `snapctl` command: parse, run, turn the result into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(snapctl::cli::run(std::env::args_os()) as u8)
}
