//! A trace in memory, as simulations go through it.

use std::collections::HashMap;

use super::{AccessKind, AccessLine, BadAccess};
use crate::model::ids::{Revision, Scope, StreamKey};

/// Accesses in order. Names are held once, so that an access takes the same few bytes whatever they are.
#[derive(Debug, Default)]
pub struct Trace {
    accesses: Vec<Access>,
    streams: Vec<StreamKey>,
    ids: HashMap<StreamKey, StreamId>,
    /// The stream of the access before: mostly that of the next, too.
    last: Option<StreamId>,
    at_ms: u64,
}

/// A stream of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u32);

/// An access.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Access {
    /// The stream.
    pub stream: StreamId,
    /// The revision that was read or made.
    pub revision: Option<Revision>,
    /// What was done.
    pub kind: AccessKind,
    /// What the state takes in memory, in bytes.
    pub size_bytes: u64,
    /// What the replay of an operation takes, in microseconds, if it is known.
    pub operation_us: Option<f32>,
}

impl Trace {
    /// No state is larger than this, in bytes.
    const MOST_BYTES: u64 = 1 << 48;

    /// Adds an access at the end.
    ///
    /// # Errors
    /// `Lacking` revision or size; `Impossible` numbers.
    pub fn add(&mut self, line: &AccessLine<'_>) -> Result<(), BadAccess> {
        let revision = line.revision.ok_or(BadAccess::Lacking("revision"))?.0;
        let size_bytes = line.size_bytes.ok_or(BadAccess::Lacking("sizeBytes"))?;
        if size_bytes > Self::MOST_BYTES {
            return Err(BadAccess::Impossible("sizeBytes"));
        }
        if line.operation_us.is_some_and(|us| !(0.0..=1e12).contains(&us)) {
            return Err(BadAccess::Impossible("operationUs"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough for a time")]
        let operation_us = line.operation_us.map(|us| us as f32);
        let stream = self.stream_id(line);
        self.at_ms = self.at_ms.max(line.at_ms.unwrap_or_default());
        self.accesses.push(Access { stream, revision, kind: line.access, size_bytes, operation_us });
        Ok(())
    }

    /// The accesses.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// The streams, in the order in which they came.
    #[must_use]
    pub fn streams(&self) -> &[StreamKey] {
        &self.streams
    }

    /// How many of the accesses are reads.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.accesses.iter().filter(|access| access.kind != AccessKind::Append).count() as u64
    }

    /// When the last access was, in milliseconds from the start; 0 if no line says.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.at_ms
    }

    /// Whether a stream is of scope `document`, which is replayed as a whole.
    #[must_use]
    pub fn is_spine(&self, stream: StreamId) -> bool {
        self.streams[stream.index()].scope == Scope::document()
    }

    fn stream_id(&mut self, line: &AccessLine<'_>) -> StreamId {
        let (document, scope, branch) = (&*line.document, line.scope(), line.branch());
        let is_same = |key: &StreamKey| key.document == *document && key.scope == *scope && key.branch == *branch;
        if let Some(id) = self.last.filter(|id| is_same(&self.streams[id.index()])) {
            return id;
        }
        let key = StreamKey { document: document.into(), scope: scope.into(), branch: branch.into() };
        let next = StreamId(u32::try_from(self.streams.len()).expect("a trace has fewer streams than fit memory"));
        let id = *self.ids.entry(key).or_insert_with_key(|key| {
            self.streams.push(key.clone());
            next
        });
        self.last = Some(id);
        id
    }
}

impl StreamId {
    /// Its place in [`Trace::streams`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(lines: &[&str]) -> Result<Trace, BadAccess> {
        let mut trace = Trace::default();
        lines.iter().try_for_each(|line| trace.add(&AccessLine::parse(line.as_bytes())?)).map(|()| trace)
    }

    #[test]
    fn names_are_held_once() {
        let trace = added(&[
            r#"{"document":"a","revision":1,"sizeBytes":5,"atMs":3}"#,
            r#"{"document":"b","revision":"initial","sizeBytes":5,"access":"append","atMs":9}"#,
            r#"{"document":"a","scope":"global","branch":"main","revision":2,"sizeBytes":5}"#,
            r#"{"document":"a","scope":"document","revision":2,"sizeBytes":5}"#,
        ])
        .unwrap();
        let streams: Vec<usize> = trace.accesses().iter().map(|access| access.stream.index()).collect();
        assert_eq!((streams, trace.streams().len()), (vec![0, 1, 0, 2], 3));
        assert_eq!((trace.reads(), trace.duration_ms()), (3, 9));
        assert!(trace.is_spine(trace.accesses()[3].stream) && !trace.is_spine(trace.accesses()[0].stream));
    }

    #[test]
    fn what_a_simulation_needs_has_to_be_there() {
        let message = |line| added(&[line]).unwrap_err().to_string();
        assert_eq!(message(r#"{"document":"a","sizeBytes":5}"#), "it has no revision");
        assert_eq!(message(r#"{"document":"a","revision":5}"#), "it has no sizeBytes");
        let huge = r#"{"document":"a","revision":5,"sizeBytes":18446744073709551615}"#;
        assert_eq!(message(huge), "its sizeBytes is not possible");
        let negative = r#"{"document":"a","revision":5,"sizeBytes":1,"operationUs":-1}"#;
        assert_eq!(message(negative), "its operationUs is not possible");
    }
}
