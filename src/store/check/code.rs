//! The codes of what is found below the documents: a contract. A code never changes its meaning, and new ones may come.

use std::fmt;

use crate::model::explanation::Explanation;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It costs time or space, or may become an error.
    Warning,
    /// Something is broken or lost.
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

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $severity:ident, $title:literal;
        means $means:literal; happens $happens:literal; todo $todo:literal;)*) => {
        /// What a finding is. Names never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// All of them, in the order of the checks.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// Its name, in kebab case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)*
                }
            }

            /// How bad it is, unless a finding says that it is less so.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Code::$code => Severity::$severity,)*
                }
            }

            /// What it is, what it means, how it happens, and what to do.
            #[must_use]
            pub fn explanation(self) -> Explanation {
                match self {
                    $(Code::$code =>
                        Explanation { title: $title, means: $means, happens: $happens, todo: $todo },)*
                }
            }
        }
    };
}

codes! {
    /// Pages of the file do not fit together, or cannot be read.
    Damaged = "file-damaged", Error, "the file is damaged";
    means "SQLite cannot read a part of the file, or found pages that do not fit together. Rows may be missing or of \
        an earlier time, and nothing else that is found in such a file can be relied on.";
    happens "A disk or a memory has lost something, the file was copied while a program wrote to it, its journal or \
        write-ahead log was deleted or came from another file, or a program wrote over a part of it.";
    todo "Stop the program that writes to it, and copy the file with what is beside it. `sqlite3 FILE .recover | \
        sqlite3 NEW` saves what can be read, and `snapctl --store NEW verify` says what is missing. A backup is \
        better.";

    /// An index does not have the rows of its table.
    IndexDamaged = "index-damaged", Error, "an index does not have the rows of its table";
    means "Rows are in a table and not in one of its indexes, or the other way round. What is looked up by that index \
        is not found, or found twice.";
    happens "As with file-damaged; also a program whose SQLite sorts texts in another way.";
    todo "`sqlite3 FILE REINDEX` makes indexes anew from the tables. It fails where keys are not unique: \
        duplicate-operation and its like say where that is.";

    /// Rows refer to rows that are not there.
    ForeignKey = "foreign-key", Error, "rows refer to rows that are not there";
    means "A table declares that its rows belong to rows of another, and some of those are missing. The tables that \
        snapctl reads declare nothing of the kind.";
    happens "A program deleted rows without having SQLite watch over these declarations.";
    todo "`sqlite3 FILE 'PRAGMA foreign_key_check'` lists the rows; whose tables they are has to say what is right.";

    /// The main file lacks much of what the write-ahead log has.
    LogPending = "log-pending", Warning, "much is in the write-ahead log alone";
    means "Changes are in the -wal file and have not been copied to the file itself. Nothing is wrong, but reading \
        takes longer, and a copy of the main file alone lacks them. A little of that is noted only.";
    happens "A reader has kept a transaction open for long, or the program that wrote has not come to a checkpoint.";
    todo "End long readers; `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'` copies what there is. Never copy or \
        delete one of the two files without the other.";

    /// The write-ahead log is large, and nothing in it is needed.
    LogLarge = "log-large", Note, "the write-ahead log is large and not needed";
    means "The file has all that is in the -wal file, which keeps the size that it once had.";
    happens "A large change, or a reader that kept a transaction open while much was written.";
    todo "`sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'` makes it small again.";

    /// Readers and writers wait for each other.
    RollbackJournal = "rollback-journal", Note, "readers and writers wait for each other";
    means "With a rollback journal a writer waits until all readers are done, and readers wait while it commits.";
    happens "It is how SQLite makes files unless it is told otherwise.";
    todo "`sqlite3 FILE 'PRAGMA journal_mode = WAL'`, if every program that opens the file is on the same machine and \
        may write beside it.";

    /// Pages are smaller than what disks and memory work with.
    PageSize = "page-size", Warning, "pages are small";
    means "A page is what SQLite reads and writes at once. With small ones a keyframe is spread over many, and a \
        large file has more of them than need be. In a small file it is noted only.";
    happens "An old SQLite made the file, or somebody chose the size.";
    todo "`sqlite3 FILE 'PRAGMA page_size = 4096; VACUUM'` writes the file anew. A file with a write-ahead log has to \
        leave that mode first: the command that comes with the finding does.";

    /// Much of the file holds nothing.
    FreePages = "free-pages", Warning, "much of the file holds nothing";
    means "A quarter of the file or more is free: deleted rows leave pages that SQLite uses again and does not give \
        back.";
    happens "Keyframes were dropped or compressed, or another program deleted much.";
    todo "`snapctl keyframe compact --vacuum` or `sqlite3 FILE VACUUM` gives them back. It takes as much space again \
        while it runs, and keeps others from writing.";

    /// Every commit moves pages.
    AutoVacuum = "auto-vacuum", Note, "every commit moves pages";
    means "With full auto-vacuum SQLite fills each hole at once with pages from the end of the file. That makes \
        commits slower, and scatters tables.";
    happens "The program that made the file chose it.";
    todo "`sqlite3 FILE 'PRAGMA auto_vacuum = INCREMENTAL'` gives pages back when it is asked to.";

    /// An index that the reference makes is missing.
    IndexMissing = "index-missing", Warning, "an index or a unique key is missing";
    means "The reference makes this index, and snapctl looks rows up by it. Without an index every look reads a whole \
        table; without a unique key two programs can write the same position.";
    happens "The file was filled from a dump without its indexes, or somebody dropped it.";
    todo "Run the command that comes with the finding. For a unique key that fails as long as rows have it in common: \
        duplicate-operation and its like say which.";

    /// An index is the beginning of another.
    IndexRedundant = "index-redundant", Warning, "an index does nothing that another does not";
    means "All its columns are the first of another index, by which the same rows are found. It costs space, and time \
        with every row that is written. The one that the reference makes is noted only.";
    happens "It was made before the other, or beside a unique key, which has an index of its own.";
    todo "Run the command that comes with the finding, unless the program that writes needs the index by name.";

    /// The planner does not know how large tables are.
    StatisticsMissing = "statistics-missing", Note, "there are no statistics of the log";
    means "SQLite chooses between indexes by what ANALYZE has counted. Without that it guesses, which is good enough \
        for what snapctl asks.";
    happens "Nobody has run ANALYZE since the file was made.";
    todo "`sqlite3 FILE ANALYZE`, and again when the file has grown much.";

    /// Several operations have one index in a stream.
    DuplicateOperation = "duplicate-operation", Error, "several operations have one index in a stream";
    means "A position of a stream has more than one row. Which of them is replayed is not said, so that answers may \
        differ from program to program.";
    happens "The unique key is missing or its index damaged, and two programs appended at once, or a dump was loaded \
        twice.";
    todo "`snapctl log DOC/SCOPE` shows them. Decide which is right, delete the other with sqlite3, and make the \
        unique key again.";

    /// Several operations have one id, index and skip.
    DuplicateInstance = "duplicate-instance", Error, "several rows have one operation id, index and skip";
    means "The reference takes a row with the same id, index and skip for the same operation. Here several rows have \
        them in common.";
    happens "The unique key is missing or its index damaged, and rows were copied between streams or loaded twice.";
    todo "The command that comes with the finding lists them. Delete what is a copy with sqlite3, and make the unique \
        key again.";

    /// Several keyframes have one label in a stream.
    DuplicateKeyframe = "duplicate-keyframe", Error, "several keyframes have one label in a stream";
    means "A stream has more than one keyframe at a revision, and they need not be the same.";
    happens "The unique key is missing or its index damaged, and a keyframe was inserted instead of replaced.";
    todo "`snapctl keyframe prune DOC/SCOPE:N..N` drops them all, and `snapctl keyframe write DOC/SCOPE --at N` makes \
        it anew from the log.";

    /// Our own tables are of an older or a newer version.
    OwnVersion = "own-version", Warning, "the tables of snapctl are of another version";
    means "Tables of an older version are read as they are, which is noted only. Those of a newer one are left alone: \
        neither compressed keyframes nor what was found of any is known, and the log is read all the same.";
    happens "Another version of snapctl has made or changed them.";
    todo "Of older ones: `snapctl store migrate`, or any command that changes keyframes. Of newer ones: use the newer \
        snapctl, whose `store migrate --remove` puts compressed keyframes back.";

    /// Some of our own tables are missing.
    OwnPartial = "own-partial", Error, "tables of snapctl are missing or not its own";
    means "Some tables that begin with snapctl_ are there and others are not, or they are not such as snapctl makes. \
        None of them is used.";
    happens "A program dropped or renamed some, or the file was copied table by table.";
    todo "Get the missing ones from a backup. Without any of them the store works as before: what was compressed or \
        recorded is gone then, and `snapctl keyframe write` makes keyframes anew.";

    /// A row of our own tables does not decode.
    OwnRow = "own-row", Error, "a row of the tables of snapctl does not decode";
    means "A row in a table of snapctl holds a value that snapctl does not write. What is known of that keyframe or \
        stream is not used.";
    happens "A program edited it, or the file is damaged.";
    todo "Delete the row that is named with sqlite3, and check anew: `snapctl verify --record`.";

    /// What is recorded is of keyframes that are gone.
    RecordOrphan = "record-orphan", Warning, "records of keyframes that are gone";
    means "It is recorded what a check found of keyframes that are not there any more. That does no harm, and takes \
        some bytes.";
    happens "Another program deleted keyframes.";
    todo "The command that comes with the finding deletes the records.";

    /// A compressed keyframe has lost its bytes.
    BodyMissing = "body-missing", Error, "compressed keyframes have lost their bytes";
    means "A keyframe is listed as compressed, and its bytes are not there. It cannot be read; rebuilds pass it over.";
    happens "A program deleted rows of snapctl_body.";
    todo "`snapctl keyframe write DOC/SCOPE --at N --replace` makes it anew from the log.";

    /// A compressed keyframe has lost what its bytes are a difference to.
    BaseMissing = "base-missing", Error, "compressed keyframes have lost what they are differences to";
    means "With zstd-delta the keyframes of a group are stored as differences to its first, and that one's bytes are \
        not there. None of the group can be read; rebuilds pass them over.";
    happens "A program deleted rows of snapctl_body.";
    todo "`snapctl keyframe write DOC/SCOPE --at N --replace` for each of them; `snapctl keyframe list DOC` shows \
        which there are.";

    /// Compressed bytes belong to no keyframe.
    BodyOrphan = "body-orphan", Warning, "compressed bytes belong to no keyframe";
    means "Bytes of compressed keyframes are there that no keyframe has. That does no harm, and takes space.";
    happens "A program deleted rows of snapctl_keyframe.";
    todo "The command that comes with the finding deletes them.";

    /// A compressed keyframe cannot be read.
    BodyDamaged = "body-damaged", Error, "compressed keyframes cannot be read";
    means "The bytes of a compressed keyframe do not decompress, or not to the text that was written. Rebuilds pass \
        it over. Only `snapctl store check --bodies` and `snapctl verify` look for it.";
    happens "A disk has lost something, or a program changed rows of snapctl_body.";
    todo "`snapctl keyframe write DOC/SCOPE --at N --replace` makes it anew from the log.";

    /// A keyframe has been changed since it was checked.
    RecordStale = "record-stale", Warning, "keyframes have been changed since they were recorded";
    means "The text of a keyframe is another one than when it was written or found right. What was found does not \
        hold for it, and no rebuild starts from it by default. Only `snapctl store check --bodies` and `snapctl \
        verify` look for it.";
    happens "Another program wrote the keyframe anew, with or without reason.";
    todo "`snapctl verify --record DOC/SCOPE` checks it, and records what it finds.";

    /// A stream that was checked has lost operations.
    SealOrphan = "seal-orphan", Warning, "streams have lost operations since they were checked";
    means "A stream was sealed up to an operation that is not there any more. Neither the reference nor snapctl ever \
        deletes one.";
    happens "The end of the log was lost, or an older copy of it took its place.";
    todo "Get the operations from another copy: `snapctl export DOC/SCOPE` there, `snapctl import` here. If it is \
        meant, `snapctl verify --record DOC/SCOPE` seals what there is.";

    /// Parts of the history belong to nothing.
    HistoryOrphan = "history-orphan", Warning, "parts of the history belong to nothing";
    means "The history of keyframes has changes without a run, or bodies without a change. They cannot be undone, and \
        take space.";
    happens "A program deleted rows of snapctl_run or snapctl_mutation.";
    todo "The command that comes with the finding deletes them.";

    /// A change of keyframes was not finished.
    RunUnfinished = "run-unfinished", Note, "a change of keyframes is not finished";
    means "A command that changes keyframes has begun and not said that it has ended. What it did is whole, and \
        noted.";
    happens "It is at work, its time was over, or it was killed.";
    todo "`snapctl keyframe history` shows which; the same command again goes on, and `snapctl keyframe undo` takes \
        it back.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_in_sentences() {
        for code in Code::ALL {
            let Explanation { title, means, happens, todo } = code.explanation();
            assert!(!title.ends_with('.') && !title.is_empty(), "{code}");
            for text in [means, happens, todo] {
                assert!(text.ends_with('.') && !text.contains("  "), "{code}: {text}");
            }
        }
    }
}
