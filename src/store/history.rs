//! What was done to keyframes, and what has to be known to undo it.
//!
//! Every change of a keyframe is noted before it happens, in the same transaction: [`HistoryMut::note`] looks at the
//! keyframe as it is and keeps what an undo needs. Changes belong to a run, which is one command that was given. To undo
//! one is to write what was before, which the note has or the log gives, and to note that as a change of its own.

use super::codec::Codec;
use super::records::{Check, Pin};
use super::{Flow, StoreError};
use crate::model::checksum::Checksum;
use crate::model::ids::{DocumentType, Revision, StreamKey};
use crate::model::time::Timestamp;

/// Names a run; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// Names a change; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MutationId(pub u64);

/// A command that changed keyframes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// The command line.
    pub command: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; `None` if it has not, or was killed.
    pub finished: Option<Timestamp>,
}

/// A change of a keyframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Its name.
    pub id: MutationId,
    /// The run that it belongs to.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub kind: MutationKind,
    /// The stream of the keyframe.
    pub stream: StreamKey,
    /// Its label.
    pub revision: Revision,
    /// The keyframe as it was before; `None` if there was none.
    pub before: Option<Former>,
    /// The run that has undone it.
    pub undone: Option<RunId>,
}

/// What is done to a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MutationKind {
    /// There was none, and now there is one.
    Written,
    /// It got another body.
    Replaced,
    /// It went.
    Deleted,
    /// Its body is stored in another way.
    Recoded,
    /// It got a pin, or another one.
    Pinned,
    /// It lost its pin.
    Unpinned,
    /// What a check found was recorded, or forgotten.
    Recorded,
}

/// A keyframe as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The type of the document, as its row named it.
    pub document_type: DocumentType,
    /// When it was first written.
    pub created: Timestamp,
    /// How its body was stored.
    pub codec: Codec,
    /// Of its body; `None` if that could not be read.
    pub checksum: Option<Checksum>,
    /// Size of its body as it was handed out, in bytes.
    pub body_bytes: u64,
    /// Whether the history has the body: see [`History::mutation_body`].
    pub body_kept: bool,
    /// What a check had found.
    pub check: Option<Check>,
    /// Its pin.
    pub pin: Option<Pin>,
}

/// A change that is about to happen.
#[derive(Clone, Copy, Debug)]
pub struct NewMutation<'a> {
    /// The run that it belongs to.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What is about to be done.
    pub kind: MutationKind,
    /// The stream of the keyframe.
    pub stream: &'a StreamKey,
    /// Its label.
    pub revision: Revision,
    /// What is to become of its body.
    pub body: BodyBefore,
}

/// What becomes of the body of a keyframe that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyBefore {
    /// The history keeps it: the log does not give it, or the change leaves no time to find out.
    Keep,
    /// The log gives it, or the change does not touch it.
    Leave,
}

/// The history of keyframes, for reading. Where there is none, nothing is visited. Every method fails as `Unsupported`
/// where our tables are of a newer version, as `Corrupt` if a row does not decode, and as `Busy` and `Unavailable`.
pub trait History {
    /// Visits the runs, the newest first.
    ///
    /// # Errors
    /// As all methods; rows before a bad one have been visited.
    fn runs(&self, visit: &mut dyn FnMut(&Run) -> Flow) -> Result<(), StoreError>;

    /// Visits the changes of a run, or of all, the newest first.
    ///
    /// # Errors
    /// As all methods; rows before a bad one have been visited.
    fn mutations(&self, run: Option<RunId>, visit: &mut dyn FnMut(&Mutation) -> Flow) -> Result<(), StoreError>;

    /// The body that a keyframe had before a change; `None` if it was not kept.
    ///
    /// # Errors
    /// As all methods.
    fn mutation_body(&self, id: MutationId) -> Result<Option<Vec<u8>>, StoreError>;
}

/// The history of keyframes, for changing; see [`super::RecordsMut`].
pub trait HistoryMut: History {
    /// Begins a run.
    ///
    /// # Errors
    /// As all methods that change our tables.
    fn begin_run(&mut self, command: &str, started: Timestamp) -> Result<RunId, StoreError>;

    /// Says that a run has ended.
    ///
    /// # Errors
    /// As all methods that change our tables.
    fn finish_run(&mut self, id: RunId, finished: Timestamp) -> Result<(), StoreError>;

    /// Notes a change that is about to happen in this transaction, with the keyframe as it is now. Reads the body.
    ///
    /// # Errors
    /// As all methods that change our tables. A body that cannot be read is not kept.
    fn note(&mut self, mutation: &NewMutation<'_>) -> Result<MutationId, StoreError>;

    /// Says that a change has been undone, and whether there is such a change and it was not undone before.
    ///
    /// # Errors
    /// As all methods that change our tables.
    fn mark_undone(&mut self, id: MutationId, by: RunId) -> Result<bool, StoreError>;
}

/// No history: for stores that cannot have any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn runs(&self, _: &mut dyn FnMut(&Run) -> Flow) -> Result<(), StoreError> {
        Ok(())
    }

    fn mutations(&self, _: Option<RunId>, _: &mut dyn FnMut(&Mutation) -> Flow) -> Result<(), StoreError> {
        Ok(())
    }

    fn mutation_body(&self, _: MutationId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
}

impl MutationKind {
    /// All of them.
    pub const ALL: [MutationKind; 7] =
        [Self::Written, Self::Replaced, Self::Deleted, Self::Recoded, Self::Pinned, Self::Unpinned, Self::Recorded];

    /// Its name, as it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
            Self::Recoded => "recoded",
            Self::Pinned => "pinned",
            Self::Unpinned => "unpinned",
            Self::Recorded => "recorded",
        }
    }

    /// The kind with that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
