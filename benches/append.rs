//! Appending beside plain inserts of the same rows in the same transactions, and what the tiers bring to it.
//!
//! `--test` runs everything once on small data; words pick parts: inserts, jobs, hits, memory, slow, keyframes.
#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use snapctl::cache::disk::{DiskCache, Settings as DiskSettings};
use snapctl::cache::memory::{Bounds, MemoryTier};
use snapctl::cache::{Reads, StoreIdentity, Tier, TierStats};
use snapctl::executor::{
    Appender, Creation, KeyframesBehind, Keyframing, Means, NoKeyframes, Request, Rules, Spacing, TierBehind,
};
use snapctl::keyframe::KeyframeSink;
use snapctl::model::ids::{Branch, Fingerprint, Scope, StreamKey};
use snapctl::model::json::Json;
use snapctl::model::operation::Action;
use snapctl::model::progress::Silent;
use snapctl::model::state::State;
use snapctl::model::time::Timestamp;
use snapctl::queue::{Counts, Limits};
use snapctl::reducer::native::drive;
use snapctl::reducer::{Fold, FoldError, Model, ModelKind, Outcome, Registry};
use snapctl::replay::{Goal, Position, Sources, Takes, Tiers, Trust, entry_at, state_at};
use snapctl::store::{Access, Options, Store, Stores};

use support::Random;

const DRIVE: &str = "powerhouse/document-drive";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == FILL) {
        return fill(args[at + 1].parse().expect("mebibytes"), args[at + 2].parse().expect("documents"));
    }
    let short = args.iter().any(|arg| arg == "--test");
    let words: Vec<&String> = args.iter().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| part.contains(word.as_str()));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    if is_wanted("inserts") {
        let (documents, actions) = if short { (20, 200) } else { (1_000, 50_000) };
        for batch in [1, 100, 1_000] {
            // One transaction an operation is the time of the disk; fewer of them say as much.
            let actions = if batch == 1 { actions / 10 } else { actions };
            let log = Log::uniform(documents, actions);
            let name = format!("{documents} documents, {batch} a transaction");
            beside_inserts(&at(&format!("wide-{batch}")), &name, &log, batch);
        }
        let growing = if short { 300 } else { 20_000 };
        let name = format!("one drive growing to {growing} nodes, 100 a transaction");
        beside_inserts(&at("growing"), &name, &Log::growing(growing), 100);
    }
    if is_wanted("jobs") {
        let (documents, actions) = if short { (100, 1_000) } else { (5_000, 100_000) };
        job_executor(directory.path(), documents, actions, short);
    }
    if is_wanted("hits") {
        hits(&at("hits"), short);
    }
    if is_wanted("memory") {
        memory(if short { 200 } else { 4_000 });
    }
    if is_wanted("slow") {
        slow_reducer(&at("slow"), if short { 200 } else { 5_000 });
    }
    if is_wanted("keyframes") {
        let (actions, rounds) = if short { (500, 1) } else { (20_000, 7) };
        keyframes_cost(directory.path(), actions, rounds);
    }
}

/// Who asks what of whom.
struct Log {
    documents: Vec<String>,
    /// Document and action.
    actions: Vec<(usize, String)>,
}

impl Log {
    fn of(documents: usize, actions: usize, mut next: impl FnMut(&mut Random) -> usize) -> Self {
        let mut random = Random::seeded(11);
        let documents: Vec<String> = (0..documents).map(|_| random.uuid()).collect();
        let mut known: Vec<u64> = vec![0; documents.len()];
        let action = |_| {
            let document = next(&mut random);
            let text = action(&mut random, &mut known[document]);
            (document, text)
        };
        Log { actions: (0..actions).map(action).collect(), documents }
    }

    /// Every document as often as the others.
    fn uniform(documents: usize, actions: usize) -> Self {
        Log::of(documents, actions, |random| random.below(documents))
    }

    /// The n-th document about 1/n as often as the first (Zipf).
    fn zipf(documents: usize, actions: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "weights")]
        let weights: Vec<f64> = (1..=documents).map(|rank| 1.0 / rank as f64).collect();
        let mut sums = Vec::with_capacity(documents);
        let mut sum = 0.0;
        for weight in weights {
            sum += weight;
            sums.push(sum);
        }
        Log::of(documents, actions, move |random| {
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let at = (random.next() >> 11) as f64 / (1_u64 << 53) as f64 * sum;
            sums.partition_point(|until| *until < at).min(documents - 1)
        })
    }

    /// One drive that only grows.
    fn growing(actions: usize) -> Self {
        let mut random = Random::seeded(12);
        let documents = vec![random.uuid()];
        let mut known = 0;
        let folder = |_| (0, add(&mut random, &mut known));
        Log { actions: (0..actions).map(folder).collect(), documents }
    }
}

fn add(random: &mut Random, known: &mut u64) -> String {
    *known += 1;
    let (id, action) = (random.uuid(), random.uuid());
    format!(
        r#"{{"id":"{action}","input":{{"id":"{id}","name":"Folder {known}","parentFolder":null}},"scope":"global","timestampUtcMs":"2025-06-01T12:00:00.000Z","type":"ADD_FOLDER"}}"#
    )
}

/// A small change of a small drive.
fn action(random: &mut Random, known: &mut u64) -> String {
    if *known < 20 || random.below(8) == 0 {
        return add(random, known);
    }
    let (action, name) = (random.uuid(), random.below(1_000));
    format!(
        r#"{{"id":"{action}","input":{{"name":"Drive {name}"}},"scope":"global","timestampUtcMs":"2025-06-01T12:00:00.000Z","type":"SET_DRIVE_NAME"}}"#
    )
}

/// A store with documents that nothing has happened to, and all that appending works with.
struct Bed {
    store: Arc<dyn Store>,
    registry: Registry,
    memory: Option<Arc<MemoryTier>>,
    tiers: Tiers,
    ids: AtomicU64,
    time: AtomicI64,
}

impl Bed {
    fn new(path: &Path, log: &Log, bounds: Option<Bounds>) -> Self {
        let options = Options { access: Access::Change, ..Options::default() };
        let store = Stores::built_in().create(path.to_str().expect("a path"), &options).expect("a new store");
        Connection::open(path).and_then(|file| file.pragma_update(None, "journal_mode", "wal")).expect("a log");
        drop(store);
        let store = Stores::built_in().open(path.to_str().expect("a path"), &options).expect("the store");
        let memory = bounds.map(|bounds| Arc::new(MemoryTier::new(bounds)));
        let tiers = Tiers::new(memory.iter().map(|tier| tier.clone() as Arc<dyn Tier>).collect());
        let bed = Bed { store, registry: Registry::built_in(), memory, tiers, ids: 0.into(), time: 0.into() };
        let creation = Creation { document_type: DRIVE.into(), name: String::new(), slug: String::new() };
        bed.with_appender(|appender| {
            for documents in log.documents.chunks(100) {
                let new_id = || bed.id();
                let made = documents.iter().flat_map(|document| {
                    let branch = Branch::main();
                    let id = document.as_str().into();
                    creation.requests(&id, &branch, &bed.registry, bed.now(), &new_id).expect("a model")
                });
                let made: Vec<Request<'_>> = made.collect();
                assert!(appender.append(&made, &Silent).expect("documents").iter().all(Result::is_ok));
            }
        });
        bed
    }

    fn id(&self) -> String {
        format!("{:032x}", self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_750_000_000_000 + self.time.fetch_add(1, Ordering::Relaxed)).expect("a time")
    }

    fn with_appender<T>(&self, work: impl FnOnce(&mut Appender<'_>) -> T) -> T {
        self.with_appender_of(&NoKeyframes, work)
    }

    /// Keyframes at every tenth revision, behind the operations.
    fn behind(&self) -> KeyframesBehind {
        let clock = || Timestamp::from_millis(1_750_000_000_000).expect("a time");
        let sink = KeyframeSink::new(self.store.clone(), "bench".to_owned(), clock);
        KeyframesBehind::start(Spacing::default(), Limits::default(), sink).expect("a thread")
    }

    fn with_appender_of<T>(&self, keyframes: &dyn Keyframing, work: impl FnOnce(&mut Appender<'_>) -> T) -> T {
        let (clock, new_id) = (|| self.now(), || self.id());
        let means = Means {
            store: &*self.store,
            registry: &self.registry,
            trust: Trust::default(),
            tiers: &self.tiers,
            clock: &clock,
            new_id: &new_id,
            keyframes,
        };
        work(&mut Appender::new(&means, Rules::default()))
    }
}

/// Appends a log, and inserts the same rows into a copy of the store as it was before.
fn beside_inserts(path: &Path, name: &str, log: &Log, batch: usize) {
    let bed = Bed::new(path, log, Some(Bounds { streams: 2_000.try_into().expect("not 0"), ..Bounds::default() }));
    let file = Connection::open(path).expect("the store");
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
    let copy = path.with_extension("copy");
    std::fs::copy(path, &copy).expect("a copy");
    let first: i64 = file.query_row(r#"SELECT max("id") FROM "Operation""#, [], |row| row.get(0)).expect("a row");
    let start = Instant::now();
    let hashed = bed.with_appender(|appender| {
        for actions in log.actions.chunks(batch) {
            let requests: Vec<Request<'_>> = actions.iter().map(|action| request(log, action)).collect();
            assert!(appender.append(&requests, &Silent).expect("appended").iter().all(Result::is_ok));
        }
        appender.hashed()
    });
    let appended = start.elapsed();
    let inserted = insert(path, &copy, first, batch);
    let n = log.actions.len();
    println!(
        "{name}: {n} appended in {appended:.2?} ({:.0}/s), inserted in {inserted:.2?} ({:.0}/s): {:.2} of their rate; {} bytes hashed an operation, {} written",
        rate(n, appended),
        rate(n, inserted),
        inserted.as_secs_f64() / appended.as_secs_f64(),
        hashed.hashed_bytes / n as u64,
        hashed.written_bytes / n as u64,
    );
}

fn request<'a>(log: &Log, (document, text): &'a (usize, String)) -> Request<'a> {
    let action = Action::parse(text.as_bytes()).expect("an action");
    let document = log.documents[*document].as_str().into();
    Request::of(document, Branch::main(), action, &String::new, Timestamp::from_millis(0).expect("a time"))
        .expect("a request")
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(n: usize, took: Duration) -> f64 {
    n as f64 / took.as_secs_f64()
}

/// A row, all columns but its number.
type Row =
    (String, String, String, String, String, String, String, String, String, i64, String, i64, Option<String>, String);

/// Inserts the rows after `first` of one store into another, so many a transaction, with the prepared statement that a program
/// would use which has them.
fn insert(from: &Path, to: &Path, first: i64, batch: usize) -> Duration {
    const COLUMNS: &str = r#""jobId","opId","prevOpId","writeTimestampUtcMs","documentId","documentType","scope","branch","timestampUtcMs","index","action","skip","error","hash""#;
    let from = Connection::open(from).expect("the store");
    let mut select =
        from.prepare(&format!(r#"SELECT {COLUMNS} FROM "Operation" WHERE "id" > ?1 ORDER BY "id""#)).expect("rows");
    let rows = select.query_map([first], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
            row.get(7)?,
            row.get(8)?,
            row.get(9)?,
            row.get(10)?,
            row.get(11)?,
            row.get(12)?,
            row.get(13)?,
        ))
    });
    let rows: Vec<Row> = rows.expect("rows").collect::<Result<_, _>>().expect("rows");
    let to = Connection::open(to).expect("the copy");
    to.pragma_update(None, "journal_mode", "wal").expect("a log");
    let marks = (1..=14).map(|n| format!("?{n}")).collect::<Vec<_>>().join(",");
    let sql = format!(r#"INSERT INTO "Operation" ({COLUMNS}) VALUES ({marks})"#);
    let start = Instant::now();
    for rows in rows.chunks(batch) {
        to.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        let mut insert = to.prepare_cached(&sql).expect("a statement");
        for (job, op, previous, written, document, kind, scope, branch, time, index, action, skip, error, hash) in rows
        {
            insert
                .execute(params![
                    job, op, previous, written, document, kind, scope, branch, time, index, action, skip, error, hash
                ])
                .expect("a row");
        }
        to.execute_batch("COMMIT").expect("a commit");
    }
    start.elapsed()
}

/// What a job executor has in front of its store.
#[derive(Clone, Copy)]
enum Front {
    Nothing,
    Memory,
    /// Behind the memory tier, a disk tier that is written behind the answers.
    MemoryAndDisk,
}

/// What became of the work of a job executor.
struct Job {
    took: Duration,
    reads: Reads,
    memory: TierStats,
    disk: Counts,
}

/// A job executor: reads a document, applies an action, writes; each action a transaction.
fn job_executor(directory: &Path, documents: usize, actions: usize, short: bool) {
    let log = Log::zipf(documents, actions);
    let few = if short { actions } else { actions / 10 };
    let runs = [
        ("memory", Front::Memory, actions),
        ("memory and disk", Front::MemoryAndDisk, actions),
        ("memory and disk", Front::MemoryAndDisk, few),
        ("no tiers", Front::Nothing, few),
    ];
    for (n, (name, front, actions)) in runs.into_iter().enumerate() {
        let path = directory.join(format!("jobs-{n}"));
        let Job { took, reads, memory, disk } = job(&path, &log, front, actions);
        println!(
            "job executor, {documents} documents (Zipf), {name}: {actions} actions in {took:.2?} ({:.0}/s); of {} reads {} exact, {} from an older state, {} rows read; memory: {} of {} exact, {} bytes of {}; {} put into the file, {} coalesced",
            rate(actions, took),
            reads.requests,
            reads.exact,
            reads.below,
            reads.operations_read,
            memory.exact,
            reads.requests,
            memory.bytes,
            memory.bytes_most,
            disk.written,
            disk.coalesced,
        );
    }
}

fn job(path: &Path, log: &Log, front: Front, actions: usize) -> Job {
    let mut bed = Bed::new(path, log, None);
    let memory = Arc::new(MemoryTier::new(Bounds::default()));
    let clock = Arc::new(|| Timestamp::from_millis(1_750_000_000_000).expect("a time"));
    let disk = DiskCache::open(&path.with_extension("cache"), DiskSettings::new(clock));
    let disk = Arc::new(disk.tier(StoreIdentity::new(path.to_str().expect("a path"), "")));
    let behind = Arc::new(TierBehind::start(disk).expect("a thread"));
    bed.tiers = match front {
        Front::Nothing => Tiers::default(),
        Front::Memory => Tiers::new(vec![memory.clone()]),
        Front::MemoryAndDisk => Tiers::new(vec![memory.clone()]).and(behind.clone(), Takes::ALL),
    };
    let start = Instant::now();
    bed.with_appender(|appender| {
        for action in &log.actions[..actions] {
            assert!(appender.append(&[request(log, action)], &Silent).expect("appended")[0].is_ok());
        }
    });
    let took = start.elapsed();
    let reads = bed.tiers.reads();
    drop(bed);
    let behind = Arc::into_inner(behind).expect("the tiers are gone");
    Job { took, reads, memory: memory.stats(), disk: behind.shutdown(Duration::from_secs(600)).counts }
}

/// What an exact hit at a known stamp takes.
fn hits(path: &Path, short: bool) {
    let log = Log::uniform(1_000, 1_000);
    let bed = Bed::new(path, &log, Some(Bounds::default()));
    let memory = bed.memory.clone().expect("a tier");
    let (registry, branch, scope) = (&bed.registry, Branch::main(), Scope::document());
    let read = bed.store.read().expect("a moment");
    let stamp = read.stamp().expect("a stamp");
    let sources = Sources { read: &*read, registry, trust: Trust::default(), progress: &Silent };
    let streams: Vec<StreamKey> = log
        .documents
        .iter()
        .map(|document| StreamKey { document: document.as_str().into(), scope: scope.clone(), branch: branch.clone() })
        .collect();
    for stream in &streams {
        let goal = Goal { document: &stream.document, branch: &branch, scope: &scope, position: Position::Head };
        let heads = read.streams(&stream.document).expect("streams");
        entry_at(&sources, &bed.tiers, goal, &heads).expect("a state");
    }
    let n = if short { 1_000 } else { 1_000_000 };
    let start = Instant::now();
    let found = (0..n).filter(|n| memory.find_head(&streams[n * 7 % streams.len()], &stamp).is_some()).count();
    let took = start.elapsed();
    assert_eq!(found, n);
    println!(
        "an exact hit in memory at a known stamp, 1,000 streams: {:.0} ns",
        took.as_secs_f64() * 1e9 / rate(n, Duration::from_secs(1))
    );
}

/// What the tier takes of memory, beside its bound: each bound in a process of its own, since freed memory stays with its process.
fn memory(documents: usize) {
    let resident = |megabytes: u64| -> (u64, u64, u64) {
        let program = std::env::current_exe().expect("this program");
        let output = std::process::Command::new(program)
            .args([FILL, &megabytes.to_string(), &documents.to_string()])
            .output()
            .expect("a process");
        let text = String::from_utf8(output.stdout).expect("numbers");
        let numbers: Vec<u64> = text.split_whitespace().map(|text| text.parse().expect("a number")).collect();
        (numbers[0], numbers[1], numbers[2])
    };
    let (without, ..) = resident(0);
    for megabytes in [8, 16, 32, 64] {
        let (with, bytes, entries) = resident(megabytes);
        println!(
            "memory tier of {megabytes} MiB: {entries} entries, {:.1} MiB by its own account; the process has {:.1} MiB more than without it",
            mebibytes(bytes),
            mebibytes(with.saturating_sub(without)),
        );
    }
}

const FILL: &str = "--fill";

/// Appends to many documents through a tier of so many mebibytes, and prints what the process and the tier have then.
fn fill(megabytes: u64, documents: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = Log::uniform(documents, documents * 30);
    let bounds = Bounds { bytes: megabytes << 20, ..Bounds::default() };
    let bed = Bed::new(&directory.path().join("store"), &log, Some(bounds));
    bed.with_appender(|appender| {
        for actions in log.actions.chunks(1_000) {
            let requests: Vec<Request<'_>> = actions.iter().map(|action| request(&log, action)).collect();
            appender.append(&requests, &Silent).expect("appended");
        }
    });
    let stats = bed.memory.as_ref().map(|memory| memory.stats()).expect("a tier");
    println!("{} {} {}", resident(), stats.bytes, stats.entries);
}

#[expect(clippy::cast_precision_loss, reason = "a size")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Bytes of the process in memory, as Linux tells them; 0 elsewhere.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// A drive whose reducer takes a tenth of a millisecond, as one behind an engine may.
struct Slow;

struct SlowFold(Box<dyn Fold>);

impl Model for Slow {
    fn kind(&self) -> ModelKind {
        ModelKind::JavaScript
    }

    fn fingerprint(&self) -> Fingerprint {
        "slow".into()
    }

    fn initial(&self) -> Vec<(Scope, Json<'static>)> {
        drive::Drive.initial()
    }

    fn fold(&self) -> Result<Box<dyn Fold>, FoldError> {
        Ok(Box::new(SlowFold(drive::Drive.fold()?)))
    }
}

impl Fold for SlowFold {
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        let until = Instant::now() + Duration::from_micros(100) * u32::try_from(actions.len()).unwrap_or(u32::MAX);
        self.0.apply(actions, outcomes)?;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<State, FoldError> {
        self.0.checkpoint()
    }

    fn restore(&mut self, state: &State) -> Result<(), FoldError> {
        self.0.restore(state)
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        self.0.set_scope(scope, state)
    }
}

/// A cold rebuild with and without the keyframes that appending has left.
fn slow_reducer(path: &Path, actions: usize) {
    let log = Log::uniform(1, actions);
    let mut bed = Bed::new(path, &log, Some(Bounds::default()));
    bed.registry.insert(drive::id(), Arc::new(Slow));
    let behind = bed.behind();
    bed.with_appender_of(&behind, |appender| append_all(appender, &log, 100));
    let ended = behind.shutdown(Duration::from_secs(600));
    assert!(ended.is_complete(), "all keyframes are written");
    let rebuild = |trust| {
        let read = bed.store.read().expect("a moment");
        let sources = Sources { read: &*read, registry: &bed.registry, trust, progress: &Silent };
        let (document, branch, scope) = (log.documents[0].as_str().into(), Branch::main(), Scope::global());
        let goal = Goal { document: &document, branch: &branch, scope: &scope, position: Position::Head };
        let start = Instant::now();
        let snapshot = state_at(&sources, goal).expect("a state");
        (start.elapsed(), snapshot.explain.operations_applied)
    };
    let ((without, all), (with, few)) = (rebuild(Trust::None), rebuild(Trust::Verified));
    println!(
        "a cold rebuild of {actions} operations at 0.1 ms each: {without:.2?} ({all} applied), from a keyframe {with:.2?} ({few} applied): {:.0} times faster",
        without.as_secs_f64() / with.as_secs_f64(),
    );
}

/// What keyframes add to the time of appending: pairs of runs, one of each, the median of their ratios.
fn keyframes_cost(directory: &Path, actions: usize, rounds: usize) {
    let log = Log::uniform(200, actions);
    let run = |name: &str, keyframes: bool, batch: usize| {
        let bed = Bed::new(&directory.join(name), &log, Some(Bounds::default()));
        let behind = bed.behind();
        let start = Instant::now();
        let rules: &dyn Keyframing = if keyframes { &behind } else { &NoKeyframes };
        bed.with_appender_of(rules, |appender| append_all(appender, &log, batch));
        let appended = start.elapsed().as_secs_f64();
        let counts = behind.shutdown(Duration::from_secs(600)).counts;
        (appended, start.elapsed().as_secs_f64(), counts.written)
    };
    for batch in [1, 100] {
        let (mut ratios, mut whole_ratios, mut n) = (Vec::new(), Vec::new(), 0);
        for round in 0..rounds {
            let name = |keyframes| format!("keyframes-{batch}-{round}-{keyframes}");
            let pair = |keyframes| run(&name(keyframes), keyframes, batch);
            let (without, with) = if round % 2 == 0 {
                let without = pair(false);
                (without, pair(true))
            } else {
                let with = pair(true);
                (pair(false), with)
            };
            ratios.push(with.0 / without.0);
            whole_ratios.push(with.1 / without.1);
            n = with.2;
        }
        println!(
            "{actions} actions to 200 documents, {batch} a transaction, {n} keyframes behind them: {:+.1} % of the time of appending, {:+.1} % until all were written (medians of {rounds} pairs)",
            (median(ratios) - 1.0) * 100.0,
            (median(whole_ratios) - 1.0) * 100.0,
        );
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn append_all(appender: &mut Appender<'_>, log: &Log, batch: usize) {
    for actions in log.actions.chunks(batch) {
        let requests: Vec<Request<'_>> = actions.iter().map(|action| request(log, action)).collect();
        assert!(appender.append(&requests, &Silent).expect("appended").iter().all(Result::is_ok));
    }
}
