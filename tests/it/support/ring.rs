//! The write cache of the reference (reactor format §6.1, §6.2, §6.6) on top of the library: rings of snapshots that are
//! continued with the rows since, and keyframes that it writes on the way.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use snapctl::model::ids::{Branch, DocumentId, NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use snapctl::model::json::{Json, Object, canonical};
use snapctl::model::operation::Action;
use snapctl::model::progress::Silent;
use snapctl::model::state::State;
use snapctl::object;
use snapctl::reducer::protocol::gc::Slot;
use snapctl::reducer::protocol::{Actions, Carried, Document, Header, ProtocolError, RowHead};
use snapctl::reducer::{ModelId, Registry};
use snapctl::replay::{Goal, Position, Rejection, ReplayError, Sources, Trust, document_as_reactor, state_as_reactor};
use snapctl::store::{NewKeyframe, Order, Store};

use super::logs::scopes;

/// A document as the cache holds or returns it.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) header: Object<'static>,
    pub(crate) state: State,
    initial: Option<State>,
    pub(crate) operations: Vec<(Scope, Vec<Carried>)>,
}

struct Cached {
    revision: i64,
    head: bool,
    document: Snapshot,
}

/// The sizes of a cache.
pub(crate) struct Sizes {
    pub(crate) streams: usize,
    pub(crate) ring: usize,
    pub(crate) keyframe_interval: i64,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes { streams: 100, ring: 10, keyframe_interval: 10 }
    }
}

/// The cache of one document on its branch `main`.
pub(crate) struct Ring<'a> {
    store: &'a dyn Store,
    registry: &'a Registry,
    sizes: Sizes,
    /// The streams, the one that was used last at the end.
    streams: Vec<(Scope, Vec<Cached>)>,
    /// `scope@revision` of the keyframes that the last read wrote.
    pub(crate) written: Vec<String>,
}

impl<'a> Ring<'a> {
    pub(crate) fn new(store: &'a dyn Store, registry: &'a Registry, sizes: Sizes) -> Self {
        Ring { store, registry, sizes, streams: Vec::new(), written: Vec::new() }
    }

    /// Drops what is kept of a stream.
    pub(crate) fn invalidate(&mut self, scope: &Scope) {
        self.streams.retain(|(name, _)| name != scope);
    }

    /// Reads a scope at a position; `None` is its head.
    pub(crate) fn get(&mut self, scope: &Scope, target: Option<i64>) -> Result<Snapshot, ReplayError> {
        self.written.clear();
        if let Some(at) = self.streams.iter().position(|(name, _)| name == scope) {
            let ring = &self.streams[at].1;
            let found = match target {
                None => ring.iter().max_by_key(|cached| cached.revision),
                Some(target) => ring
                    .iter()
                    .rfind(|cached| cached.revision == target)
                    .or_else(|| nearest(ring.iter().filter(|cached| cached.revision < target))),
            };
            let exact = |cached: &&Cached| target.map_or(cached.head, |target| cached.revision == target);
            if let Some(hit) = found.filter(exact) {
                let document = hit.document.clone();
                self.touch(at);
                return Ok(document);
            }
            if let Some(base) = found {
                let (revision, document) = (base.revision, base.document.clone());
                let document = self.warm(scope, revision, document, target)?;
                self.store(scope, target, &document);
                return Ok(document);
            }
        }
        let document = self.cold(scope, target)?;
        self.store(scope, target, &document);
        Ok(document)
    }

    fn touch(&mut self, at: usize) {
        let stream = self.streams.remove(at);
        self.streams.push(stream);
    }

    fn goal(scope: &Scope, target: Option<i64>) -> (DocumentId, Branch, Scope, Position) {
        let at = |target: i64| u64::try_from(target).ok().map(|target| Revision::of(OpIndex::new(target)));
        let position = target.map_or(Position::Head, |target| Position::At(at(target)));
        ("d".into(), Branch::main(), scope.clone(), position)
    }

    fn cold(&self, scope: &Scope, target: Option<i64>) -> Result<Snapshot, ReplayError> {
        let read = self.store.read().unwrap();
        let sources = Sources { read: &*read, registry: self.registry, trust: Trust::default(), progress: &Silent };
        let (document, branch, scope, position) = Self::goal(scope, target);
        let goal = Goal { document: &document, branch: &branch, scope: &scope, position };
        let answer = document_as_reactor(&sources, goal);
        // The same without a history, or with as much of it as it takes.
        let plain = state_as_reactor(&sources, goal);
        let mut document = match (answer, plain) {
            (Ok(document), Ok(plain)) => {
                assert_eq!(document.header().to_object(), plain.header);
                let mut document = document;
                assert_eq!(format!("{:?}", document.state().unwrap()), format!("{:?}", plain.state));
                document
            }
            (Err(error), Err(plain)) => {
                assert_eq!(error.to_string(), plain.to_string());
                return Err(error);
            }
            (answer, plain) => panic!("{:?} and {:?}", answer.err(), plain.map(|plain| plain.state)),
        };
        Ok(self.snapshot(&mut document, &scope))
    }

    /// Goes on from a snapshot, unless something happened in the document scope since.
    fn warm(&self, scope: &Scope, revision: i64, base: Snapshot, target: Option<i64>) -> Result<Snapshot, ReplayError> {
        let read = self.store.read().unwrap();
        let next = |scope: &str| base.header.get("revision").and_then(|all| all.get(scope)).and_then(Json::as_number);
        let document_next = index(next("document").unwrap_or_default());
        let spine = stream(&Scope::document());
        let since = Span { from: NextIndex::new(document_next), through: None };
        let mut moved = false;
        read.operations(&spine, since, Order::Forward, &mut |_| {
            moved = true;
            ControlFlow::Break(())
        })?;
        if moved {
            return self.cold(scope, target);
        }
        let text = |member: &str| base.header.get(member).and_then(|text| text.as_text()?.as_str()).unwrap_or_default();
        let Some(spine_state) = base.state.scope("document") else {
            let message = "Cannot read properties of undefined (reading 'version')".to_owned();
            return Err(ReplayError::Rejected { stream: spine, index: None, rejection: Rejection::Other, message });
        };
        let version = spine_state.get("version").and_then(Json::as_number);
        let version = version.filter(|version| *version > 0.0).map_or(1, |version| index(version).try_into().unwrap());
        let model = self.registry.model(&ModelId { document_type: text("documentType").into(), version })?;
        let mut fold = model.fold()?;
        fold.restore(&base.state)?;
        let mut document = Document::reopen(Header::stored(&base.header), base.initial.as_ref(), fold).unwrap();
        for (scope, operations) in base.operations {
            document.carry(scope, operations);
        }
        document.set_stream(scope);
        let mut rows = Rows::default();
        let from = u64::try_from(revision + 1).unwrap_or(0);
        let through = target.map(|target| OpIndex::new(u64::try_from(target).unwrap_or(0)));
        let mut failed = None;
        let visit = Span { from: NextIndex::new(from), through };
        let mut all = Vec::new();
        if target != Some(-1) {
            read.operations(&stream(scope), visit, Order::Forward, &mut |row| {
                let head = RowHead {
                    index: row.index,
                    skip: row.skip.map_or(0, std::num::NonZeroU32::get),
                    denied: row.denied.is_some(),
                    failed: row.error.is_some(),
                };
                all.push((head, Action::parse(row.action).unwrap().into_owned()));
                ControlFlow::Continue(())
            })?;
        }
        for (head, action) in all {
            let reached = through == Some(head.index);
            rows.0.insert(head.index, action.clone());
            if let Err(error) = document.replay(&[head], &[action], &mut rows) {
                failed = Some((head.index, error));
            }
            if reached || failed.is_some() {
                break;
            }
        }
        if let Some((index, error)) = failed {
            let message = format!("Failed to rebuild document d: {error}");
            let (stream, index, rejection) = (stream(scope), Some(index), Rejection::Other);
            return Err(ReplayError::Rejected { stream, index, rejection, message });
        }
        let streams = read.streams(&"d".into())?;
        let heads = streams.iter().filter(|head| head.branch == Branch::main());
        let header = document.header_mut();
        header.set_revisions(heads.clone().map(|head| (head.scope.clone(), head.head.next())).collect());
        if let Some(target) = target {
            header.set_revision(scope, NextIndex::new(u64::try_from(target + 1).unwrap_or(0)));
        }
        let times = heads.filter_map(|head| read.newest_time(&stream(&head.scope), Span::ALL).unwrap());
        if let Some(newest) = times.max() {
            header.set_last_modified(newest.to_string().into());
        }
        Ok(self.snapshot(&mut document, scope))
    }

    /// The document with its operations as they are.
    fn snapshot(&self, document: &mut Document, scope: &Scope) -> Snapshot {
        let read = self.store.read().unwrap();
        let row = |at: OpIndex| {
            let mut found = None;
            let span = Span { from: NextIndex::new(at.get()), through: Some(at) };
            read.operations(&stream(scope), span, Order::Forward, &mut |row| {
                found = Some(Action::parse(row.action).unwrap().into_owned());
                ControlFlow::Break(())
            })
            .unwrap();
            found.expect("a row that was replayed")
        };
        let operations = document.histories().map(|(scope, held)| {
            let carried = held.into_iter().map(|held| Carried {
                slot: held.slot,
                denied: held.denied,
                // An operation that was stored without an action has one without a type here.
                action: Some(held.recorded.map_or_else(|| row(held.row), |recorded| recorded.action.clone()))
                    .filter(|action| !action.kind.is_empty()),
            });
            (scope.clone(), carried.collect())
        });
        let operations = operations.collect();
        Snapshot {
            header: document.header().to_object(),
            initial: document.known_initial().cloned(),
            operations,
            state: document.state().unwrap(),
        }
    }

    /// Keeps a snapshot with the last operation of each scope, and writes a keyframe where one is due.
    fn store(&mut self, scope: &Scope, target: Option<i64>, document: &Snapshot) {
        let next = document.header.get("revision").and_then(|all| all.get(scope.as_str())).and_then(Json::as_number);
        let next = i64::try_from(index(next.unwrap_or_default())).unwrap();
        let revision = target.unwrap_or(next - 1);
        let mut kept = document.clone();
        for (_, operations) in &mut kept.operations {
            operations.drain(..operations.len().saturating_sub(1));
        }
        let cached = Cached { revision, head: target.is_none(), document: kept };
        let at = self.streams.iter().position(|(name, _)| name == scope).unwrap_or_else(|| {
            if self.streams.len() >= self.sizes.streams {
                self.streams.remove(0);
            }
            self.streams.push((scope.clone(), Vec::new()));
            self.streams.len() - 1
        });
        let ring = &mut self.streams[at].1;
        if ring.len() == self.sizes.ring {
            ring.remove(0);
        }
        ring.push(cached);
        self.touch(at);
        if revision > 0 && revision % self.sizes.keyframe_interval == 0 {
            self.write_keyframe(scope, revision, document);
        }
    }

    fn write_keyframe(&mut self, scope: &Scope, revision: i64, document: &Snapshot) {
        let mut body = object! {
            "header" => document.header.clone(),
            "state" => scopes(&document.state),
            "operations" => Object::new(),
            "clipboard" => Json::Array(Vec::new()),
        };
        if let Some(initial) = &document.initial {
            body.insert("initialState".into(), Json::Object(scopes(initial)));
        }
        let body = Json::Object(body);
        let document_type = document.header.get("documentType").and_then(Json::as_text).unwrap();
        let mut write = self.store.write().unwrap();
        let keyframe = NewKeyframe {
            stream: &stream(scope),
            revision: Revision::of(OpIndex::new(u64::try_from(revision).unwrap())),
            document_type: &document_type.as_str().unwrap().into(),
            document: &canonical(&body),
            created: super::logs::time(0),
        };
        write.put_keyframe(&keyframe).unwrap();
        write.commit().unwrap();
        self.written.push(format!("{scope}@{revision}"));
    }
}

/// The snapshot with the greatest revision; of several the first.
fn nearest<'c>(snapshots: impl Iterator<Item = &'c Cached>) -> Option<&'c Cached> {
    snapshots.fold(None, |nearest: Option<&Cached>, cached| match nearest {
        Some(nearest) if nearest.revision >= cached.revision => Some(nearest),
        _ => Some(cached),
    })
}

/// What an operation shows of itself: index, skip, type, and whether it was denied.
pub(crate) fn shown(operation: &Carried) -> (u64, u32, String, bool) {
    let Slot { index, skip, .. } = operation.slot;
    (
        index,
        skip,
        operation.action.as_ref().map_or_else(String::new, |action| action.kind.to_string()),
        operation.denied,
    )
}

fn stream(scope: &Scope) -> StreamKey {
    StreamKey { document: "d".into(), scope: scope.clone(), branch: Branch::main() }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "headers hold small whole numbers")]
fn index(number: f64) -> u64 {
    number as u64
}

/// The rows that were replayed, by index.
#[derive(Default)]
struct Rows(BTreeMap<OpIndex, Action<'static>>);

impl Actions for Rows {
    fn again(
        &mut self,
        rows: &[OpIndex],
        each: &mut dyn FnMut(&Action<'_>) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        rows.iter().try_for_each(|row| each(&self.0[row]))
    }
}
