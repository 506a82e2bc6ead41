//! `keyframe write|prune|apply|compact|undo`, killed at any moment while another process appends operations.
//!
//! Each kill comes at a random moment of its own, spread over a run as long as one that nobody kills. After each: SQLite finds the
//! file whole, every operation of which an `import` said that it is committed is there, with all columns, and no other;
//! every keyframe is as it was before or as it is after; `verify` finds nothing; the same command again completes, and
//! once more changes nothing.
//!
//! The suite kills each command a few times. The long form kills each 200 times, half of them in write-ahead mode and half
//! with a rollback journal, 1200 kills in less than ten minutes on two cores:
//!
//! ```text
//! SNAPCTL_CRASH_ROUNDS=200 cargo test --locked --test it keyframe_crash -- --nocapture
//! ```
//!
//! `SNAPCTL_CRASH_SEED=…` repeats the moments of a run, which prints its seed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Write as _;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::Value;
use snapctl::model::ids::{OpIndex, Revision};
use snapctl::store::records::Within;
use snapctl::store::{Codec, Flow, Options, Read, StoreError, answer, sqlite};

use crate::support::TestEnv;
use crate::support::keyframes::{drives, folder};

/// Drives, with so many folders each: every command needs several transactions.
const DRIVES: [&str; 12] = ["d00", "d01", "d02", "d03", "d04", "d05", "d06", "d07", "d08", "d09", "d10", "d11"];
const FOLDERS: u64 = 60;
/// Folders are added to these: a folder to each at a time, as often as this.
const LIVE: [&str; 2] = ["d01", "d08"];
const MOST_ADDED: u64 = 400;
/// Kills of each command in the suite.
const FEW: u64 = 4;
/// From so many kills on, one part in this of them has to come in the middle, in each mode.
const MANY: u64 = 40;
const FAIR: u64 = 10;
/// What waits for the others waits as long as it takes.
const PATIENT: [&str; 4] = ["--store", "ops.db", "--busy-timeout", "60s"];

#[test]
fn a_killed_write_is_finished_by_the_next() {
    Crash::of(&["keyframe", "write", "--every", "1"], |env| sql(env, r#"DELETE FROM "Keyframe""#));
}

#[test]
fn a_killed_prune_is_finished_by_the_next() {
    Crash::of(&["keyframe", "prune", "--keep-every", "30"], |_| ());
}

#[test]
fn a_killed_apply_is_finished_by_the_next() {
    Crash::of(&["keyframe", "apply", "plan.ndjson"], |env| {
        let plan = ["keyframe", "compact", "--keep-every", "2", "--codec", "zstd-delta", "--plan", "plan.ndjson"];
        env.on_store(&plan).ok();
    });
}

#[test]
fn a_killed_compact_is_finished_by_the_next() {
    Crash::of(&["keyframe", "compact", "--keep-every", "3", "--codec", "zstd"], |_| ());
}

#[test]
fn a_killed_vacuum_is_finished_by_the_next() {
    Crash::of(&["keyframe", "compact", "--codec", "zstd-delta", "--vacuum"], |_| ());
}

/// Some bodies are in the history, others are made of the log.
#[test]
fn a_killed_undo_is_finished_by_the_next() {
    Crash::of(&["keyframe", "undo", "1"], |env| {
        env.on_store(&["verify", "--record", "d01", "d02", "d03", "d04"]).ok();
        env.on_store(&["keyframe", "compact", "--keep-every", "2", "--codec", "zstd-delta"]).ok();
    });
}

/// Keyframes by stream and label: how each is stored, and its body.
type Keyframes = BTreeMap<(String, i64), (Codec, Vec<u8>)>;

/// A command that is killed, again and again, on copies of a store.
struct Crash<'a> {
    command: &'a [&'a str],
    env: TestEnv,
    /// The keyframes before, and those after a run to the end while nobody appends.
    before: Keyframes,
    after: Keyframes,
    /// The operations, with all columns, and those that are added, in the order of insertion.
    operations: Vec<Vec<Sql>>,
    n_before: usize,
}

/// Kills, and where they came.
#[derive(Default)]
struct Tally {
    kills: u64,
    /// The process was at work.
    alive: u64,
    /// Some keyframes were as after, and others as before.
    middle: u64,
    appended: u64,
}

impl Crash<'_> {
    /// Kills a command on a store that `prepare` makes of one with right keyframes at all revisions.
    fn of(command: &[&str], prepare: impl Fn(&TestEnv)) {
        let rounds = number("SNAPCTL_CRASH_ROUNDS").unwrap_or(FEW);
        let mut random = Random::new(number("SNAPCTL_CRASH_SEED"));
        let seed = random.0;
        let env = drives(&DRIVES.map(|drive| (drive, FOLDERS)), 1);
        prepare(&env);
        std::fs::copy(env.path("ops.db"), env.path("base.db")).unwrap();
        let mut crash = Crash {
            command,
            before: keyframes(&env),
            after: Keyframes::new(),
            operations: Vec::new(),
            n_before: operations(&env).len(),
            env,
        };
        for (mode, rounds) in [("WAL", rounds.div_ceil(2)), ("DELETE", rounds / 2)] {
            crash.make_base(mode);
            let mut whole = crash.run(None, &mut Tally::default());
            let mut tally = Tally::default();
            let mut round = 0;
            // On a busy machine the first ones may all come too early or too late.
            while round < rounds || tally.middle == 0 && round < 10 * rounds {
                let part = (f64::from(u32::try_from(round % rounds).unwrap()) + random.part()) / as_f64(rounds);
                let took = crash.run(Some(whole.mul_f64(part)), &mut tally);
                // It was faster than the one before.
                if took < whole.mul_f64(part) {
                    whole = whole.mul_f64(0.7) + took.mul_f64(0.3);
                }
                round += 1;
            }
            let Tally { kills, alive, middle, appended } = tally;
            say(&format!(
                "{} ({mode}, seed {seed}): {kills} kills, {alive} at work, {middle} in the middle; {appended} operations \
                 appended; a run takes {} ms",
                command.join(" "),
                whole.as_millis()
            ));
            assert!(middle > 0, "no kill came in the middle");
            assert!(rounds * 2 < MANY || middle * FAIR >= kills, "{middle} of {kills} kills came in the middle");
        }
    }

    /// Makes what every round begins with, what it may end with, and the operations that it may have.
    fn make_base(&mut self, mode: &str) {
        self.reset();
        let env = &self.env;
        sql(env, &format!("PRAGMA journal_mode = {mode}"));
        std::fs::copy(env.path("ops.db"), env.path("base.db")).unwrap();
        assert!(import(env, 0..MOST_ADDED), "an import that nobody disturbs");
        self.operations = operations(env);
        assert_eq!(self.operations.len(), self.n_before + 2 * usize::try_from(MOST_ADDED).unwrap());
        self.reset();
        self.again();
        self.after = keyframes(&self.env);
        let changed = self.keys().filter(|key| self.before.get(key) != self.after.get(key)).count();
        assert!(changed > 256, "it is more than a transaction: {changed}");
        self.reset();
    }

    /// The keys of all keyframes that there are before or after.
    fn keys(&self) -> impl Iterator<Item = &(String, i64)> {
        self.before.keys().chain(self.after.keys().filter(|key| !self.before.contains_key(key)))
    }

    fn reset(&self) {
        for end in ["-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(self.env.path(&format!("ops.db{end}")));
        }
        std::fs::copy(self.env.path("base.db"), self.env.path("ops.db")).unwrap();
    }

    /// Runs it to the end.
    fn again(&self) {
        let args = [self.command, &PATIENT[2..]].concat();
        self.env.on_store(&args).ok();
    }

    /// One kill, after this time, and all that has to hold then. Returns for how long the process was there.
    fn run(&self, kill: Option<Duration>, tally: &mut Tally) -> Duration {
        let env = &self.env;
        self.reset();
        let stop = AtomicBool::new(false);
        let (took, was_killed, added) = std::thread::scope(|scope| {
            let appender = scope.spawn(|| append(env, &stop));
            let mut command = snapctl(env, self.command);
            let start = Instant::now();
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let mut ended = None;
            while ended.is_none() && kill.is_none_or(|kill| start.elapsed() < kill) {
                std::thread::sleep(Duration::from_micros(500));
                ended = child.try_wait().unwrap();
            }
            let took = start.elapsed();
            // SIGKILL, where there are signals.
            child.kill().unwrap();
            let status = child.wait_with_output().unwrap();
            stop.store(true, Ordering::Relaxed);
            let added = appender.join().unwrap();
            assert!(status.status.success() || status.status.code().is_none(), "{status:?}");
            (took, ended.is_none() && !status.status.success(), added)
        });
        let context = format!("{:?} killed after {kill:?}, {added} appended", self.command);
        assert_eq!(check(env), "ok", "{context}");
        self.has_operations(added, &context);
        let left = keyframes(env);
        let (n_before, n_after) = self.each_is_whole(&left, &context);
        let verified = env.on_store(&["verify", "--json"]);
        assert_eq!(verified.status, 0, "{context}: {verified:?}");
        self.again();
        let (n_left, _) = self.each_is_whole(&keyframes(env), &context);
        assert_eq!(n_left, 0, "{context}: the next run completes");
        let once = everything(env);
        self.again();
        assert!(everything(env) == once, "{context}: done again, it does nothing");
        assert_eq!(check(env), "ok", "{context}");
        self.has_operations(added, &context);
        let verified = env.on_store(&["verify", "--json"]);
        assert_eq!(verified.status, 0, "{context}: {verified:?}");
        tally.kills += 1;
        tally.alive += u64::from(was_killed);
        tally.middle += u64::from(n_before > 0 && n_after > 0);
        tally.appended += 2 * added;
        took
    }

    fn has_operations(&self, added: u64, context: &str) {
        let expected = self.n_before + 2 * usize::try_from(added).unwrap();
        assert!(
            operations(&self.env) == self.operations[..expected],
            "{context}: an operation is missing or another one"
        );
    }

    /// Checks that every keyframe is as before or as after, and says of how many that differ it is which.
    fn each_is_whole(&self, left: &Keyframes, context: &str) -> (u64, u64) {
        let (mut n_before, mut n_after) = (0, 0);
        for key in self.keys() {
            let (before, now, after) = (self.before.get(key), left.get(key), self.after.get(key));
            if before == after && now == before {
                continue;
            }
            if now == before {
                n_before += 1;
            } else {
                assert!(is_like(now, after), "{context}: {key:?} is neither as before nor as after");
                n_after += 1;
            }
        }
        for (stream, label) in left.keys().filter(|key| !self.before.contains_key(key) && !self.after.contains_key(key))
        {
            let is_live = stream.strip_suffix("/global").is_some_and(|document| LIVE.contains(&document));
            let is_new = is_live && *label >= i64::try_from(FOLDERS).unwrap();
            assert!(is_new && self.command[1] == "write", "{context}: nobody has written {stream}:{label}");
        }
        (n_before, n_after)
    }
}

/// Whether two are stored alike and of the same state. Their headers say what the document was when they were written, which
/// `verify` looks at.
fn is_like(one: Option<&(Codec, Vec<u8>)>, other: Option<&(Codec, Vec<u8>)>) -> bool {
    let state = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["state"].take();
    match (one, other) {
        (Some((codec, body)), Some((other_codec, other_body))) => {
            codec == other_codec && (body == other_body || state(body) == state(other_body))
        }
        (one, other) => one == other,
    }
}

/// Appends operations, one process after another, until told to stop, and once more then. Returns how often; each was said to
/// be committed.
fn append(env: &TestEnv, stop: &AtomicBool) -> u64 {
    let mut added = 0;
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        // Others have to get their turn too.
        std::thread::sleep(Duration::from_millis(2));
        if added < MOST_ADDED {
            assert!(import(env, added..added + 1), "the import of operation {added}");
            added += 1;
        }
        if is_last {
            return added;
        }
    }
}

/// Adds folders, the nth ones to each drive, in a process of its own, and says whether it said that they are committed.
fn import(env: &TestEnv, nth: Range<u64>) -> bool {
    let mut lines = String::new();
    for n in nth {
        for drive in LIVE {
            writeln!(lines, "{}", folder(drive, FOLDERS + n)).unwrap();
        }
    }
    let mut command = snapctl(env, &["import", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait().unwrap().success()
}

fn snapctl(env: &TestEnv, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.current_dir(env.path(".")).env_clear().env("HOME", env.path("home")).args(args).args(PATIENT);
    command
}

fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

/// What SQLite finds. As the program would that the file belongs to: whoever may write undoes what was not committed.
fn check(env: &TestEnv) -> String {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

/// Every row of a table, in the order of its key.
fn rows(connection: &Connection, table: &str) -> Vec<Vec<Sql>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

fn operations(env: &TestEnv) -> Vec<Vec<Sql>> {
    rows(&Connection::open(env.path("ops.db")).unwrap(), "Operation")
}

/// Every row of every table.
fn everything(env: &TestEnv) -> Vec<(String, Vec<Vec<Sql>>)> {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.into_iter().map(|name| (name.clone(), rows(&connection, &name))).collect()
}

fn keyframes(env: &TestEnv) -> Keyframes {
    let store = sqlite::open(&env.path("ops.db"), &Options::default()).unwrap();
    answer::<_, StoreError>(&store, |read: &dyn Read| {
        let mut known = Vec::new();
        read.records().inventory(Within::Everything, &mut |kept| {
            known.push((kept.stream.clone(), kept.label, kept.known.map_or(Codec::Json, |known| known.codec)));
            Flow::Continue(())
        })?;
        let mut keyframes = Keyframes::new();
        for (stream, label, codec) in known {
            let revision = Revision::of(OpIndex::new(label.unsigned_abs()));
            let body = read.keyframe_document(&stream, revision)?.expect("it is there");
            keyframes.insert((stream.to_string(), label), (codec, body));
        }
        Ok(keyframes)
    })
    .unwrap()
}

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn new(seed: Option<u64>) -> Self {
        Random(seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish() >> 16))
    }

    /// A number from 0 to 1.
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

fn as_f64(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "how long a test takes is up to who runs it")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[expect(clippy::print_stdout, reason = "with --nocapture it is the report of the long form")]
fn say(text: &str) {
    println!("{text}");
}
