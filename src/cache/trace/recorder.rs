//! Writing a trace while commands run.

use std::io::{self, BufWriter, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{AccessKind, AccessLine, StateAt};
use crate::cache::{Entry, Facts};

/// Writes a line for each access. Shared by threads.
///
/// An answer never fails for it: what cannot be written is remembered, the rest of the trace left out, and
/// [`Recorder::finish`] tells.
///
/// A command that goes through tiers calls [`Recorder::read`] with the entry of every part of a document that it answers
/// ([`Found::entry`](crate::replay::Found::entry)), wherever that came from, and [`Recorder::append`] with what it puts for
/// the operations it has added, after they are committed.
pub struct Recorder {
    begun: Instant,
    sink: Mutex<Sink>,
}

struct Sink {
    out: BufWriter<Box<dyn Write + Send>>,
    /// The first error.
    failed: Option<io::Error>,
}

impl Recorder {
    /// Begins a trace.
    #[must_use]
    pub fn new(out: impl Write + Send + 'static) -> Self {
        let sink = Sink { out: BufWriter::new(Box::new(out)), failed: None };
        Recorder { begun: Instant::now(), sink: Mutex::new(sink) }
    }

    /// Notes that a state was read. Whether it is the head of its stream is known from its facts.
    pub fn read(&self, entry: &Entry) {
        let Facts { stream, revision, .. } = &entry.facts;
        let is_head = entry.facts.head_of(stream.scope.as_str()).map(|head| head.revision) == *revision;
        self.access(entry, if is_head { AccessKind::Head } else { AccessKind::Read });
    }

    /// Notes that operations were appended, which made a state.
    pub fn append(&self, entry: &Entry) {
        self.access(entry, AccessKind::Append);
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// When something could not be written, now or before; told once.
    pub fn finish(&self) -> io::Result<()> {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        match sink.failed.take() {
            Some(error) => Err(error),
            None => sink.out.flush(),
        }
    }

    fn access(&self, entry: &Entry, access: AccessKind) {
        let line = line(entry, access, self.begun);
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if sink.failed.is_some() {
            return;
        }
        let Sink { out, failed } = &mut *sink;
        let written = serde_json::to_writer(&mut *out, &line).map_err(io::Error::from);
        *failed = written.and_then(|()| out.write_all(b"\n")).err();
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds to three digits")]
fn line(entry: &Entry, access: AccessKind, begun: Instant) -> AccessLine<'_> {
    let Facts { stream, revision, cost, .. } = &entry.facts;
    let of_one = |operations: u64| (cost.elapsed.as_nanos() as f64 / operations as f64).round() / 1e3;
    AccessLine {
        document: stream.document.as_str().into(),
        scope: Some(stream.scope.as_str().into()),
        branch: Some(stream.branch.as_str().into()),
        revision: Some(StateAt(*revision)),
        access,
        size_bytes: Some(entry.heap_bytes()),
        operation_us: (cost.operations > 0).then(|| of_one(cost.operations)),
        at_ms: u64::try_from(begun.elapsed().as_millis()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use smallvec::smallvec;

    use super::*;
    use crate::cache::{Cost, Head};
    use crate::model::ids::{OpIndex, Revision, Scope, StreamKey};
    use crate::model::json::Object;
    use crate::model::state::{JsonState, State};

    /// Bytes that somebody else can see, of which there may be only so many.
    #[derive(Clone)]
    struct Shared(Arc<Mutex<Vec<u8>>>, usize);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().unwrap();
            if all.len() + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            all.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn entry(revision: Option<u64>, head: u64) -> Entry {
        let at = |index| Revision::of(OpIndex::new(index));
        let revision = revision.map(at);
        Entry {
            facts: Facts {
                stream: StreamKey { document: "a\"b".into(), scope: Scope::global(), branch: "main".into() },
                revision,
                operation: None,
                document_type: "t".into(),
                versions: smallvec![1],
                fingerprint: "f".into(),
                heads: vec![Head { scope: Scope::global(), revision: at(head), operation: "o".into() }],
                newest: None,
                seal: None,
                cost: Cost { operations: revision.map_or(0, |last| last.get() + 1), elapsed: Duration::from_micros(9) },
            },
            header: Arc::new(Object::new()),
            state: State::new(JsonState::default()),
            initial: State::new(JsonState::default()),
        }
    }

    #[test]
    fn what_is_recorded_reads_back() {
        let written = Arc::default();
        let recorder = Recorder::new(Shared(Arc::clone(&written), usize::MAX));
        recorder.read(&entry(Some(3), 5));
        recorder.read(&entry(Some(5), 5));
        recorder.read(&entry(None, 5));
        recorder.append(&entry(Some(6), 6));
        recorder.finish().unwrap();
        let text = written.lock().unwrap().clone();
        let lines: Vec<_> =
            text.split_inclusive(|byte| *byte == b'\n').map(|line| AccessLine::parse(line).unwrap()).collect();
        let kinds: Vec<AccessKind> = lines.iter().map(|line| line.access).collect();
        assert_eq!(kinds, [AccessKind::Read, AccessKind::Head, AccessKind::Read, AccessKind::Append]);
        assert_eq!(lines[0].revision, Some(StateAt(Some(Revision::of(OpIndex::new(3))))));
        assert_eq!((&*lines[0].document, lines[0].size_bytes), ("a\"b", Some(entry(Some(3), 5).heap_bytes())));
        assert_eq!((lines[0].operation_us, lines[1].operation_us), (Some(2.25), Some(1.5)));
        assert_eq!((lines[2].revision, lines[2].operation_us), (Some(StateAt(None)), None));
    }

    #[test]
    fn a_full_disk_is_told_at_the_end() {
        let recorder = Recorder::new(Shared(Arc::default(), 10_000));
        (0..200).for_each(|index| recorder.read(&entry(Some(index), 500)));
        assert_eq!(recorder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
