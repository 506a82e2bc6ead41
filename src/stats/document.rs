//! The figures of one document.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::{Day, Growth};
use crate::keyframe::{Distances, StreamDistances, Worst, listed};
use crate::model::ids::{DocumentId, DocumentType, Revision, Scope, Span, StreamKey};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::replay::ReplayError;
use crate::store::{Codec, Detail, Order, Read};
use crate::verify::Part;

/// The figures of a document, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFigures {
    /// The document.
    pub document: DocumentId,
    /// Its type, as its rows name it.
    pub document_type: DocumentType,
    /// Its streams, by branch and scope; also those that have keyframes and no operations.
    pub streams: Vec<StreamFigures>,
    /// Operations by the days of their times.
    pub days: BTreeMap<Day, Growth>,
    /// The replay distances of its revisions. Those of scope `document` are left out: its states are always replayed from its
    /// first operation.
    pub distances: Distances,
    /// The time of its newest operation.
    pub newest: Option<Timestamp>,
}

/// The figures of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFigures {
    /// The stream.
    pub stream: StreamKey,
    /// Its head; `None` if it has keyframes and no operations.
    pub head: Option<Revision>,
    /// How much there is.
    pub counts: Counts,
    /// The revision that takes the longest replay; `None` where distances are left out.
    pub worst: Option<Worst>,
}

/// How much there is of something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations.
    pub operations: u64,
    /// Bytes of their actions, as stored.
    pub operation_bytes: u64,
    /// Keyframes by the way their bodies are stored.
    pub keyframes: BTreeMap<Codec, Bytes>,
}

/// How many keyframes there are, and of which size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Keyframes.
    pub keyframes: u64,
    /// Bytes of their bodies, as stored.
    pub stored_bytes: u64,
    /// Bytes of their bodies, as they are handed out.
    pub body_bytes: u64,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.operations += other.operations;
        self.operation_bytes += other.operation_bytes;
        for (codec, bytes) in &other.keyframes {
            self.keyframes.entry(*codec).or_default().add(*bytes);
        }
    }

    /// All keyframes, however they are stored.
    #[must_use]
    pub fn all_keyframes(&self) -> Bytes {
        let mut all = Bytes::default();
        self.keyframes.values().for_each(|bytes| all.add(*bytes));
        all
    }

    /// Bytes of operations, and of keyframes as stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.operation_bytes + self.all_keyframes().stored_bytes
    }
}

impl Bytes {
    /// Adds others.
    pub fn add(&mut self, other: Bytes) {
        self.keyframes += other.keyframes;
        self.stored_bytes += other.stored_bytes;
        self.body_bytes += other.body_bytes;
    }
}

/// Counts a document, or a part of it: one pass over its rows, and over its keyframes without their bodies. What is kept
/// grows with its streams and with the days on which it changed, not with its operations.
///
/// # Errors
/// `Store`: `Corrupt` if a row does not decode; `Busy`, `Unavailable`. `Stopped`.
pub fn document(read: &dyn Read, part: &Part, progress: &dyn Progress) -> Result<DocumentFigures, ReplayError> {
    let mut figures = DocumentFigures {
        document: part.document.clone(),
        document_type: part.document_type.clone(),
        streams: Vec::new(),
        days: BTreeMap::new(),
        distances: Distances::default(),
        newest: None,
    };
    let heads = read.streams(&part.document)?;
    let mut streams: BTreeMap<_, (StreamFigures, Option<StreamDistances>)> = BTreeMap::new();
    for head in heads {
        let stream = StreamKey { document: part.document.clone(), scope: head.scope, branch: head.branch };
        if !part.includes(&stream) {
            continue;
        }
        progress.expect(head.head.next().get());
        let (operations, operation_bytes) = figures.read_rows(read, &stream, progress)?;
        let distances = (stream.scope != Scope::document()).then(|| StreamDistances::new(head.head));
        let counts = Counts { operations, operation_bytes, keyframes: BTreeMap::new() };
        let key = (stream.branch.clone(), stream.scope.clone());
        streams.insert(key, (StreamFigures { stream, head: Some(head.head), counts, worst: None }, distances));
    }
    let mut stopped = Ok(());
    let mut seen = 0_u64;
    listed(read, &part.document, Detail::Label, &mut |keyframe| {
        let stream = &keyframe.entry.stream;
        if part.includes(stream) {
            let key = (stream.branch.clone(), stream.scope.clone());
            let (figures, distances) = streams.entry(key).or_insert_with(|| {
                let (stream, counts) = (stream.clone(), Counts::default());
                (StreamFigures { stream, head: None, counts, worst: None }, None)
            });
            let (stored_bytes, body_bytes) = (keyframe.entry.size_bytes, keyframe.body_bytes());
            figures.counts.keyframes.entry(keyframe.entry.codec).or_default().add(Bytes {
                keyframes: 1,
                stored_bytes,
                body_bytes,
            });
            if let (Some(distances), Some(base)) = (distances, keyframe.revision().filter(|_| keyframe.is_base())) {
                distances.base(base);
            }
        }
        seen += 1;
        stopped = if seen.is_multiple_of(STRIDE) { progress.check() } else { Ok(()) };
        if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    stopped?;
    for (mut stream, distances) in streams.into_values() {
        if let Some((_, worst, all)) = distances.map(StreamDistances::finish) {
            stream.worst = Some(worst);
            figures.distances.add(&all);
        }
        figures.streams.push(stream);
    }
    Ok(figures)
}

/// Rows between two looks at the clock.
const STRIDE: u64 = 256;

impl DocumentFigures {
    /// Counts the operations of a stream and their bytes.
    fn read_rows(
        &mut self,
        read: &dyn Read,
        stream: &StreamKey,
        progress: &dyn Progress,
    ) -> Result<(u64, u64), ReplayError> {
        let (mut operations, mut operation_bytes, mut stopped) = (0_u64, 0, Ok(()));
        // Rows of one day come together, so that the days are looked into once a day.
        let mut today: Option<(Day, Growth)> = None;
        read.operations(stream, Span::ALL, Order::Forward, &mut |row| {
            let (day, bytes) = (Day::of(row.timestamp), row.action.len() as u64);
            operations += 1;
            operation_bytes += bytes;
            self.newest = self.newest.max(Some(row.timestamp));
            match &mut today {
                Some((same, growth)) if *same == day => growth.add(Growth { operations: 1, operation_bytes: bytes }),
                other => {
                    if let Some((day, growth)) = other.replace((day, Growth { operations: 1, operation_bytes: bytes }))
                    {
                        self.days.entry(day).or_default().add(growth);
                    }
                }
            }
            if operations.is_multiple_of(STRIDE) {
                progress.advance(STRIDE);
                stopped = progress.check();
            }
            if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        stopped?;
        progress.advance(operations % STRIDE);
        if let Some((day, growth)) = today {
            self.days.entry(day).or_default().add(growth);
        }
        Ok((operations, operation_bytes))
    }

    /// Whether there is an operation.
    #[must_use]
    pub fn has_operations(&self) -> bool {
        self.streams.iter().any(|stream| stream.counts.operations > 0)
    }
}

impl Growth {
    /// Adds other growth.
    pub fn add(&mut self, other: Growth) {
        self.operations += other.operations;
        self.operation_bytes += other.operation_bytes;
    }
}
