//! What `watch` tells.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value;

use crate::cache::Cause;
use crate::cli::render::queue::QueueView;
use crate::cli::render::table::one_line;
use crate::cli::ui::{Format, Out, StdoutError};
use crate::model::ids::{Revision, StreamKey};
use crate::queue;
use crate::replay::Snapshot;
use crate::watch::{Event, Lost, Position};

/// Something that has happened.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[schemars(rename = "WatchEvent", transform = describe_tag)]
pub(in crate::cli) enum EventView {
    /// An operation was added.
    Operation {
        /// The document.
        document: String,
        /// Its type, as the operation names it.
        document_type: String,
        /// The scope.
        scope: String,
        /// The branch.
        branch: String,
        /// The position of the operation in its stream, which names the state after it.
        revision: u64,
        /// How many positions before it, or operations, it takes back.
        skip: u32,
        /// The id of the operation.
        operation: String,
        /// The type of its action.
        #[serde(rename = "type")]
        kind: String,
        /// When it was made.
        #[schemars(extend("format" = "date-time"))]
        timestamp: String,
        /// Why it failed, as stored; `null` if it did not.
        error: Option<String>,
        /// Why it was denied, as stored; `null` if it was not.
        denied_reason: Option<String>,
        /// Its number in the order of insertion.
        serial: i64,
        /// What `--since` goes on from after this event.
        position: String,
    },
    /// A keyframe was added, or stored in another way.
    Keyframe {
        /// The document.
        document: String,
        /// Its type, as the keyframe names it.
        document_type: String,
        /// The scope.
        scope: String,
        /// The branch.
        branch: String,
        /// The revision that it is of; negative in damaged stores.
        revision: i64,
        /// How it is stored.
        codec: &'static str,
        /// How large it is, as it is stored.
        size_bytes: u64,
        /// Its number among the keyframes that are stored as JSON, or among those that are not.
        serial: i64,
        /// What `--since` goes on from after this event.
        position: String,
    },
    /// Entries were dropped from the cache.
    Drop {
        /// The rule that says so; `null` if the log is another one.
        rule: Option<String>,
        /// Why.
        cause: &'static str,
        /// The document that it was about; `null` if it was about none.
        document: Option<String>,
        /// How many entries those were.
        entries: u64,
        /// What `--since` goes on from after this event.
        position: String,
    },
    /// A document was rebuilt into the cache.
    Warmed {
        /// The document.
        document: String,
        /// The branch.
        branch: String,
        /// The head of each scope; `null` for one without operations.
        revision: BTreeMap<String, Option<u64>>,
        /// How many operations were read for it.
        operations_read: u64,
        /// What `--since` goes on from after this event.
        position: String,
    },
    /// What was told before is not what is there; all of that follows.
    Reset {
        /// What is meant: `log`, operations and keyframes, or `keyframes` alone.
        #[schemars(extend("enum" = ["log", "keyframes"]))]
        lost: &'static str,
        /// What `--since` goes on from after this event.
        position: String,
    },
}

/// The tag is no member that could have a comment.
fn describe_tag(schema: &mut Schema) {
    let kinds = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for kind in kinds.into_iter().flatten() {
        kind["properties"]["event"]["description"] = "What has happened.".into();
    }
}

/// What a run came to, on stderr at the end.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "WatchSummary")]
pub(in crate::cli) struct SummaryView {
    /// What was told.
    watched: WatchedView,
    /// States that were to be put into the cache file behind the events; not there if there is no such file to be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "QueueView")]
    disk: Option<QueueView>,
}

/// What was told.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Watched")]
pub(in crate::cli) struct WatchedView {
    /// Operations.
    operations: u64,
    /// Keyframes.
    keyframes: u64,
    /// How often what was there was another log, or other keyframes.
    resets: u64,
    /// Entries that were dropped from the cache.
    entries_dropped: u64,
    /// Documents that were rebuilt into the cache, each as often as it was.
    warmed: u64,
    /// Documents that could not be rebuilt.
    not_warmed: u64,
    /// What `--since` goes on from; `null` if the store was never looked at.
    position: Option<String>,
}

/// What has been told so far.
#[derive(Default)]
pub(super) struct Counts {
    operations: u64,
    keyframes: u64,
    resets: u64,
    pub(super) entries_dropped: u64,
    pub(super) warmed: u64,
    pub(super) not_warmed: u64,
}

impl EventView {
    /// What the follower told, which is counted.
    pub(super) fn of(event: Event, position: Position, counts: &mut Counts) -> Self {
        let position = position.to_string();
        match event {
            Event::Operation(operation) => {
                counts.operations += 1;
                let StreamKey { document, scope, branch } = &operation.stream;
                EventView::Operation {
                    document: document.as_str().to_owned(),
                    document_type: operation.document_type.as_str().to_owned(),
                    scope: scope.as_str().to_owned(),
                    branch: branch.as_str().to_owned(),
                    revision: operation.index.get(),
                    skip: operation.skip.map_or(0, std::num::NonZeroU32::get),
                    operation: operation.id.as_str().to_owned(),
                    kind: operation.kind,
                    timestamp: operation.timestamp.to_string(),
                    error: operation.error,
                    denied_reason: operation.denied,
                    serial: operation.serial.number(),
                    position,
                }
            }
            Event::Keyframe { serial, entry } => {
                counts.keyframes += 1;
                let StreamKey { document, scope, branch } = &entry.stream;
                EventView::Keyframe {
                    document: document.as_str().to_owned(),
                    document_type: entry.document_type.as_str().to_owned(),
                    scope: scope.as_str().to_owned(),
                    branch: branch.as_str().to_owned(),
                    revision: entry.label,
                    codec: entry.codec.name(),
                    size_bytes: entry.size_bytes,
                    serial: serial.number(),
                    position,
                }
            }
            Event::Reset(lost) => {
                counts.resets += 1;
                let lost = match lost {
                    Lost::Log => "log",
                    Lost::Keyframes => "keyframes",
                };
                EventView::Reset { lost, position }
            }
        }
    }

    pub(super) fn drop(
        rule: Option<&str>,
        cause: Cause,
        document: Option<&str>,
        entries: u64,
        position: Option<Position>,
    ) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (rule, document) = (owned(rule), owned(document));
        EventView::Drop { rule, cause: cause.as_str(), document, entries, position: shown(position) }
    }

    pub(super) fn warmed(snapshot: &Snapshot, position: Option<Position>) -> Self {
        let heads = snapshot.revision.iter();
        EventView::Warmed {
            document: snapshot.document.as_str().to_owned(),
            branch: snapshot.branch.as_str().to_owned(),
            revision: heads.map(|(scope, head)| (scope.as_str().to_owned(), head.map(Revision::get))).collect(),
            operations_read: snapshot.explain.operations_read,
            position: shown(position),
        }
    }

    /// Prints it: as a line of text for a person at a terminal, or else as a line of JSON.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(super) fn print(&self, out: &mut Out) -> Result<(), StdoutError> {
        if out.format() == Format::Plain && out.width().is_some() {
            return out.line(&self.told());
        }
        out.json_line(|out| Ok(serde_json::to_writer(out, self)?))
    }

    /// As a person reads it.
    fn told(&self) -> String {
        let place = |document: &str, scope: &str, branch: &str| StreamKey {
            document: document.into(),
            scope: scope.into(),
            branch: branch.into(),
        };
        let (first, rest) = match self {
            EventView::Operation {
                document,
                scope,
                branch,
                revision,
                skip,
                kind,
                timestamp,
                error,
                denied_reason,
                ..
            } => {
                let skip = if *skip > 0 { format!("  takes back {skip}") } else { String::new() };
                let outcome = match (denied_reason, error) {
                    (Some(reason), _) => format!("  denied: {reason}"),
                    (None, Some(error)) => format!("  failed: {error}"),
                    (None, None) => String::new(),
                };
                let stream = place(document, scope, branch);
                (timestamp.as_str(), format!("{stream}:{revision}  {kind}{skip}{outcome}"))
            }
            EventView::Keyframe { document, scope, branch, revision, codec, size_bytes, .. } => {
                ("keyframe", format!("{}:{revision}  {codec}, {size_bytes} bytes", place(document, scope, branch)))
            }
            EventView::Drop { rule, cause, document, entries, .. } => {
                let document = document.as_ref().map(|document| format!("  {document}")).unwrap_or_default();
                let why = rule.as_deref().unwrap_or(cause);
                ("dropped", format!("{entries} from the cache{document}  {why}"))
            }
            EventView::Warmed { document, operations_read, .. } => {
                ("warmed", format!("{document}  {operations_read} operations read"))
            }
            EventView::Reset { lost: "log", .. } => ("reset", "this is another log; all of it follows".to_owned()),
            EventView::Reset { .. } => ("reset", "the newest keyframes are gone; all that are there follow".to_owned()),
        };
        one_line(&format!("{first:24}  {rest}")).into_owned()
    }
}

fn shown(position: Option<Position>) -> String {
    position.unwrap_or(Position::START).to_string()
}

impl SummaryView {
    pub(super) fn of(counts: &Counts, position: Option<Position>, disk: Option<queue::Counts>) -> Self {
        let Counts { operations, keyframes, resets, entries_dropped, warmed, not_warmed } = *counts;
        let position = position.map(|position| position.to_string());
        SummaryView {
            watched: WatchedView { operations, keyframes, resets, entries_dropped, warmed, not_warmed, position },
            disk: disk.map(QueueView::of),
        }
    }

    /// As a person reads it.
    pub(super) fn told(&self) -> String {
        let WatchedView { operations, keyframes, position, .. } = &self.watched;
        let from = position.as_ref().map(|position| format!("; --since {position} goes on")).unwrap_or_default();
        format!("{operations} operations and {keyframes} keyframes were told{from}")
    }
}
