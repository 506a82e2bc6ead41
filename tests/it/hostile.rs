//! Stores, lines, arguments and settings that somebody made to do harm, or that a broken program left: the answer is the
//! reference's or one clear error, in bounded memory and time, never a panic.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::support::{Operation, Run, TestEnv};

/// Address space that every run has to do with, most of it for the program itself.
const MEMORY_KIB: u32 = 512 << 10;
/// Longer than any run here takes on a busy machine without optimisation.
const TIME: Duration = Duration::from_secs(60);

/// Everything that reads, with `d` as the document.
const COMMANDS: [&str; 22] = [
    "ls",
    "ls -l",
    "ls --tree d",
    "log d",
    "log d/global",
    "log -p d/global",
    "log d/global --json",
    "log d/global --ndjson -p",
    "log d/global --pointer /nodes/0/name",
    "rebuild d",
    "rebuild d/global",
    "rebuild d/global --state",
    "rebuild d --hash",
    "rebuild d/global:0 --pointer /nodes/0",
    "rebuild d/global --explain --trust any",
    "rebuild d/global --trust hashed",
    "rebuild d/global:keyframe:0",
    "rebuild d/global:head~1",
    "rebuild d:@2025-01-01T12:00:00Z",
    "rebuild d/global:op:d.global.main.1",
    "rebuild --batch",
    "store info",
];

const BATCH: &str = "{\"document\":\"d\",\"scope\":\"global\"}\n{\"document\":\"d\"}\n";

/// A drive with two folders and a keyframe, changed by `damage`.
pub(crate) fn store(damage: impl FnOnce(&Connection)) -> TestEnv {
    let env = TestEnv::with_store(|store| {
        store.drive("d", "One", 2);
        store.sql(
            r#"INSERT INTO "Keyframe" VALUES (1, 'd', 'powerhouse/document-drive', 'global', 'main', 0,
               '{"header":{},"state":{"global":{"nodes":[]}}}', '2025-01-01T00:10:00.000Z')"#,
        );
    });
    damage(&Connection::open(env.path("ops.db")).unwrap());
    env
}

/// The store with another action in its last operation.
fn with_action(action: &str) -> TestEnv {
    store(|file| set(file, "action", action))
}

/// The store with another value in a column of its last operation.
fn set(file: &Connection, column: &str, value: impl rusqlite::ToSql) {
    let change = format!(r#"UPDATE "Operation" SET "{column}" = ? WHERE scope = 'global' AND "index" = 1"#);
    assert_eq!(file.execute(&change, [value]).unwrap(), 1);
}

/// An action that adds a folder, with this input.
fn add(input: &str) -> String {
    format!(r#"{{"id":"a","type":"ADD_FOLDER","scope":"global","timestampUtcMs":"","input":{input}}}"#)
}

/// Runs snapctl on `ops.db` with little memory, and checks what holds of every run.
#[track_caller]
pub(crate) fn run(env: &TestEnv, args: &str) -> Run {
    run_with(env, &args.split(' ').collect::<Vec<_>>(), BATCH.as_bytes(), MEMORY_KIB)
}

#[track_caller]
fn run_with(env: &TestEnv, args: &[&str], input: &[u8], memory_kib: u32) -> Run {
    let started = Instant::now();
    let mut command = assert_cmd::Command::new("sh");
    command.args(["-c", &format!("ulimit -v {memory_kib} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_snapctl")]);
    command.args(args).current_dir(env.path("")).env_clear().env("SNAPCTL_STORE", "ops.db").write_stdin(input);
    let run = Run::of(&mut command);
    let shown = || format!("{args:?}: {} {}", run.status, run.stderr);
    assert!(started.elapsed() < TIME, "{:?} {}", started.elapsed(), shown());
    assert!([0, 1, 2, 4, 13, 14].contains(&run.status) && !run.stderr.contains("panicked"), "{}", shown());
    let errors = run.stderr.lines().filter(|line| line.starts_with("error:") || line.starts_with("{\"error\":"));
    assert_eq!(errors.count(), usize::from(run.status > 1), "{}", shown());
    let obeyed = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    assert!(!run.stderr.contains(obeyed), "{}", shown());
    assert!(
        args.contains(&"--state")
            || !run.stdout.replace(['\n', '\t'], "").contains(|char: char| char.is_ascii_control()),
        "{}",
        shown()
    );
    run
}

/// Runs all commands, and checks that a rebuild and a log of the last operation fail with exit 13 and these words.
#[track_caller]
fn refused(env: &TestEnv, words: &[&str]) {
    for args in COMMANDS {
        let run = run(env, args);
        let reads_all =
            ["log -p d/global", "rebuild d", "rebuild d/global", "rebuild d/global --state"].contains(&args);
        if reads_all {
            assert_eq!(run.status, 13, "{args}: {run:?}");
            assert!(words.iter().all(|word| run.stderr.contains(word)), "{args}, {words:?}: {}", run.stderr);
        }
    }
}

/// Runs all commands, and returns the answer to `rebuild d/global --state`.
#[track_caller]
fn answered(env: &TestEnv) -> Value {
    for args in COMMANDS {
        let run = run(env, args);
        assert!([0, 4].contains(&run.status), "{args}: {run:?}");
    }
    run(env, "rebuild d/global --state").json()
}

#[test]
fn json_of_any_depth_is_refused_where_it_becomes_too_deep() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let row = ["table Operation", "document d, scope global, branch main, index 1", "column action"];
    let words = [&row[..], &["nested deeper than 1000 levels at byte "]].concat();
    refused(&with_action(&add(&deep)), &words[3..]);
    refused(&with_action(&add(&"{\"a\":".repeat(100_000))), &words[3..]);
    let byte = format!("levels at byte {}", add("").len() - 1 + 999);
    let words = [&words[..], &[&*byte]].concat();
    let said = run(&with_action(&add(&deep)), "rebuild d/global").stderr;
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
    // As deep as is allowed.
    let deep = "[".repeat(998) + &"]".repeat(998);
    let env = with_action(&add(&format!(r#"{{"id":"x","name":"X","more":{deep}}}"#)));
    for args in COMMANDS {
        assert!([0, 4].contains(&run(&env, args).status), "{args}");
    }
    assert!(run(&env, "rebuild d/global --state").ok().contains(r#""id":"x""#));
}

#[test]
fn a_keyframe_of_any_kind_is_passed_over_or_refused() {
    let deep = "[".repeat(100_000);
    for (document, why) in [
        (&*deep, "nested deeper than 1000 levels at byte 1000"),
        ("null", "no member \"header\""),
        ("1e400", "no member \"header\""),
        ("{\"header\":{},\"state\":{\"\\ud800\":1}}", "lone surrogate"),
        ("{\"header\":[],\"state\":{}}", "member \"header\" is array"),
        ("{\"header\":{},\"state\":", "unexpected end of JSON text at byte"),
    ] {
        let env = store(|file| {
            assert_eq!(file.execute(r#"UPDATE "Keyframe" SET document = ?"#, [document]).unwrap(), 1);
        });
        let stored = run(&env, "rebuild d/global:keyframe:0");
        let said = stored.fails(13);
        assert!(["Keyframe", "column document", why].iter().all(|word| said.contains(word)), "{said}");
        for args in COMMANDS.into_iter().filter(|args| !args.contains(":keyframe:")) {
            assert_eq!(run(&env, args).status, 0, "{args}");
        }
        // The reference believes any keyframe at or before a position, and fails.
        run(&env, "rebuild d/global:1 --as-reactor").fails(13);
    }
}

#[test]
fn numbers_of_any_length_are_read_in_linear_time() {
    let (ones, zeros) = ("1".repeat(1_000_000), "0".repeat(1_000_000));
    let numbers = format!("[{ones},1e{ones},-1e-{ones},0.{zeros}1,{ones}.{ones}e-{ones},1e400,-0,1e-400,5e-324]");
    let state = answered(&with_action(&add(&format!(r#"{{"id":"x","name":"X","more":{numbers}}}"#))));
    assert_eq!(state["nodes"][1]["name"], "X");
    // As a keyframe has them, they come out as JavaScript prints them.
    let env = store(|file| {
        let document = format!(r#"{{"header":{{}},"state":{{"global":{numbers}}}}}"#);
        file.execute(r#"UPDATE "Keyframe" SET document = ?"#, [document]).unwrap();
    });
    let state = run(&env, "rebuild d/global:keyframe:0 --state");
    assert_eq!(state.ok(), "[null,null,0,0,0,null,0,0,5e-324]");
}

#[test]
fn a_million_keys_and_keys_that_come_twice() {
    let keys = (0..1_000_000).map(|n| format!(r#""k{}":{n}"#, n ^ 0x5555)).collect::<Vec<_>>().join(",");
    let env = with_action(&add(&format!(r#"{{"id":"x",{keys},"name":"X"}}"#)));
    for args in ["ls -l", "log d/global", "log -p d/global", "rebuild d", "rebuild d/global --trust any"] {
        assert_eq!(run(&env, args).status, 0, "{args}");
    }
    let twice =
        r#"{"type":"NOOP","input":{"id":"y","id":"x","name":"Y","name":"X"},"id":1,"id":"a","type":"ADD_FOLDER"}"#;
    assert_eq!(
        answered(&with_action(twice))["nodes"][1],
        json!({"id":"x","kind":"folder","name":"X","parentFolder":null})
    );
}

#[test]
fn an_action_that_is_none() {
    for (action, why) in [
        ("null", "an action is a JSON object, this is null"),
        ("[]", "an action is a JSON object, this is array"),
        ("1", "an action is a JSON object, this is number"),
        ("\"x\"", "an action is a JSON object, this is string"),
        ("", "unexpected end of JSON text at byte 0"),
        ("{}", "member \"type\" of the action is not a string"),
        ("{\"type\":\"X\",\"scope\":null}", "member \"scope\" of the action is not a string"),
        ("{\"type\":\"X\"}\0", "text after the JSON value at byte 12"),
    ] {
        refused(&with_action(action), &["table Operation", "column action", why]);
    }
    // What JavaScript makes of no input, the reference records as the operation's error.
    assert_eq!(answered(&with_action(&add("null")))["nodes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn texts_with_nul_escapes_and_lone_surrogates() {
    let input = r#"{"id":"\u0000\u001b[2J","name":"\udfff \ud83d\ude00 \ud800"}"#;
    let env = with_action(&add(input));
    for args in COMMANDS {
        assert!([0, 4].contains(&run(&env, args).status), "{args}");
    }
    let state = run(&env, "rebuild d/global --state");
    let node = r#"{"id":"\u0000\u001b[2J","kind":"folder","name":"\udfff 😀 \ud800","parentFolder":null}"#;
    assert!(state.ok().contains(node), "{}", state.stdout);
    for (action, fine) in [
        (add(r#"{"\ud800":"\udc00","id":"x","name":"X"}"#), true),
        (add("{}").replace("ADD_FOLDER", r"\ud800"), true),
        (add("{}").replace(r#""id":"a""#, r#""\ud800":"a","id":"\udfff""#), true),
        (add("{}").replace(r#""global""#, r#""\ud800""#), false),
    ] {
        let env = with_action(&action);
        for args in COMMANDS {
            let run = run(&env, args);
            assert!([0, 4].contains(&run.status) || !fine, "{args}: {run:?}");
        }
        let run = run(&env, "rebuild d/global");
        assert!(fine || run.fails(13).contains("holds a lone surrogate"), "{run:?}");
    }
}

#[test]
fn columns_that_hold_anything() {
    for column in ["opId", "prevOpId", "documentType", "hash", "error", "deniedReason"] {
        for text in ["a\0b\u{1b}[2J\u{7}\u{9b}\u{202e}", &"x".repeat(1_000_000)] {
            let env = store(|file| set(file, column, text));
            for args in COMMANDS {
                assert!([0, 4].contains(&run(&env, args).status), "{column} {args}");
            }
        }
        let env = store(|file| {
            file.execute_batch(&format!("UPDATE \"Operation\" SET \"{column}\" = CAST(x'61ff' AS TEXT) WHERE id = 4"))
                .unwrap();
        });
        let column = format!("column {column}: ");
        refused(&env, &["table Operation", "index 1, id 4", &column, "invalid UTF-8 at byte 1"]);
    }
    for (time, why) in [("\u{1b}[2J\0", "\"\\u{1b}[2J\\0\" is not a time"), (&*"9".repeat(1_000_000), "is not a time")]
    {
        refused(&store(|file| set(file, "timestampUtcMs", time)), &["id 4", "column timestampUtcMs", why]);
    }
    let blob = [0xff_u8; 3];
    refused(&store(|file| set(file, "hash", blob)), &["column hash: a blob instead of text"]);
    refused(&store(|file| set(file, "action", 1.5)), &["column action"]);
}

#[test]
fn jsonb_that_is_broken() {
    let object = |body: &[u8]| [&[0xdc, 0, u8::try_from(body.len()).unwrap()], body].concat();
    let nested = vec![0xfb; 100_000];
    for (blob, why) in [
        (object(b"\x47type\x37\xff\xfe\xfd"), "invalid UTF-8"),
        (object(b"\x47type\x97ab"), "a blob instead of JSON"),
        (b"\xfc\x7f\xff\xff\xff\xff\xff\xff\xff\x47type".to_vec(), "a blob instead of JSON"),
        (b"\xec\x3f\xff\xff\xff\x47type".to_vec(), "a blob instead of JSON"),
        (nested, "a blob instead of JSON"),
        (Vec::new(), "a blob instead of JSON"),
    ] {
        refused(&store(|file| set(file, "action", &*blob)), &["table Operation", "index 1", "column action", why]);
        let env = store(|file| {
            file.execute(r#"UPDATE "Keyframe" SET document = ?"#, [&*blob]).unwrap();
        });
        assert!(run(&env, "rebuild d/global:keyframe:0").fails(13).contains("column document"));
    }
}

#[test]
fn positions_and_skips_at_the_edges() {
    for (column, value, why) in [
        ("index", -1, "index -1, id 4: column index: -1 is negative"),
        ("index", i64::MIN, "column index: -9223372036854775808 is negative"),
        ("skip", -1, "index 1, id 4: column skip: -1 is not between 0 and 4294967295"),
        ("skip", 1 << 40, "column skip: 1099511627776 is not between 0 and 4294967295"),
    ] {
        refused(&store(|file| set(file, column, value)), &["table Operation", why]);
    }
    for (index, skip) in [(1, u32::MAX), (i64::MAX, 0), (i64::MAX, u32::MAX), (i64::from(u32::MAX) + 1, u32::MAX)] {
        let env = store(|file| {
            set(file, "skip", skip);
            set(file, "index", index);
        });
        answered(&env);
        let warned = run(&env, "rebuild d/global").stderr.contains("d/global has no operation 1: the log has a gap");
        assert_eq!(warned, index != 1);
    }
}

/// Adds rows to a store, quickly.
pub(crate) fn fill(file: &Connection, rows: impl Iterator<Item = (String, String, i64, u32, String)>) {
    fill_after(file, 0, rows);
}

/// The same in a store that was filled with `n_before` rows.
pub(crate) fn fill_after(
    file: &Connection,
    n_before: i64,
    rows: impl Iterator<Item = (String, String, i64, u32, String)>,
) {
    file.execute_batch("BEGIN").unwrap();
    let mut insert = file
        .prepare(
            r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId", "documentType",
               "scope", "branch", "timestampUtcMs", "index", "action", "skip", "hash")
               VALUES ('', ?1, '', '', ?2, 'powerhouse/document-drive', ?3, 'main', '2025-01-01T01:00:00.000Z', ?4, ?5, ?6, '')"#,
        )
        .unwrap();
    for (n, (document, scope, index, skip, action)) in (n_before..).zip(rows) {
        insert.execute(params![format!("o{n}"), document, scope, index, action, skip]).unwrap();
    }
    file.execute_batch("COMMIT").unwrap();
}

#[test]
fn a_million_operations_that_retract_everything() {
    let noop = add("{}").replace("ADD_FOLDER", "NOOP");
    let env = store(|file| {
        let row = |n: i64| ("d".to_owned(), "global".to_owned(), n, u32::MAX, noop.clone());
        fill(file, (2..1_000_000).map(row));
    });
    for args in ["ls", "rebuild d/global:head~500000 --hash", "store info"] {
        assert_eq!(run(&env, args).status, 0, "{args}");
    }
    assert_eq!(run(&env, "rebuild d/global --state").json()["nodes"], json!([]));
}

#[test]
fn many_scopes_of_one_document() {
    let env = store(|file| {
        let row = |n: i64| {
            let scope = format!("s{n:05}");
            let action = add("{}").replace("global", &scope);
            ("d".to_owned(), scope, 0, 0, action)
        };
        fill(file, (0..20_000).map(row));
    });
    for args in
        ["ls", "ls -l", "ls --tree d", "log d/global", "rebuild d/global", "rebuild d/s19999", "rebuild d --hash"]
    {
        assert_eq!(run(&env, args).status, 0, "{args}");
    }
    let whole = run(&env, "rebuild d").json();
    assert_eq!(whole["revision"].as_object().map(serde_json::Map::len), Some(20_002));
}

#[test]
fn many_documents_with_one_prefix() {
    let env = store(|file| {
        let action = add("{}");
        fill(file, (0..100_000).map(|n| (format!("e{n:05}"), "document".to_owned(), 0, 0, action.clone())));
    });
    assert_eq!(run(&env, "ls").ok().lines().count(), 100_001);
    let said = run(&env, "rebuild e");
    assert!(said.fails(2).contains("hint: type more of it: e00000, e00001, e00002, e00003, e00004, …"), "{said:?}");
    assert!(run(&env, "rebuild e0").fails(2).contains("e00000"));
    assert!(run(&env, "log nothing").fails(4).contains("no document \"nothing\""));
    assert!(run(&env, "rebuild e00000").fails(13).contains("must be CREATE_DOCUMENT"));
}

/// Declares in the last row of a file that its action is that large, and changes nothing else.
///
/// The row is the last cell of the only leaf of its table (<https://www.sqlite.org/fileformat2.html#b_tree_pages>).
fn declare(path: &Path, action_bytes: u64) {
    const PAGE: u64 = 65_536;
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA page_size = 65536; VACUUM").unwrap();
    let root: u32 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'Operation'", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let start = u64::from(root - 1) * PAGE;
    let mut page = vec![0; usize::try_from(PAGE).unwrap()];
    file.seek(SeekFrom::Start(start)).unwrap();
    file.read_exact(&mut page).unwrap();
    let two = |page: &[u8], at: usize| usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
    assert_eq!(page[0], 13, "a leaf of a table");
    let pointer = 8 + 2 * (two(&page, 3) - 1);
    let cell = two(&page, pointer);
    let (_, after_size) = varint(&page[cell..]);
    let (row_id, after_id) = varint(&page[cell + after_size..]);
    let record = cell + after_size + after_id;
    let (header, _) = varint(&page[record..]);
    let (body, mut types) = (record + usize::try_from(header).unwrap(), Vec::new());
    let mut at = record + 1;
    while at < body {
        let (serial, length) = varint(&page[at..]);
        types.push(serial);
        at += length;
    }
    // The action is the twelfth column of the tables that the tests make.
    let length = |serial: u64| if serial >= 12 { (serial - 12) / 2 } else { serial.min(4) * u64::from(serial < 8) };
    types[11] = action_bytes * 2 + 13;
    let mut fields: Vec<u8> = types.iter().flat_map(|serial| to_varint(*serial)).collect();
    fields.insert(0, u8::try_from(fields.len() + 1).unwrap());
    let size = fields.len() as u64 + types.iter().map(|serial| length(*serial)).sum::<u64>();
    let mut head = [to_varint(size), to_varint(row_id), fields].concat();
    // Before the action nothing changes.
    let before: u64 = types[..11].iter().map(|serial| length(*serial)).sum();
    head.extend_from_slice(&page[body..body + usize::try_from(before).unwrap()]);
    // The part on this page has at least this size; where the rest is does not matter.
    let local = (usize::try_from(PAGE).unwrap() - 12) * 32 / 255 - 23 + usize::try_from(PAGE).unwrap();
    let content = two(&page, 5);
    let start_of_cell = if content == 0 { 65_536 } else { content } - local.min(40_000);
    page[start_of_cell..start_of_cell + head.len()].copy_from_slice(&head);
    let place = u16::try_from(start_of_cell).unwrap().to_be_bytes();
    page[pointer..pointer + 2].copy_from_slice(&place);
    page[5..7].copy_from_slice(&place);
    file.seek(SeekFrom::Start(start)).unwrap();
    file.write_all(&page).unwrap();
}

fn varint(bytes: &[u8]) -> (u64, usize) {
    let mut value = 0;
    for (n, byte) in bytes.iter().enumerate() {
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return (value, n + 1);
        }
    }
    unreachable!("no varint is that long here")
}

fn to_varint(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(value & 0x7f).unwrap()];
    while value > 0x7f {
        value >>= 7;
        bytes.insert(0, u8::try_from(value & 0x7f).unwrap() | 0x80);
    }
    bytes
}

#[test]
fn a_gigabyte_that_is_only_declared() {
    let env = store(|_| {});
    // Within what is read, it is not there.
    declare(&env.path("ops.db"), 200_000_000);
    refused(&env, &["ops.db is damaged"]);
    assert_eq!(run(&env, "rebuild d/global --json").error(13)["code"], "store-damaged");
    let env = store(|_| {});
    declare(&env.path("ops.db"), 1_000_000_000);
    let words = ["table Operation", "index 1", "column action", "larger than 268435456 bytes"];
    refused(&env, &words);
    // In a file that is long enough, which costs nothing where nothing was written.
    let file = std::fs::OpenOptions::new().write(true).open(env.path("ops.db")).unwrap();
    file.set_len((1 << 30) + (1 << 26)).unwrap();
    let pages = u32::try_from(((1_u64 << 30) + (1 << 26)) >> 16).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &pages.to_be_bytes(), 28).unwrap();
    refused(&env, &words);
}

#[test]
fn lines_of_a_batch_that_nobody_would_write() {
    let env = store(|_| {});
    let deep = "[".repeat(400_000);
    let lines: [(&[u8], &str); 9] = [
        (deep.as_bytes(), "it is not an object"),
        (&format!("{{\"document\":\"d\",\"at\":{deep}").into_bytes(), "recursion limit exceeded"),
        (b"\0", "it is not an object"),
        (b"{\"document\":\"\xff\"}", "invalid unicode"),
        (b"{\"document\":\"\\ud800\"}", "hex escape"),
        (b"{\"document\":\"d\",\"at\":1e400}", "number out of range"),
        (b"{\"document\":\"d\",\"at\":18446744073709551616}", "is not a revision"),
        (&format!("{{\"document\":\"d\",\"at\":{}}}", "9".repeat(900_000)).into_bytes(), "number out of range"),
        (&format!("{{\"document\":\"d\",\"at\":\"{}\"}}", "9".repeat(900_000)).into_bytes(), "too large"),
    ];
    let input: Vec<u8> = lines.iter().flat_map(|(line, _)| [line, &b"\n"[..]].concat()).collect();
    let run = run_with(&env, &["rebuild", "--batch"], &input, MEMORY_KIB);
    let answers = run.lines();
    assert_eq!((run.status, answers.len()), (1, lines.len()));
    for (n, (answer, (_, why))) in answers.iter().zip(lines).enumerate() {
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.starts_with(&format!("line {}, byte ", n + 1)) && said.contains(why), "{n}: {said:.300}");
        assert!(said.len() < 1000, "{n} says {} bytes", said.len());
    }
}

#[test]
fn a_line_of_a_gigabyte_is_passed_over() {
    let env = store(|_| {});
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -v {MEMORY_KIB} && exec \"$0\" rebuild --batch"),
        env!("CARGO_BIN_EXE_snapctl"),
    ]);
    command.env("SNAPCTL_STORE", env.path("ops.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    io::copy(&mut io::repeat(b'[').take(1 << 30), &mut stdin).unwrap();
    stdin.write_all(b"\n{\"document\":\"d\"}\n").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((output.status.code(), answers.len()), (Some(1), 2));
    assert_eq!(answers[0]["error"]["message"], "line 1, byte 0: the line is longer than 1048576 bytes");
    assert_eq!(answers[1]["target"]["document"], "d");
}

#[test]
fn arguments_that_are_no_text() {
    let env = store(|_| {});
    for args in [
        &[&b"rebuild"[..], b"d\xff"][..],
        &[b"rebuild", b"d", b"--scope", b"\xff"],
        &[b"ls", b"--store", b"\xff"],
        &[b"ls", b"\xff\x1b[2J"],
        &[b"\xff"],
        &[b"log", b"d", b"--pointer", b"\xff"],
    ] {
        let args = args.iter().map(|arg| std::ffi::OsStr::from_bytes(arg));
        let run = Run::of(env.snapctl(&[]).env("SNAPCTL_STORE", "ops.db").args(args));
        let said = run.fails(2);
        assert!(said.to_lowercase().contains("\\xff") || said.contains('\u{fffd}'), "{said:?}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    let long = "x".repeat(100_000);
    for (target, status) in [
        ("\u{1b}[2J", 4),
        ("%00", 4),
        ("d:@\u{1b}[2J", 2),
        ("d:18446744073709551616", 2),
        ("d:18446744073709551615", 4),
        ("d:head~18446744073709551615", 4),
        ("d:keyframe:18446744073709551615", 4),
        (":", 2),
        ("%", 2),
        (&long, 4),
    ] {
        for command in ["rebuild", "log"] {
            let run = run_with(&env, &[command, target], b"", MEMORY_KIB);
            assert!([status, 2].contains(&run.status), "{command} {target:.40}: {run:?}");
        }
    }
}

#[test]
fn settings_that_nobody_would_write() {
    let env = store(|_| {});
    let deep = format!("a = {}", "[".repeat(100_000));
    let tables = "a.".repeat(100_000) + "a = 1";
    let chain = (2..2_000).fold(String::new(), |text, n| {
        text + &format!(
            "[models.\"powerhouse/document-drive@{n}\"]\nsame-as = \"powerhouse/document-drive@{}\"\n",
            n + 1
        )
    });
    for (text, status) in [
        (deep.as_bytes(), 2),
        (tables.as_bytes(), 2),
        (chain.as_bytes(), 14),
        (b"\xff\xfe", 2),
        (b"\0", 2),
        (b"\"\\ud800\" = 1", 2),
        (b"[models.\"\x1b[2J\"]", 2),
        (b"models = 1e400", 2),
        (b"[models.\"x@99999999999999999999\"]\nsame-as = \"x@1\"", 2),
    ] {
        std::fs::write(env.path("s.toml"), text).unwrap();
        let args = ["--config", "s.toml", "rebuild", "d"];
        let started = Instant::now();
        let run = Run::of(env.snapctl(&args).env("SNAPCTL_STORE", "ops.db"));
        let said = run.fails(status);
        assert!(said.contains("s.toml") && !said.contains("panicked") && !said.contains('\u{1b}'), "{said:.300}");
        assert!(started.elapsed() < TIME);
    }
}

#[test]
fn a_name_of_a_megabyte_is_a_name() {
    let name = "N".repeat(1_000_000);
    let env = TestEnv::with_store(|store| {
        store.drive("d", &name, 1);
        let input = json!({ "id": "x", "name": name });
        store.operation(&Operation::new("d", "global", 1, "ADD_FOLDER", input));
    });
    for args in COMMANDS.into_iter().filter(|args| !args.contains("keyframe")) {
        assert_eq!(run(&env, args).status, 0, "{args}");
    }
}
