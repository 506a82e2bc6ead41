//! Our own tables.

use super::{Check, Checked, EXAMPLES, sql};
use crate::model::checksum::Checksum;
use crate::model::ids::{OpIndex, Revision, StreamKey};
use crate::store::check::{Bodies, Code, Remedy, Severity};
use crate::store::records::{KeyframeRecord, VERSION, Within};
use crate::store::sqlite::own::{Own, place};
use crate::store::{Codec, Flow, History as _, Read as _, Records as _, StoreError};

/// A count, and the first few.
type Listed = (u64, Vec<String>);

impl Check<'_> {
    pub(super) fn own_tables(&mut self) -> Checked {
        match self.transaction.own()? {
            Own::Absent => return Ok(()),
            Own::Present(version) => {
                self.facts.own_version = Some(version);
                if version < VERSION {
                    let message = format!(
                        "the tables of snapctl are of version {version}; those of {VERSION} make reading faster, and come with \
                         the next change"
                    );
                    self.find(Code::OwnVersion, 1, message, Some(Remedy::Migrate)).severity = Severity::Note;
                }
            }
            Own::Newer(version) => {
                self.facts.own_version = Some(version);
                let message = format!(
                    "the tables of snapctl are of version {version}, and this program knows {VERSION}; a newer snapctl reads them"
                );
                self.find(Code::OwnVersion, 1, message, None);
                return Ok(());
            }
            Own::Partial => {
                let message = "some of the tables of snapctl are missing, or are not its own";
                let remedy = Remedy::Sql("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'snapctl%'".to_owned());
                self.find(Code::OwnPartial, 1, message, Some(remedy));
                return Ok(());
            }
        }
        let decoded = self.decodes();
        match decoded {
            Err(error @ StoreError::Corrupt { .. }) => {
                let message = "a row of the tables of snapctl does not decode";
                self.find(Code::OwnRow, 1, message, None).examples.push(error.to_string());
            }
            other => other?,
        }
        self.orphans()?;
        self.history_rows()?;
        if self.depth.bodies == Bodies::Read {
            self.compare_bodies()?;
        }
        Ok(())
    }

    /// Reads all rows once, without bodies.
    fn decodes(&self) -> Checked {
        let read = self.transaction;
        let go_on = Flow::Continue(());
        read.keyframe_records(Within::Everything, &mut |_| go_on)?;
        read.stream_seals(Within::Everything, &mut |_| go_on)?;
        read.mutations(None, &mut |_| go_on)
    }

    fn orphans(&mut self) -> Checked {
        if self.transaction.session().schema.keyframes {
            self.places(
                sql::RECORD_ORPHANS,
                (Code::RecordOrphan, "keyframes are gone, and what is known of them is still recorded"),
                &|_| Some(Remedy::Sql(sql::FORGET_RECORD_ORPHANS.to_owned())),
            )?;
        }
        for (statement, code, message) in [
            (sql::BODIES_MISSING, Code::BodyMissing, "compressed keyframes have lost their bytes"),
            (sql::BASES_MISSING, Code::BaseMissing, "compressed keyframes have lost what they are differences to"),
        ] {
            self.places(statement, (code, message), &rewrite)?;
        }
        let (count, examples) = self.listed(sql::BODY_ORPHANS, EXAMPLES)?;
        if count > 0 {
            let remedy = Remedy::Sql(sql::DROP_BODY_ORPHANS.to_owned());
            let message = "compressed bodies belong to no keyframe";
            self.find(Code::BodyOrphan, count, message, Some(remedy)).examples = examples;
        }
        self.places(
            sql::SEAL_ORPHANS,
            (Code::SealOrphan, "streams have lost operations since they were checked"),
            &|place| place.map(|(stream, _)| Remedy::Recheck(stream)),
        )
    }

    fn history_rows(&mut self) -> Checked {
        let (count, examples) = self.listed(sql::HISTORY_ORPHANS, EXAMPLES)?;
        if count > 0 {
            let remedy = Remedy::Sql(sql::DROP_HISTORY_ORPHANS.to_owned());
            let message = "rows of the history of keyframes belong to nothing";
            self.find(Code::HistoryOrphan, count, message, Some(remedy)).examples = examples;
        }
        let (count, examples) = self.listed(sql::RUNS_UNFINISHED, EXAMPLES)?;
        if count > 0 {
            let message = "changes of keyframes are not finished: they are being made, or were interrupted";
            self.find(Code::RunUnfinished, count, message, Some(Remedy::History)).examples = examples;
        }
        Ok(())
    }

    /// Finds places of keyframes; what helps depends on the first one, if it is one at all.
    fn places(
        &mut self,
        statement: &str,
        (code, message): (Code, &str),
        remedy: &dyn Fn(Option<(StreamKey, Revision)>) -> Option<Remedy>,
    ) -> Checked {
        let read = self.transaction;
        let mut statement = read.prepare(statement)?;
        let mut found = read.driver("read", statement.query([]))?;
        let (mut count, mut examples, mut first) = (0, Vec::new(), None);
        while let Some(row) = read.driver("read", found.next())? {
            count += 1;
            if examples.len() >= EXAMPLES {
                continue;
            }
            let place = || -> rusqlite::Result<(String, String, String, i64)> {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            };
            let Ok((document, scope, branch, label)) = place() else { continue };
            let (document, scope, branch) = (document.as_str().into(), scope.as_str().into(), branch.as_str().into());
            let stream = StreamKey { document, scope, branch };
            examples.push(format!("{stream}:{label}"));
            if let (None, Ok(label)) = (&first, u64::try_from(label)) {
                first = Some((stream, Revision::of(OpIndex::new(label))));
            }
        }
        drop(found);
        if count > 0 {
            self.find(code, count, message, remedy(first)).examples = examples;
        }
        Ok(())
    }

    /// Compares every keyframe that something is recorded of with its checksum.
    fn compare_bodies(&mut self) -> Checked {
        let (mut damaged, mut stale): (Listed, Listed) = Default::default();
        let (mut first_damaged, mut first_stale) = (None, None);
        let (mut compared, mut failed) = (0, Ok(()));
        let visited = self.transaction.keyframe_records(Within::Everything, &mut |record| {
            if self.progress.check().is_err() {
                return Flow::Break(());
            }
            let at = (record.stream.clone(), record.revision);
            match self.compare(record) {
                Ok(Compared::Same) => compared += 1,
                Ok(Compared::Gone) => {}
                Ok(Compared::Changed) => {
                    compared += 1;
                    note(&mut stale, format!("{}:{}", at.0, at.1));
                    first_stale.get_or_insert(at);
                }
                Err(StoreError::Corrupt { reason, .. }) => {
                    compared += 1;
                    note(&mut damaged, format!("{}:{}: {reason}", at.0, at.1));
                    first_damaged.get_or_insert(at);
                }
                Err(error) => {
                    failed = Err(error);
                    return Flow::Break(());
                }
            }
            Flow::Continue(())
        });
        match visited {
            // It was found when rows were decoded.
            Err(StoreError::Corrupt { .. }) => {}
            other => other?,
        }
        failed?;
        self.facts.bodies_compared = compared;
        if damaged.0 > 0 {
            let message = "compressed keyframes cannot be read";
            let finding = self.find(Code::BodyDamaged, damaged.0, message, rewrite(first_damaged));
            finding.examples = damaged.1;
        }
        if stale.0 > 0 {
            let message = "keyframes have been changed by another program since they were recorded";
            let remedy = first_stale.map(|(stream, _)| Remedy::Recheck(stream));
            self.find(Code::RecordStale, stale.0, message, remedy).examples = stale.1;
        }
        Ok(())
    }

    fn compare(&self, record: &KeyframeRecord) -> Result<Compared, StoreError> {
        let (read, KeyframeRecord { stream, revision, .. }) = (self.transaction, record);
        if record.codec != Codec::Json {
            let Some(place) = place(stream, *revision) else { return Ok(Compared::Gone) };
            let Some(body) = read.find_body(place)? else { return Ok(Compared::Gone) };
            return read.read_body(place, &body).map(|_| Compared::Same);
        }
        let Some(text) = read.keyframe_document(stream, *revision)? else { return Ok(Compared::Gone) };
        Ok(if Checksum::of(&text) == record.checksum { Compared::Same } else { Compared::Changed })
    }
}

/// What came of comparing a keyframe with its record.
enum Compared {
    Same,
    Changed,
    Gone,
}

fn note(listed: &mut Listed, example: String) {
    listed.0 += 1;
    if listed.1.len() < EXAMPLES {
        listed.1.push(example);
    }
}

fn rewrite(place: Option<(StreamKey, Revision)>) -> Option<Remedy> {
    place.map(|(stream, revision)| Remedy::Rewrite(stream, revision))
}
