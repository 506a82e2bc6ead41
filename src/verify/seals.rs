//! Seals in a file, for version control: a line of JSON for each stream, in order.
//!
//! ```text
//! {"document":"n1","scope":"global","branch":"main","revision":41,"seal":"<64 hexadecimal digits>","hash":"<state hash>"}
//! ```
//!
//! The hash is for readers: it names the state that the sealed operations lead to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::ids::{DocumentId, NextIndex, Revision, StreamKey};
use crate::model::json::{Json, Text, parse, write_canonical};
use crate::model::seal::Seal;
use crate::store::records::StreamSeal;

/// What was sealed of each stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seals {
    of: BTreeMap<StreamKey, Sealed>,
}

/// The seal of a stream up to a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The last operation sealed.
    pub revision: Revision,
    /// The seal up to there.
    pub seal: Seal,
    /// The hash of the state there, as text.
    pub hash: String,
}

/// A line that is no seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no seal: {reason}")]
pub struct BadSeal {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Seals {
    /// Reads the lines of a file; blank ones are passed over.
    ///
    /// # Errors
    /// For the first line that is no seal, or names a stream a second time.
    pub fn parse(text: &[u8]) -> Result<Self, BadSeal> {
        let mut seals = Seals::default();
        for (n, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let bad = |reason: String| BadSeal { line: n + 1, reason };
            let (stream, sealed) = read(line).map_err(bad)?;
            if seals.of.contains_key(&stream) {
                return Err(bad(format!("there is another one of {stream}")));
            }
            seals.of.insert(stream, sealed);
        }
        Ok(seals)
    }

    /// The lines of a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (StreamKey { document, scope, branch }, Sealed { revision, seal, hash }) in &self.of {
            let quoted = |text: &str| {
                let mut out = Vec::new();
                write_canonical(&Json::from(text), &mut out);
                String::from_utf8_lossy(&out).into_owned()
            };
            let names = [("document", document.as_str()), ("scope", scope.as_str()), ("branch", branch.as_str())];
            let names = names.map(|(name, value)| format!("\"{name}\":{}", quoted(value))).join(",");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{{{names},\"revision\":{revision},\"seal\":\"{seal}\",\"hash\":{}}}", quoted(hash));
        }
        text
    }

    /// The seal of a stream.
    #[must_use]
    pub fn get(&self, stream: &StreamKey) -> Option<&Sealed> {
        self.of.get(stream)
    }

    /// The sealed streams of a document.
    pub fn of_document(&self, document: &DocumentId) -> impl Iterator<Item = (&StreamKey, &Sealed)> {
        let first = StreamKey { document: document.clone(), scope: "".into(), branch: "".into() };
        self.of.range(first..).take_while(move |(stream, _)| stream.document == *document)
    }

    /// The documents with a sealed stream, by id.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentId> {
        let mut last = None;
        self.of.keys().map(|stream| &stream.document).filter(move |document| last.replace(*document) != Some(*document))
    }

    /// Seals what was found sound, up to its head.
    pub fn seal(&mut self, sound: &[StreamSeal]) {
        for StreamSeal { stream, revision, seal, state_hash, .. } in sound {
            let sealed = Sealed { revision: *revision, seal: *seal, hash: state_hash.to_string() };
            self.of.insert(stream.clone(), sealed);
        }
    }
}

fn read(line: &[u8]) -> Result<(StreamKey, Sealed), String> {
    let value = parse(line).map_err(|error| error.to_string())?;
    let text = |name: &str| {
        let text = value.get(name).and_then(Json::as_text).and_then(Text::as_str);
        text.ok_or_else(|| format!("it has no text \"{name}\""))
    };
    let stream =
        StreamKey { document: text("document")?.into(), scope: text("scope")?.into(), branch: text("branch")?.into() };
    let revision = value.get("revision").and_then(Json::as_number).and_then(NextIndex::from_number);
    let revision = Revision::of(revision.ok_or("it has no number \"revision\"")?.index());
    let seal = Seal::parse(text("seal")?).ok_or("its \"seal\" is not 64 hexadecimal digits")?;
    Ok((stream, Sealed { revision, seal, hash: text("hash")?.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_in_order() {
        let line = |document: &str, digit: char| {
            let seal = digit.to_string().repeat(64);
            format!(
                r#"{{"document":"{document}","scope":"g","branch":"main","revision":7,"seal":"{seal}","hash":"h="}}"#
            )
        };
        let text = format!("{}\n\n{}\n", line("b\\\"", 'a'), line("a", '0'));
        let seals = Seals::parse(text.as_bytes()).unwrap();
        assert_eq!(seals.to_text(), format!("{}\n{}\n", line("a", '0'), line("b\\\"", 'a')));
        assert_eq!(Seals::parse(seals.to_text().as_bytes()), Ok(seals));
        let twice = format!("{}\n{}", line("a", '0'), line("a", '1'));
        assert_eq!(
            Seals::parse(twice.as_bytes()).unwrap_err().to_string(),
            "line 2 is no seal: there is another one of a/g"
        );
        assert_eq!(Seals::parse(b"{}").unwrap_err().reason, "it has no text \"document\"");
        assert!(Seals::parse(line("a", 'g').as_bytes()).is_err());
    }
}
