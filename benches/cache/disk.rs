//! The disk tier: a hit, a put and a miss, by the size of a document, beside what parsing its text takes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use smallvec::smallvec;
use snapctl::cache::disk::{DiskCache, DiskTier, Settings};
use snapctl::cache::{Cost, Entry, Facts, Head, Lookup, Put, StoreIdentity, Tier as _, Want};
use snapctl::model::ids::{OpIndex, Revision, Scope, StreamKey};
use snapctl::model::json::{Json, canonical, parse};
use snapctl::model::stamp::Stamp;
use snapctl::model::state::{JsonState, State};
use snapctl::model::time::Timestamp;
use snapctl::object;

/// Documents of so many nodes; the last has a megabyte.
const NODES: [(&str, u64); 3] = [("2_kB", 10), ("100_kB", 500), ("1_MB", 5_000)];

pub(crate) fn benches(criterion: &mut Criterion) {
    for (name, nodes) in NODES {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(Arc::new(|| Timestamp::from_millis(0).expect("a time")));
        let tier = DiskCache::open(folder.path(), settings).tier(StoreIdentity::new("/ops.db", ""));
        // More than the one that is looked for.
        let put = |n: u64| Put { entry: Arc::new(entry(&format!("d{n}"), nodes, n)), head: Some(Stamp("s".into())) };
        tier.put(&(0..8).map(put).collect::<Vec<_>>());
        let text = canonical(&state(nodes, 3));

        let mut group = criterion.benchmark_group(format!("disk/{name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("hit", |bencher| bencher.iter(|| assert!(black_box(find(&tier, "d3")))));
        group.bench_function("head", |bencher| {
            bencher.iter(|| black_box(tier.find_head(&stream("d3"), &Stamp("s".into()))).expect("a head"));
        });
        group.bench_function("parse", |bencher| {
            bencher.iter(|| black_box(parse(&text).expect("a text").into_owned()));
        });
        group.bench_function("miss", |bencher| bencher.iter(|| assert!(!black_box(find(&tier, "none")))));
        let mut n = 1_000;
        group.bench_function("put", |bencher| {
            let fresh = || {
                n += 1;
                [put(n)]
            };
            bencher.iter_batched(fresh, |puts| tier.put(&puts), BatchSize::SmallInput);
        });
        group.finish();
    }
}

fn find(tier: &DiskTier, document: &str) -> bool {
    let revision = Some(Revision::of(OpIndex::new(7)));
    let found = tier.find(&Want { stream: &stream(document), revision, fits: &|_| true });
    matches!(found, Lookup::Exact(_))
}

fn stream(document: &str) -> StreamKey {
    StreamKey { document: document.into(), scope: Scope::global(), branch: "main".into() }
}

fn entry(document: &str, nodes: u64, seed: u64) -> Entry {
    let facts = Facts {
        stream: stream(document),
        revision: Some(Revision::of(OpIndex::new(7))),
        operation: Some("7".into()),
        document_type: "note".into(),
        versions: smallvec![1],
        fingerprint: "f".into(),
        heads: vec![Head { scope: Scope::global(), revision: Revision::of(OpIndex::new(7)), operation: "o".into() }],
        newest: None,
        seal: None,
        cost: Cost { operations: 8, elapsed: Duration::from_millis(9) },
    };
    let whole = |value| State::new(JsonState::from_iter([(Scope::global(), value)]));
    let header = object! { "id" => Json::from(document.to_owned()) };
    Entry { facts, header: header.into(), state: whole(state(nodes, seed)), initial: whole(Json::Object(object! {})) }
}

/// A drive with folders, about two hundred bytes each.
fn state(nodes: u64, seed: u64) -> Json<'static> {
    let node = |n: u64| {
        let id = |n: u64| {
            let digits = n.wrapping_add(seed << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            Json::from(format!("{:08x}-7c3d-4a6b-9c1d-{:012x}", digits >> 32, digits & 0xFFFF_FFFF))
        };
        let name = Json::from(format!("Folder number {n} of the season"));
        let kind = ("folder".into(), Json::from("folder".to_owned()));
        let members = vec![
            ("id".into(), id(n)),
            kind,
            ("name".into(), name),
            ("parentFolder".into(), id(n / 7)),
            ("documentType".into(), Json::from("powerhouse/document-drive".to_owned())),
        ];
        Json::Object(members.into_iter().collect())
    };
    object! { "icon" => Json::Null, "name" => Json::from("x".to_owned()), "nodes" => Json::Array((0..nodes).map(node).collect()) }
        .into()
}
