//! Rows that have in common what the reference keeps unique.

use super::{Check, Checked, EXAMPLES, sql};
use crate::store::check::{Code, FileCheck, Remedy};
use crate::store::sqlite::schema::{KEYFRAME, OPERATION};

/// A unique key of the reference (reactor format §2.1 and §2.2).
struct Key {
    code: Code,
    table: &'static str,
    columns: &'static [&'static str],
    duplicates: &'static str,
    message: &'static str,
}

const KEYS: [Key; 3] = [
    Key {
        code: Code::DuplicateOperation,
        table: OPERATION,
        columns: &["documentId", "scope", "branch", "index"],
        duplicates: sql::DUPLICATE_OPERATIONS,
        message: "positions of streams have several operations each",
    },
    Key {
        code: Code::DuplicateInstance,
        table: OPERATION,
        columns: &["opId", "index", "skip"],
        duplicates: sql::DUPLICATE_INSTANCES,
        message: "combinations of operation id, index and skip are in several rows each",
    },
    Key {
        code: Code::DuplicateKeyframe,
        table: KEYFRAME,
        columns: &["documentId", "scope", "branch", "revision"],
        duplicates: sql::DUPLICATE_KEYFRAMES,
        message: "labels of streams have several keyframes each",
    },
];

impl Check<'_> {
    pub(super) fn keys(&mut self) -> Checked {
        let read = self.transaction;
        for key in &KEYS {
            if key.table == KEYFRAME && !read.session().schema.keyframes {
                continue;
            }
            // An index that makes it unique is not asked whether it does, unless it may be damaged.
            let guarded = read.indexes_of(key.table)?.iter().any(|index| index.makes_unique(key.columns));
            if guarded && self.depth.file == FileCheck::Quick {
                continue;
            }
            let (count, examples) = self.listed(key.duplicates, EXAMPLES)?;
            if count > 0 {
                let remedy = Remedy::Sql(key.duplicates.split_whitespace().collect::<Vec<_>>().join(" "));
                self.find(key.code, count, key.message, Some(remedy)).examples = examples;
            }
        }
        Ok(())
    }
}
