//! The codes of findings: a contract. A code never changes its meaning, and new ones may come.

use std::fmt;
use std::str::FromStr;

use crate::model::similar::nearest;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong with the document. Does not count as a finding in the exit code.
    Note,
    /// Something does not fit, or could not be checked.
    Warning,
    /// The log, or something made from it, is wrong.
    Error,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident, $title:literal;
        means $means:literal; happens $happens:literal; todo $todo:literal;)*) => {
        /// What kind of thing is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// All of them, in the order in which findings about one stream are listed.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// Its name, in capitals and underscores.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// How bad it is, unless a finding says that it is less so.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// What it is, what it means, how it happens, and what to do.
            #[must_use]
            pub fn explanation(self) -> Explanation {
                match self {
                    $(Code::$variant =>
                        Explanation { title: $title, means: $means, happens: $happens, todo: $todo },)*
                }
            }
        }
    };
}

/// What a code means to the owner of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In a few words.
    pub title: &'static str,
    /// What was compared with what, and what follows.
    pub means: &'static str,
    /// How such data comes to be.
    pub happens: &'static str,
    /// What to do; commands in backquotes.
    pub todo: &'static str,
}

codes! {
    /// A row cannot be decoded.
    RowCorrupt = "ROW_CORRUPT", Error, "a row cannot be decoded";
    means "A column of the row is not what the format says: no JSON, a wrong type, no time. The rows around it were \
        checked; a replay ends before it.";
    happens "Disk damage, a program that wrote past the reference, or a dump that was edited by hand.";
    todo "Restore the row from a backup or another copy of the log: `snapctl export` of the copy shows it, `snapctl \
        import` adds it. Do not delete it: what follows would lose its place.";

    /// An index is missing.
    Gap = "GAP", Error, "the log lacks operations";
    means "The indices of a stream go up by one from 0; here some are missing. States after the gap lack what the missing \
        operations did.";
    happens "Rows were deleted, or a copy of the log was made while it was written, or is incomplete.";
    todo "Get the missing rows from another copy: `snapctl export DOC/SCOPE:A..B` there, `snapctl import` here.";

    /// The document cannot be replayed past here.
    Unreplayable = "UNREPLAYABLE", Error, "the reference cannot rebuild the document here";
    means "The reference fails at this operation with the text given, and so does every rebuild. What comes after it could \
        not be checked against a replay.";
    happens "The document scope lacks its CREATE_DOCUMENT or first upgrade, a row holds what the reference never stores (UNDO, \
        REDO, PRUNE, a SET_NAME without a name), or the log was written by a release without base-reducer versions.";
    todo "Look at the operation and those around it: `snapctl log -p DOC/SCOPE`. For a log of releases before 6.2.2 whose \
        documents carry no base-reducer version, say what it was with `--assume-base-reducer 1`.";

    /// There is no model for the document type at that version.
    ModelMissing = "MODEL_MISSING", Warning, "no model for the document type";
    means "Nothing serves the document's type at the version it has. Rows were checked, states and keyframes were not.";
    happens "The model is not built in and was not named.";
    todo "Name it: `--model TYPE=json-patch` if its operations are patches, or map the version in snapctl.toml; `snapctl model \
        list` shows what there is.";

    /// The engine behind the model failed.
    ModelFailed = "MODEL_FAILED", Warning, "the model gave up";
    means "The engine that runs the reducer failed or reached a limit. What comes after it was not checked.";
    happens "A reducer uses something that is not provided, loops, or needs more memory than it is allowed.";
    todo "Raise the limit, or run the model in another engine.";

    /// The stored hash is not that of the replayed state.
    HashDiffers = "HASH_DIFFERS", Error, "an operation's stored hash is not that of the replayed state";
    means "The hash recorded with an operation is what the program that wrote it computed from the state after it. A replay of \
        the log as it is now gives another state. The first operation named is the first that differs: what made the \
        difference is it, or something before it that shows only now.";
    happens "An operation was edited, removed or inserted after it was written; the reducer has changed since; or the hash \
        itself was overwritten (then it is this one operation alone).";
    todo "See what the operation does in a replay: `snapctl log -p DOC/SCOPE:N`. If a reducer changed on purpose, the old \
        hashes stay as they are: note the first operation. Otherwise compare with another copy of the log.";

    /// A copy of an operation has the hash of its first place.
    HashCarried = "HASH_CARRIED", Note, "an operation that was appended anew kept its old hash";
    means "When branches of work are merged, the reference retracts operations and appends them again. Their copies keep the hash \
        recorded at their first place, whatever was merged in before them. The state is right, the hash is of another one.";
    happens "A merge of operations that were made at the same time; the reference writes this itself.";
    todo "Nothing.";

    /// What follows a denied operation with a skip.
    DeniedSkip = "DENIED_SKIP", Note, "a denied operation retracted others when it was recorded";
    means "The program that recorded a denied operation with a skip took the retracted operations away; a rebuild does not (denied \
        operations are never applied). The hashes and errors recorded after it, up to where both agree again, are of the other state.";
    happens "A merge in which the first operation was denied; the reference writes this itself.";
    todo "Nothing; but a keyframe of that stretch is wrong, which KEYFRAME_STATE tells.";

    /// The replay rejects what was accepted, or the other way round.
    OutcomeDiffers = "OUTCOME_DIFFERS", Warning, "an operation's recorded error is not the replay's";
    means "The log says that the operation failed and the replay succeeds, or the other way round, or it fails with another text.";
    happens "The reducer changed, the error column was edited, or the operation was recorded after a history that is not this one.";
    todo "`snapctl log -p DOC/SCOPE:N` shows what happens in a replay.";

    /// A seal does not fit the rows.
    SealBroken = "SEAL_BROKEN", Error, "the past was edited";
    means "A seal was recorded for the operations up to a revision, and their digest is another one now: a row up to there was \
        changed, removed or inserted. The rows were replayed from the first one on, so what else is found tells more.";
    happens "Somebody edited the log, restored another version of it, or a program rewrote the texts of actions (a dump through \
        another database may: then no hash differs, and a new seal is all that is needed).";
    todo "Compare with a backup: `snapctl export DOC/SCOPE` of both. If the change was meant, seal again: `snapctl verify --record` \
        after the findings are gone, or remove the line from the seal file.";

    /// The log ends before the sealed revision.
    SealAhead = "SEAL_AHEAD", Error, "the log ends before what was sealed";
    means "Operations that were sealed are gone from the end of the log.";
    happens "The log was truncated, or an older copy took its place.";
    todo "Get the operations from a copy: `snapctl export` there, `snapctl import` here.";

    /// Times go back.
    TimeOrder = "TIME_ORDER", Warning, "times go back";
    means "Of the operations that stand, one is earlier than the one before it; in scope auth also one of the same time. The \
        integrity check of the reference reports the first such pair, too.";
    happens "Clients with wrong clocks, or rows that were reordered or inserted.";
    todo "Nothing depends on it but reads at a time and the merge of branches. If the clock of a client is to blame, it is a note for \
        its owner.";

    /// The operation id is not the one derived.
    OperationId = "OPERATION_ID", Warning, "an operation id is not derived from its action";
    means "The id of an operation is a digest of document, scope, branch and action id; this one is another.";
    happens "The row was moved to another document, scope or branch, or its action's id was edited. Releases before 5.3 chose ids at \
        random, and a later migration gave an action id to old actions that had none.";
    todo "`snapctl log DOC/SCOPE:N` shows the row. If all operations of old documents are concerned, it is their age: leave \
        them out with `--ignore OPERATION_ID`.";

    /// The id of the operation before does not fit.
    PreviousId = "PREVIOUS_ID", Warning, "the chain of operation ids is broken";
    means "A row names the operation before it, and that is not the one stored there.";
    happens "A row was removed, inserted, or replaced.";
    todo "Compare with another copy of the log around the operation.";

    /// The action is of another scope than its row.
    ScopeDiffers = "SCOPE_DIFFERS", Warning, "an action is of another scope than its row";
    means "The reducer works on the scope that the action names, and the operation counts in the one of its row. Rebuilds do as the \
        reference does, which is hardly what was meant.";
    happens "The row or the action was edited.";
    todo "Look at the row: `snapctl log DOC/SCOPE:N --json`.";

    /// The type of the row is another than the document's.
    TypeDiffers = "TYPE_DIFFERS", Warning, "a row names another document type";
    means "The document type in the row is not that of the document. Nothing but listings reads it.";
    happens "The row was edited, or moved from another document.";
    todo "Compare with another copy of the log.";

    /// A signature does not fit the action.
    SignatureInvalid = "SIGNATURE_INVALID", Error, "a signature does not fit its action";
    means "The signature, checked with the key it names, is not one of this action, or the payload hash in it is another.";
    happens "The action was changed after it was signed, or signed with another key.";
    todo "Ask the signer. Rebuilds never look at signatures.";

    /// A signature cannot be checked.
    SignatureMalformed = "SIGNATURE_MALFORMED", Warning, "a signature cannot be checked";
    means "The signature or its key is not of the form that the reference writes.";
    happens "Another kind of key, or a row written by another program.";
    todo "`snapctl log DOC/SCOPE:N --json` shows the action with its signer.";

    /// Another backend could not store the row.
    NotPortable = "NOT_PORTABLE", Note, "another database could not store this as it is";
    means "The action holds U+0000 or half a surrogate pair, which PostgreSQL refuses in jsonb, or -0, which it stores as 0.";
    happens "Texts cut in the middle of a character, binary data in texts, arithmetic in a client.";
    todo "Nothing here. A copy to PostgreSQL fails at this operation, or changes it.";

    /// A keyframe belongs to nothing.
    KeyframeOrphan = "KEYFRAME_ORPHAN", Error, "a keyframe of a stream without operations";
    means "No operation could have led to this state; the reference would start from it all the same.";
    happens "The document was deleted from the log alone, or the keyframe was written under a wrong name.";
    todo "Delete it: it is the base of nothing.";

    /// A keyframe is ahead of the log.
    KeyframeAhead = "KEYFRAME_AHEAD", Error, "a keyframe is ahead of the log";
    means "Its label is past the head of its stream. Once the log reaches there, reads would start from a state that those \
        operations never led to.";
    happens "The end of the log was lost, or rows were restored without their keyframes.";
    todo "Find out whether operations are missing; delete the keyframe if not.";

    /// A keyframe's label does not fit.
    KeyframeLabel = "KEYFRAME_LABEL", Error, "a keyframe's label does not fit what it holds";
    means "Label and header disagree in a way that no release wrote: readers would apply operations twice, or not at all.";
    happens "The row was edited, or written by another program.";
    todo "Replace it, or delete it; a rebuild without it is right.";

    /// A keyframe cannot be read.
    KeyframeCorrupt = "KEYFRAME_CORRUPT", Error, "a keyframe cannot be read";
    means "The stored document is not JSON, or lacks what every reader needs: a state, a header with next indices.";
    happens "Disk damage, or an edit.";
    todo "Replace it, or delete it; a rebuild without it is right.";

    /// A keyframe is not what was recorded.
    KeyframeChecksum = "KEYFRAME_CHECKSUM", Error, "a keyframe was changed since it was recorded";
    means "snapctl recorded the checksum of the keyframe's document when it was good, and it has another one now.";
    happens "Disk damage, or another program wrote the keyframe again.";
    todo "If its state is right all the same, `snapctl verify --record` records it anew; otherwise replace or delete it.";

    /// A keyframe's own state differs.
    KeyframeState = "KEYFRAME_STATE", Error, "a keyframe's state is not that of the replay";
    means "The state of the keyframe's own scope differs from what the operations up to its label lead to. Every read that starts \
        from it is wrong.";
    happens "The reference writes such keyframes itself after reads over undos and skips from a cache that holds only the end of a \
        history; a reducer changed; the keyframe or the log was edited.";
    todo "Replace it, or delete it; a rebuild without it is right. If HASH_DIFFERS names an earlier operation, look at that first: \
        then the log is to blame.";

    /// Another scope of a keyframe differs.
    KeyframeOtherScope = "KEYFRAME_OTHER_SCOPE", Error, "a keyframe's state of another scope is not that of the replay";
    means "A keyframe holds a whole document; what it says of a scope other than its own differs from the rebuild it was made from. The \
        hash of its own scope does not show that.";
    happens "As KEYFRAME_STATE.";
    todo "Replace it, or delete it.";

    /// A keyframe's header differs.
    KeyframeHeader = "KEYFRAME_HEADER", Error, "a keyframe's header is not that of the replay";
    means "A member of its header, next indices and the time of the last change excepted, differs from the rebuild it was made from: \
        name, id, type, creator, protocol versions.";
    happens "The keyframe, or the operation that created the document, was edited.";
    todo "Replace it, or delete it.";

    /// A keyframe's initial state differs.
    KeyframeInitial = "KEYFRAME_INITIAL", Error, "a keyframe's initial state is not that of the replay";
    means "Undos and skips after the keyframe are computed from the initial state that it holds, and that is another one.";
    happens "The keyframe, or the upgrade that gave the document its initial state, was edited.";
    todo "Replace it, or delete it.";

    /// A keyframe was made before the state it stands on was replaced.
    KeyframeSuperseded = "KEYFRAME_SUPERSEDED", Warning, "an upgrade replaced what a keyframe stands on";
    means "An upgrade from version 0 was recorded in the document scope after the keyframe was written. A rebuild from the log starts from \
        the new initial state; the keyframe holds the old one.";
    happens "A document was initialised twice.";
    todo "Delete the keyframe.";

    /// A keyframe was made by another model.
    KeyframeStale = "KEYFRAME_STALE", Note, "a keyframe was recorded for another version of its model";
    means "The model's fingerprint is another one now than when the keyframe was recorded. The state was compared with the replay all \
        the same.";
    happens "The model was updated.";
    todo "`snapctl verify --record` records it for the present model where it still fits.";

    /// A keyframe follows an older convention.
    KeyframeConvention = "KEYFRAME_CONVENTION", Note, "a keyframe is labelled as older releases did";
    means "Older releases filed a state one too high, or let the header name the head of the store. Readers resume from the lesser of \
        both numbers, which is right for either; the integrity check of the reference reports the first kind.";
    happens "The keyframe was written before release 6.2.2.";
    todo "Nothing.";

    /// A read model row differs.
    SnapshotDiffers = "SNAPSHOT_DIFFERS", Error, "a row of the read model is not the replayed state";
    means "The row of table DocumentSnapshot holds another state than the operations up to the index that it names lead to.";
    happens "The read model missed operations, or was edited, or was filled by a cache that answered wrongly.";
    todo "Let the reactor build its read model anew.";

    /// A read model row is ahead.
    SnapshotAhead = "SNAPSHOT_AHEAD", Error, "a row of the read model is ahead of the log";
    means "The row of table DocumentSnapshot names an operation that the log does not have.";
    happens "The end of the log was lost.";
    todo "Find the missing operations in another copy.";
}

impl Code {
    /// Whether it says that something could not be checked, and not that it is wrong.
    #[must_use]
    pub fn is_unverifiable(self) -> bool {
        matches!(self, Code::ModelMissing | Code::ModelFailed)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no code \"{text}\"{}; `snapctl explain` lists them", .meant.map_or_else(String::new, |name| format!(", did you mean {name}?")))]
pub struct UnknownCode {
    /// As given.
    pub text: String,
    /// The most similar one.
    pub meant: Option<&'static str>,
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Takes a code in any case, with hyphens for underscores.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let name = text.trim().to_ascii_uppercase().replace('-', "_");
        let names: Vec<&'static str> = Code::ALL.iter().map(|code| code.name()).collect();
        let unknown = || UnknownCode { text: text.to_owned(), meant: nearest(&name, &names) };
        Code::ALL.iter().copied().find(|code| code.name() == name).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_in_any_case() {
        for code in Code::ALL {
            assert_eq!(code.name().parse(), Ok(*code));
            assert_eq!(code.name().to_lowercase().replace('_', "-").parse(), Ok(*code));
        }
        assert_eq!("hash_difers".parse::<Code>().unwrap_err().meant, Some("HASH_DIFFERS"));
    }

    #[test]
    fn every_code_is_explained_in_sentences() {
        for code in Code::ALL {
            let Explanation { title, means, happens, todo } = code.explanation();
            assert!(!title.ends_with('.') && title.starts_with(char::is_lowercase), "{code}");
            for text in [means, happens, todo] {
                assert!(text.ends_with('.') && !text.contains("  "), "{code}: {text}");
            }
        }
    }
}
