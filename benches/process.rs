//! Figures of whole processes: time to the first byte, and peak memory over the length of a log.
//!
//! `--test` runs everything once on small data.
#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{DOCUMENT, Shape, generate};

const SNAPCTL: &str = env!("CARGO_BIN_EXE_snapctl");
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/drive.sqlite");

fn main() {
    let short = std::env::args().any(|arg| arg == "--test");
    let runs = if short { 3 } else { 100 };
    let document = any_document();
    let mut times: Vec<Duration> = (0..runs).map(|_| first_byte(&document)).collect();
    times.sort();
    println!(
        "rebuild of a fixture: first byte after {:.1?} (median of {runs} runs, worst {:.1?})",
        times[runs / 2],
        times[runs - 1]
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    let lengths: &[usize] = if short { &[1_000, 10_000] } else { &[10_000, 100_000, 1_000_000] };
    for &operations in lengths {
        let path = directory.path().join(format!("{operations}.sqlite"));
        drop(generate(&path, Shape::Changing { nodes: 300, operations }));
        for format in ["--ndjson", "--json"] {
            let peak = peak_memory_kib(&path, &["log", DOCUMENT, format, "--quiet"]);
            println!("log {format} of {operations} operations: peak memory {peak} KiB");
        }
        fs::remove_file(&path).expect("the store just written");
    }
}

/// From the start of a process to the first byte of its answer.
fn first_byte(document: &str) -> Duration {
    let start = Instant::now();
    let mut child = start_snapctl(Path::new(FIXTURE), &["rebuild", document]);
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut [0]).expect("an answer");
    let first = start.elapsed();
    stdout.read_to_end(&mut Vec::new()).expect("the rest of the answer");
    assert!(child.wait().expect("a child").success());
    first
}

/// The id of a document of the fixture.
fn any_document() -> String {
    let mut child = start_snapctl(Path::new(FIXTURE), &["ls", "--ndjson"]);
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
    assert!(child.wait().expect("a child").success());
    let id = text.split("\"document\":\"").nth(1).and_then(|rest| rest.split('"').next());
    id.expect("a document").to_owned()
}

fn start_snapctl(store: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(SNAPCTL);
    command.arg("--store").arg(store).args(args).stdout(Stdio::piped()).spawn().expect("snapctl")
}

/// Greatest resident size of a process while its output is read. Read from `/proc`, so Linux only.
fn peak_memory_kib(store: &Path, args: &[&str]) -> u64 {
    let mut child = start_snapctl(store, args);
    let status = format!("/proc/{}/status", child.id());
    let mut stdout = child.stdout.take().expect("a pipe");
    let (mut buffer, mut peak) = (vec![0; 1 << 16], 0);
    loop {
        // The process waits for the pipe to be read, so it is there to be asked.
        peak = peak.max(high_water_kib(&status));
        if stdout.read(&mut buffer).expect("an answer") == 0 {
            break;
        }
    }
    assert!(child.wait().expect("a child").success());
    peak
}

fn high_water_kib(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
