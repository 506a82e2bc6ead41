//! The codes of findings: a contract. A code never changes its meaning, and new ones may come.

use std::fmt;
use std::str::FromStr;

use crate::model::explanation::Explanation;
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

codes! {
    /// A row cannot be decoded.
    RowCorrupt = "ROW_CORRUPT", Error, "a row cannot be decoded";
    means "A column of the row does not hold what the format says: no JSON, a wrong type, no time. The rows around it \
        were checked as rows; a replay ends before it.";
    happens "Disk damage, a program that writes to the tables beside the reactor, or a dump that was edited by hand.";
    todo "Find the row in a backup or another copy of the log: there `snapctl export DOC/SCOPE:N..N` prints it. \
        Restore that copy, or put its row in the place of the damaged one; `snapctl import` overwrites nothing. Do \
        not just delete the row: the stream would have a gap.";

    /// An index is missing.
    Gap = "GAP", Error, "operations are missing from a stream";
    means "The indices of a stream go up by one from 0; here some are missing. Every state after the gap lacks what \
        the missing operations did.";
    happens "Rows were deleted, or a copy of the log was made while it was being written, or was cut short.";
    todo "Look for the operations in a backup or another copy: there `snapctl export DOC/SCOPE:A..B` prints them. \
        `snapctl import` adds only behind the end of a stream, so let the whole document come from that copy, or put \
        the rows in their places yourself.";

    /// The document cannot be replayed past here.
    Unreplayable = "UNREPLAYABLE", Error, "the document cannot be replayed past this operation";
    means "A rebuild fails at this operation with the text given, and so does one by the reference. What comes after \
        it was not compared with a replay.";
    happens "The document scope lacks its CREATE_DOCUMENT or its first upgrade; a row holds what the reference never \
        stores (UNDO, REDO, PRUNE, a SET_NAME without a name); or the log was written by a release before 6.2.2, and \
        its documents carry no version of the base reducer.";
    todo "Look at the operation and at what leads to it: `snapctl log DOC/SCOPE:N`. If documents of an older release \
        carry no version of the base reducer, say which it was: `--assume-base-reducer 1`.";

    /// There is no model for the document type at that version.
    ModelMissing = "MODEL_MISSING", Warning, "there is no model for the document type";
    means "Nothing serves the document's type at the version it has. Its rows were checked, its states and keyframes \
        were not.";
    happens "The model is not built in, and neither the settings nor the command line name one.";
    todo "Name it: `--model TYPE=json-patch` if its operations are patches, or, in snapctl.toml, the version that it \
        behaves like. `snapctl model list` shows the models there are.";

    /// The engine behind the model failed.
    ModelFailed = "MODEL_FAILED", Warning, "the model gave up";
    means "What runs the reducer failed, or reached a limit. Nothing after that operation was compared with a replay.";
    happens "The reducer uses something that is not provided, does not come to an end, or needs more memory than it \
        may have.";
    todo "Look at the operation it failed at: `snapctl log DOC/SCOPE:N`. If it needs more than the limit, raise the \
        limit; otherwise tell whoever wrote the model.";

    /// The stored hash is not that of the replayed state.
    HashDiffers = "HASH_DIFFERS", Error, "an operation's stored hash is not that of the replayed state";
    means "With every operation the program that writes it records the hash of the state after it. A replay of the \
        log as it is now gives a state with another hash. The operation named is the first of them: either it made \
        the difference, or something before it did and only now shows.";
    happens "An operation was edited, removed or inserted after it was written; the reducer has changed since; or the \
        hash itself was overwritten (then later ones fit again).";
    todo "See what the operation does in a replay: `snapctl log -p DOC/SCOPE:N` ends with it. If a reducer was \
        changed on purpose, the old hashes stay as they are, and `--ignore HASH_DIFFERS` passes over them. Otherwise \
        compare the log with another copy.";

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
    means "According to the log the operation failed and in the replay it succeeds, or the other way round, or it \
        fails with another text.";
    happens "The reducer has changed, the error was edited, or the operation was recorded after another history than \
        the one that is stored.";
    todo "See what happens in a replay: `snapctl log -p DOC/SCOPE:N` ends with it. If hashes differ as well, begin \
        with the first of those.";

    /// A seal does not fit the rows.
    SealBroken = "SEAL_BROKEN", Error, "the past was edited";
    means "A seal was recorded for the operations up to a revision, and their digest is another one now: an operation \
        up to there was changed, removed or inserted. The stream was replayed from its first operation for that \
        reason; what else was found in it says more.";
    happens "Somebody edited the log or put another version of it in its place, or a program rewrote the texts of \
        actions, as a dump through another database may do (then no hash differs, and a new seal is all that is \
        needed).";
    todo "Compare with a backup: `snapctl export DOC/SCOPE` of both. If the change was meant and nothing else is \
        found, seal again with `snapctl verify --record`, or remove the stream's line from the seal file.";

    /// The log ends before the sealed revision.
    SealAhead = "SEAL_AHEAD", Error, "the log ends before the sealed revision";
    means "A seal was recorded for more operations than there are: some are gone from the end of the stream.";
    happens "The log was cut short, or an older copy took its place.";
    todo "Get the operations from another copy: `snapctl export DOC/SCOPE` there, `snapctl import` here; what is \
        there already is passed over.";

    /// Times go back.
    TimeOrder = "TIME_ORDER", Warning, "times go back";
    means "Of two operations that follow each other and stand, the later one has the earlier time; in scope auth the \
        same time counts, too. The reference's integrity check reports the first such pair as well.";
    happens "A client with a wrong clock, or rows that were inserted or put in another order.";
    todo "If other findings name the same operation, begin with those. Otherwise a client's clock was wrong, and nothing \
        needs to be done: states do not depend on times, only reads at a time (`snapctl rebuild DOC:@TIME`) and merges \
        do.";

    /// The operation id is not the one derived.
    OperationId = "OPERATION_ID", Warning, "an operation's id is not derived from its action";
    means "The id of an operation is a digest of document, scope, branch and action id; the stored one is another.";
    happens "The row was moved to another document, scope or branch, or the id of its action was edited. Releases \
        before 5.3 chose ids at random, and a later migration gave ids to old actions that had none.";
    todo "See the row: `snapctl export DOC/SCOPE:N..N`. If all operations of old documents are concerned, it is their \
        age: `--ignore OPERATION_ID` passes over them.";

    /// The id of the operation before does not fit.
    PreviousId = "PREVIOUS_ID", Warning, "the chain of operation ids is broken";
    means "A row names the id of the operation before it, and the operation stored there has another.";
    happens "An operation was removed, inserted or replaced.";
    todo "Compare both operations with another copy of the log: `snapctl export DOC/SCOPE:A..B`.";

    /// The action is of another scope than its row.
    ScopeDiffers = "SCOPE_DIFFERS", Warning, "an action is of another scope than its row";
    means "The reducer works on the scope that the action names, and the operation counts in the scope of its row. \
        Rebuilds do what the reference does, which is hardly what was meant.";
    happens "The row or its action was edited, or the row was moved to another scope.";
    todo "See the row: `snapctl export DOC/SCOPE:N..N`, and compare it with another copy of the log.";

    /// The type of the row is another than the document's.
    TypeDiffers = "TYPE_DIFFERS", Warning, "a row names another document type";
    means "The document type in the row is not that of the document. Rebuilds do not look at it, listings do.";
    happens "The row was edited, or moved from another document.";
    todo "See the row: `snapctl export DOC/SCOPE:N..N`, and compare it with another copy of the log.";

    /// A signature does not fit the action.
    SignatureInvalid = "SIGNATURE_INVALID", Error, "a signature does not fit its action";
    means "The signature was not made with the signer's app key, or it was made of something else: what is signed are \
        document, scope, type and input, the time of signing, and the hash of the state before.";
    happens "The action was changed or moved to another document after it was signed, its signature was taken from \
        another action, or somebody signed in another's name.";
    todo "Compare the action with another copy of the log: `snapctl export DOC/SCOPE:N..N`, and ask whoever signed \
        it. Rebuilds never look at signatures, so states are the same either way.";

    /// A signature cannot be checked.
    SignatureMalformed = "SIGNATURE_MALFORMED", Warning, "a signature cannot be checked";
    means "The signature or its key is not of the form that the reference writes, so it proves nothing.";
    happens "Another kind of key or wallet, a row written by another program, or an edit.";
    todo "See the action with its signer: `snapctl export DOC/SCOPE:N..N`. Treat it as not signed.";

    /// Another backend could not store the row.
    NotPortable = "NOT_PORTABLE", Note, "another database could not store this as it is";
    means "The action holds U+0000 or half a surrogate pair, which PostgreSQL refuses in jsonb, or -0, which it \
        stores as 0.";
    happens "A text cut in the middle of a character, binary data in a text, or arithmetic in a client.";
    todo "Nothing, as long as the log stays where it is. A copy to PostgreSQL fails at this operation, or changes it.";

    /// A keyframe belongs to nothing.
    KeyframeOrphan = "KEYFRAME_ORPHAN", Error, "a keyframe belongs to a stream without operations";
    means "No operation can have led to this state. If the stream ever gets operations, the reference may start from \
        it all the same.";
    happens "The operations of a document were deleted and its keyframes were not, or the keyframe was written under \
        a wrong name.";
    todo "Find out whether operations are missing: another copy of the log may have them. If none are, delete the \
        row.";

    /// A keyframe is ahead of the log.
    KeyframeAhead = "KEYFRAME_AHEAD", Error, "a keyframe is ahead of the log";
    means "Its label is past the head of its stream. Once the log gets there, reads may start from a state that its \
        operations never led to.";
    happens "The end of the log was lost, or an older copy of it came back while keyframes stayed.";
    todo "Find out whether operations are missing: another copy of the log may have them. If none are, delete the \
        row.";

    /// A keyframe's label does not fit.
    KeyframeLabel = "KEYFRAME_LABEL", Error, "a keyframe's label does not fit what it holds";
    means "Label and header disagree in a way that no release wrote: whoever starts from it applies operations twice, \
        or leaves some out.";
    happens "The row was edited, or written by another program.";
    todo "Delete the row: rebuilds do without it, and a keyframe can be made again.";

    /// A keyframe cannot be read.
    KeyframeCorrupt = "KEYFRAME_CORRUPT", Error, "a keyframe cannot be read";
    means "The stored document is not JSON, or lacks what every reader needs: a state, and a header with next \
        indices.";
    happens "Disk damage, a write that was cut short, or an edit.";
    todo "Delete the row: rebuilds do without it, and a keyframe can be made again.";

    /// A keyframe is not what was recorded.
    KeyframeChecksum = "KEYFRAME_CHECKSUM", Error, "a keyframe was changed since it was recorded";
    means "When the keyframe was found right, its checksum was recorded; what is stored now has another one.";
    happens "Disk damage, an edit, or another program wrote the keyframe again.";
    todo "If nothing else is found in it, `snapctl verify --record` records it anew. Otherwise delete the row: \
        rebuilds do without it.";

    /// A keyframe's own state differs.
    KeyframeState = "KEYFRAME_STATE", Error, "a keyframe's state is not that of the replay";
    means "The state of the keyframe's own scope is not the one that the operations up to its label lead to. Every \
        read that starts from it is wrong.";
    happens "The reference itself writes such keyframes, when it reads over undos and skips from a cache that holds \
        only the end of a history. Or a reducer has changed, or the keyframe or the log was edited.";
    todo "`snapctl rebuild DOC/SCOPE:keyframe:N` shows what is stored, `snapctl rebuild DOC/SCOPE:N` what is right. \
        If HASH_DIFFERS names an earlier operation, begin there: then the log may be to blame. If not, delete the \
        row: rebuilds do without it.";

    /// Another scope of a keyframe differs.
    KeyframeOtherScope = "KEYFRAME_OTHER_SCOPE", Error, "a keyframe's state of another scope is not that of the replay";
    means "A keyframe holds a whole document. In a scope other than its own it differs from the rebuild that it was \
        made from, which no recorded hash shows.";
    happens "As with KEYFRAME_STATE: a read from a cache that holds only the end of a history, another reducer, or an \
        edit.";
    todo "`snapctl rebuild DOC/SCOPE:keyframe:N` shows what is stored, `snapctl rebuild DOC/SCOPE:N` what is right. \
        Delete the row: rebuilds do without it, and a keyframe can be made again.";

    /// A keyframe's header differs.
    KeyframeHeader = "KEYFRAME_HEADER", Error, "a keyframe's header is not that of the replay";
    means "A member of its header differs from the rebuild that it was made from: name, id, type, creator, protocol \
        versions. Next indices and the time of the last change are not compared.";
    happens "The keyframe, or the operation that created the document, was edited.";
    todo "`snapctl rebuild DOC/SCOPE:keyframe:N` shows what is stored, `snapctl rebuild DOC/SCOPE:N` what is right. \
        Delete the row: rebuilds do without it, and a keyframe can be made again.";

    /// A keyframe's initial state differs.
    KeyframeInitial = "KEYFRAME_INITIAL", Error, "a keyframe's initial state is not that of the replay";
    means "Undos and skips after the keyframe start from the initial state that it holds, and that is not the \
        document's.";
    happens "The keyframe, or the upgrade that gave the document its initial state, was edited.";
    todo "`snapctl rebuild DOC/SCOPE:keyframe:N` shows what is stored, `snapctl rebuild DOC/SCOPE:N` what is right. \
        Delete the row: rebuilds do without it, and a keyframe can be made again.";

    /// A keyframe was made before the state it stands on was replaced.
    KeyframeSuperseded = "KEYFRAME_SUPERSEDED", Warning, "an upgrade replaced what a keyframe stands on";
    means "After the keyframe was written, an upgrade from version 0 was recorded in the document scope. A rebuild \
        from the log starts from the initial state of that upgrade; the keyframe still holds the one before.";
    happens "A document was initialised twice.";
    todo "Delete the row: rebuilds do without it, and a keyframe can be made again.";

    /// A keyframe was made by another model.
    KeyframeStale = "KEYFRAME_STALE", Note, "a keyframe was recorded for another version of its model";
    means "The fingerprint of the model has changed since the keyframe was recorded, so it no longer serves as a \
        base. Its state was compared with the replay all the same.";
    happens "The model was updated, or snapctl was.";
    todo "`snapctl verify --record` records it for the present model if it still fits.";

    /// A keyframe follows an older convention.
    KeyframeConvention = "KEYFRAME_CONVENTION", Note, "a keyframe is labelled as older releases did";
    means "Older releases filed a state under a label one too high, or let its header name the head of the store. \
        Whoever resumes from the lower of both numbers is right with either. The reference's integrity check reports \
        the first kind as an error.";
    happens "The keyframe was written before release 6.2.2.";
    todo "Nothing.";

    /// A read model row differs.
    SnapshotDiffers = "SNAPSHOT_DIFFERS", Error, "a row of the read model is not the replayed state";
    means "The row of table DocumentSnapshot holds another state than the operations up to the index that it names \
        lead to.";
    happens "The read model missed operations, was edited, or was filled from a cache that answered wrongly.";
    todo "Let the reactor build its read model anew; the log is not concerned.";

    /// A read model row is ahead.
    SnapshotAhead = "SNAPSHOT_AHEAD", Error, "a row of the read model is ahead of the log";
    means "The row of table DocumentSnapshot names an operation that the log does not have.";
    happens "The end of the log was lost, or an older copy of it took its place.";
    todo "Get the operations from another copy: `snapctl export DOC/SCOPE` there, `snapctl import` here. If there are \
        none, let the reactor build its read model anew.";
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
