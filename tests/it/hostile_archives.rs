//! Archives that somebody made to do harm, or that were damaged on their way: one clear error in bounded memory and time,
//! never a panic.

use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;
use snapctl::store::archive::{ANY_RATIO_BYTES, ArchiveError, ArchiveStore, MAX_ENTRIES};
use snapctl::store::{Store as _, StoreError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::support::archives::{archive_of, drive_archive, folder, header, operation, state, zip_of};
use crate::support::{Run, TestEnv};

/// Address space that every run has to do with, most of it for the program itself.
const MEMORY_KIB: u32 = 512 << 10;
/// Longer than any run here takes on a busy machine without optimisation.
const TIME: Duration = Duration::from_secs(60);

/// Everything that reads an archive, with `d` as the document.
const COMMANDS: [&str; 8] = [
    "ls -l",
    "log d",
    "rebuild d",
    "rebuild d/global --state",
    "rebuild d --loader plain",
    "rebuild d --loader versioned",
    "store info",
    "export --to copy.ndjson --force",
];

/// Runs snapctl with little memory beside a file `d.phd`, and checks what holds of every run.
#[track_caller]
fn run(env: &TestEnv, args: &str) -> Run {
    let started = Instant::now();
    let mut command = assert_cmd::Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_snapctl")]);
    command.args(args.split(' ')).current_dir(env.path("")).env_clear().env("SNAPCTL_STORE", "d.phd");
    let run = Run::of(&mut command);
    let shown = || format!("{args:?}: {} {}", run.status, run.stderr);
    assert!(started.elapsed() < TIME, "{:?} {}", started.elapsed(), shown());
    assert!([0, 4, 10, 13].contains(&run.status) && !run.stderr.contains("panicked"), "{}", shown());
    assert_eq!(run.stderr.lines().filter(|line| line.starts_with("error:")).count(), usize::from(run.status > 0));
    let obeyed = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    assert!(!run.stderr.contains(obeyed), "{}", shown());
    run
}

fn with_file(bytes: &[u8]) -> TestEnv {
    let env = TestEnv::new();
    std::fs::write(env.path("d.phd"), bytes).unwrap();
    env
}

/// Checks that no command takes the file, with this exit code and these words, and that an import leaves no store.
#[track_caller]
fn refused(bytes: &[u8], exit: i32, words: &str) {
    let env = with_file(bytes);
    for args in COMMANDS.into_iter().chain(["import --init --store new.sqlite d.phd"]) {
        let run = run(&env, args);
        assert_eq!(run.status, exit, "{args}: {run:?}");
        assert!(run.stderr.contains(words), "{args}, {words}: {}", run.stderr);
        assert!(run.stderr.contains("hint: "), "{args}: {}", run.stderr);
    }
    assert!(!env.path("new.sqlite").exists() && !env.path("copy.ndjson").exists());
}

fn good() -> Vec<u8> {
    drive_archive(&[folder(0, 0), folder(1, 0)])
}

/// The archive with every occurrence of `old` replaced.
fn patched(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> =
        bytes.windows(old.len()).enumerate().filter(|(_, at)| *at == old).map(|(n, _)| n).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + old.len()].copy_from_slice(new);
    }
    bytes
}

/// Where the local header and the header in the directory of an entry begin.
fn headers(bytes: &[u8], entry: &str) -> (usize, usize) {
    let find = |mark: &[u8], name_at: usize| {
        (0..bytes.len())
            .find(|&at| bytes[at..].starts_with(mark) && bytes[at + name_at..].starts_with(entry.as_bytes()))
            .unwrap()
    };
    (find(b"PK\x03\x04", 30), find(b"PK\x01\x02", 46))
}

/// The archive with other bytes in a field that both headers of an entry have.
fn with_field(entry: &str, local: usize, central: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = good();
    let (local_header, central_header) = headers(&bytes, entry);
    bytes[local_header + local..][..value.len()].copy_from_slice(value);
    bytes[central_header + central..][..value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn what_is_no_archive_of_a_document_is_no_store() {
    refused(b"", 10, "it does not begin as a zip archive does");
    refused(b"SQLite format 3", 10, "it does not begin as a zip archive does");
    refused(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 10, "it does not begin as a zip archive does");
    let other = zip_of([("word/document.xml", &b"<x/>"[..])], CompressionMethod::Stored);
    refused(&other, 10, "none of the files of a document at its root");
    let nested = zip_of([("d/header.json", &b"{}"[..])], CompressionMethod::Stored);
    refused(&nested, 10, "none of the files of a document at its root");
    let env = TestEnv::new();
    std::fs::create_dir(env.path("d.phd")).unwrap();
    assert!(run(&env, "ls").fails(10).contains("d.phd is not a store: it is a directory"));
}

#[test]
fn entries_that_are_missing_are_named_as_the_reference_does() {
    let entries = [("header.json", header()), ("state.json", state()), ("operations.json", json!({}))];
    let without = |missing: &[&str]| {
        let texts: Vec<(&str, String)> = entries.iter().map(|(name, value)| (*name, value.to_string())).collect();
        let left = texts.iter().filter(|(name, _)| !missing.contains(name));
        zip_of(left.map(|(name, text)| (*name, text.as_bytes())), CompressionMethod::Deflated)
    };
    refused(&without(&["header.json", "state.json"]), 13, "Initial state not found");
    refused(
        &without(&["header.json", "operations.json"]),
        13,
        "Document header not found - file format may be outdated",
    );
    refused(&without(&["operations.json"]), 13, "Operations history not found");
    assert_eq!(run(&with_file(&without(&[])), "rebuild d --loader plain").status, 0, "nobody reads current-state.json");
}

#[test]
fn a_small_file_that_would_fill_the_memory_is_left_alone() {
    let zeros = vec![b' '; 120 << 20];
    let bomb = |entry: &str| {
        let texts = ["header.json", "state.json", "operations.json"]
            .map(|name| (name, if name == entry { &zeros[..] } else { b"{}" }));
        zip_of(texts, CompressionMethod::Deflated)
    };
    let bytes = bomb("operations.json");
    assert!(bytes.len() < 200_000);
    refused(&bytes, 13, "operations.json: it expands to more than 300 times its");
    refused(&bomb("header.json"), 13, "header.json: it is larger than 1048576 bytes, the most that is read");
    // As large, and honest about it.
    let spaces = " ".repeat(33 << 20);
    let large = zip_of(
        [("header.json", &b"{}"[..]), ("state.json", spaces.as_bytes()), ("operations.json", b"{}")],
        CompressionMethod::Stored,
    );
    refused(&large, 13, "state.json: it is larger than 33554432 bytes, the most that is read");
    // What is small may be as dense as it likes.
    let dense = format!("{{\"global\":[]{}}}", " ".repeat(usize::try_from(ANY_RATIO_BYTES).unwrap() - 100));
    let dense = archive_of(&header().to_string(), &state().to_string(), &dense);
    assert!(dense.len() < 5000);
    assert_eq!(run(&with_file(&dense), "rebuild d").status, 0);
}

#[test]
fn a_dense_log_is_no_bomb() {
    // As equal as operations can be.
    let input = json!({ "name": "The same name again" });
    let mut global = Vec::new();
    for index in 0..20_000 {
        let mut same = operation(0, 0, "SET_DRIVE_NAME", &input);
        same["index"] = json!(index);
        global.push(same);
    }
    let bytes = drive_archive(&global);
    let run = run(&with_file(&bytes), "rebuild d --loader plain --hash");
    assert_eq!(run.status, 0, "{run:?}");
}

#[test]
fn names_and_kinds_of_entries_are_looked_at() {
    let with = |name: &str| {
        let texts = [("header.json", header().to_string()), ("state.json", state().to_string()), (name, "{}".into())];
        let last = [("operations.json", "{}".to_owned())];
        let texts: Vec<(&str, String)> = texts.into_iter().chain(last).collect();
        zip_of(texts.iter().map(|(name, text)| (*name, text.as_bytes())), CompressionMethod::Deflated)
    };
    for name in ["../x", "a/../../x", "/etc/x", "\\x", "a\\..\\x", "c:x", "a/.."] {
        refused(&with(name), 13, "its name leads out of the archive");
    }
    let other = run(&with_file(&with("__MACOSX/._header.json")), "rebuild d");
    assert_eq!(other.status, 0, "{other:?}");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("operations.json", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    refused(&zip.finish().unwrap().into_inner(), 13, "operations.json: it is a symbolic link");
    let twice = patched(&with("headerXjson"), b"headerXjson", b"header.json");
    refused(&twice, 13, "two of its entries have one name");
    let names: Vec<String> = (0..=MAX_ENTRIES).map(|n| n.to_string()).collect();
    let many = zip_of(names.iter().map(|name| (name.as_str(), &b""[..])), CompressionMethod::Stored);
    refused(&many, 13, "it has 65 entries, and more than 64 are not read");
    let control = with("a\u{1b}[2J\u{7}../..");
    refused(&patched(&control, b"../..", b"/..//"), 13, "its name leads out");
}

#[test]
fn what_the_headers_say_is_not_believed() {
    let flags = |value: &[u8]| with_field("state.json", 6, 8, value);
    refused(&flags(&[1, 0]), 13, "state.json: it is encrypted");
    let method = |value: &[u8]| with_field("state.json", 8, 10, value);
    refused(&method(&[99, 0]), 13, "state.json");
    refused(&method(&[12, 0]), 13, "state.json: it is compressed by a method that is not read: Bzip2");
    let crc = |value: &[u8]| with_field("operations.json", 14, 16, value);
    refused(&crc(b"abcd"), 13, "operations.json: it does not decompress: ");
    // Longer and shorter than it is.
    let size = |value: u32| with_field("operations.json", 22, 24, &value.to_le_bytes());
    refused(&size(u32::MAX - 1), 13, "operations.json");
    refused(&size(5), 13, "operations.json");
    let kept = |value: u32| with_field("operations.json", 18, 20, &value.to_le_bytes());
    refused(&kept(u32::MAX - 1), 13, "d.phd cannot be read as an archive");
    refused(&kept(5), 13, "d.phd cannot be read as an archive");
    // One header says another thing than the other.
    let mut bytes = good();
    let (local, central) = headers(&bytes, "state.json");
    bytes[local + 30..][..10].copy_from_slice(b"other.json");
    refused(&bytes, 13, "d.phd cannot be read as an archive");
    // Two entries in one place.
    let mut bytes = good();
    let (first, _) = headers(&bytes, "header.json");
    bytes[central + 42..][..4].copy_from_slice(&u32::try_from(first).unwrap().to_le_bytes());
    refused(&bytes, 13, "d.phd cannot be read as an archive");
    // More entries than there are, fewer, and a directory elsewhere.
    let end = good().len() - 22;
    for (at, value) in [(10, 200_u8), (10, 2), (16, 0xFF), (12, 0), (4, 1)] {
        let mut bytes = good();
        bytes[end + at] = value;
        let store = ArchiveStore::from_bytes("d.phd".into(), &bytes);
        assert!(at == 12 || store.is_err(), "{at}");
    }
}

#[test]
fn zip64_is_refused() {
    let bytes = good();
    let end = bytes.len() - 22;
    let mut locator = b"PK\x06\x07".to_vec();
    locator.extend_from_slice(&[0xFF; 16]);
    let bytes = [&bytes[..end], &locator, &bytes[end..]].concat();
    refused(&bytes, 13, "it is a zip64 archive, which no document needs");
    let mut bytes = good();
    bytes[end + 8..end + 20].fill(0xFF);
    refused(&bytes, 13, "it has 65535 entries");
}

#[test]
fn what_stands_around_an_archive_is_no_part_of_it() {
    let bytes = good();
    refused(&[&bytes[..], b"more"].concat(), 13, "it is cut off, or something follows it");
    refused(&[&b"PK\x03\x04 a script"[..], &bytes].concat(), 13, "d.phd cannot be read as an archive");
    // A comment is part of it.
    let mut commented = bytes.clone();
    let end = bytes.len() - 2;
    commented[end] = 5;
    commented.extend_from_slice(b"hello");
    assert_eq!(run(&with_file(&commented), "rebuild d").status, 0);
}

#[test]
fn texts_are_checked_with_their_places() {
    let (header, state) = (header().to_string(), state().to_string());
    refused(&archive_of("{", &state, "{}"), 13, "header.json, byte 1: unexpected end of JSON text");
    refused(&archive_of("{}", &state, "{}"), 13, "header.json, byte 0: it has no \"id\"");
    refused(&archive_of(&header, "[]", "{}"), 13, "state.json, byte 0: it is an array, not an object of scopes");
    let deep = "[".repeat(1_000_000);
    refused(&archive_of(&header, &format!("{{\"global\":{deep}"), "{}"), 13, "JSON nested deeper than 1000 levels");
    refused(
        &archive_of(&header, &state, &format!("{{\"global\":[{{\"x\":{deep}")),
        13,
        "JSON nested deeper than 1000 levels",
    );
    refused(&archive_of(&header, &state, "[]"), 13, "operations.json, byte 0: it is an array, not an object of scopes");
    let operations = json!({ "global": [{ "index": 1e30, "action": { "type": "X" } }] }).to_string();
    refused(&archive_of(&header, &state, &operations), 13, "/global/0/index: it is not a whole number from 0");
    refused(
        &archive_of(&header, &state, "{\"\u{1b}[2J\": 1}"),
        13,
        "operations.json, byte 2: invalid character or escape in a JSON string",
    );
    let utf16: Vec<u8> = state.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let entries = [("header.json", header.as_bytes()), ("state.json", &utf16), ("operations.json", b"{}")];
    refused(&zip_of(entries, CompressionMethod::Deflated), 13, "state.json");
    let named = header.replace("\"d\"", "\"d\\u001b[2J\\u0007\"");
    let one = json!({ "global": [folder(0, 0)] }).to_string();
    let odd = run(&with_file(&archive_of(&named, &state, &one)), "rebuild d --loader checked");
    assert_eq!(odd.status, 13, "{odd:?}");
    let timeless = json!({ "id": "d", "documentType": "t", "sig": {} }).to_string();
    refused(
        &archive_of(&timeless, "{}", "{}"),
        13,
        "none can be made: header.json has no createdAtUtcIso that is a time",
    );
}

#[test]
fn one_huge_value_fits_into_little_memory() {
    // 24 MB of text that would be half a gigabyte as a tree.
    let input = format!("[{}0]", "0,".repeat(12 << 20));
    let action = format!(r#"{{"id":"a","type":"X","timestampUtcMs":"2025-01-01T00:00:00Z","input":{input}}}"#);
    let operations = format!(r#"{{"global":[{{"index":0,"action":{action}}}]}}"#);
    let entries =
        [("header.json", header().to_string()), ("state.json", state().to_string()), ("operations.json", operations)];
    let bytes = zip_of(entries.iter().map(|(name, text)| (*name, text.as_bytes())), CompressionMethod::Stored);
    let env = with_file(&bytes);
    for args in ["ls", "store info", "export --to copy.ndjson", "import --init --store new.sqlite d.phd"] {
        assert_eq!(run(&env, args).status, 0, "{args}");
    }
}

/// What is said of bytes, whatever they are.
fn outcome(bytes: &[u8]) -> Result<(), StoreError> {
    let store = ArchiveStore::from_bytes("d.phd".into(), bytes)?;
    store.read()?.info()?;
    Ok(())
}

#[test]
fn no_cut_and_no_flipped_byte_gets_through_unseen() {
    let bytes = good();
    for len in 0..bytes.len() {
        let error = outcome(&bytes[..len]).expect_err("a part is no archive");
        assert!(matches!(error, StoreError::NotAStore { .. } | StoreError::BadArchive { .. }), "{len}: {error}");
    }
    let mut unnoticed = 0;
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = bytes.clone();
            bytes[at] ^= bit;
            unnoticed += u32::from(outcome(&bytes).is_ok());
        }
    }
    // Times, versions and attributes are nobody's business.
    assert!(unnoticed < 200, "{unnoticed}");
    let error = outcome(&good()[..100]).unwrap_err();
    let StoreError::BadArchive { source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, ArchiveError::Container(_)), "{source}");
}

#[test]
fn archives_of_other_programs_are_read() {
    let texts =
        [("header.json", header().to_string()), ("state.json", state().to_string()), ("operations.json", "{}".into())];
    // Written in one go, with sizes behind the data, as to a pipe.
    let mut zip = ZipWriter::new_stream(Vec::new());
    for (name, text) in &texts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    let streamed = zip.finish().unwrap().into_inner();
    assert_eq!(run(&with_file(&streamed), "rebuild d").status, 0);
    let env = TestEnv::new();
    for (name, text) in &texts {
        std::fs::write(env.path(name), text).unwrap();
    }
    if crate::support::tools::has("python3") {
        let command = "python3 -m zipfile -c d.phd header.json state.json operations.json";
        let made = std::process::Command::new("sh").args(["-c", command]).current_dir(env.path(".")).status().unwrap();
        assert!(made.success());
        assert_eq!(run(&env, "rebuild d").status, 0);
    }
}
