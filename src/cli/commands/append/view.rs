//! What `append` answers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::exit::{Refusal, Report};
use crate::cli::render::queue::{QueueView, tell_left};
use crate::cli::render::table::one_line;
use crate::cli::render::tier::{ReadsView, TierView};
use crate::cli::tiers::Ran;
use crate::cli::ui::Talk;
use crate::executor::Appended;
use crate::keyframe::Due;
use crate::queue::{Counts, Ended};

/// What became of an action.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
#[schemars(rename = "AppendAnswer")]
pub(in crate::cli) enum LineView {
    /// It is in the store.
    Appended(AppendedView),
    /// Nothing was recorded of it.
    Refused(RefusedView),
}

/// An operation that is in the store.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AppendedOperation")]
pub(in crate::cli) struct AppendedView {
    /// The line of the action on stdin, counted from 1; `null` for an operation that makes a document, and for an undo.
    line: Option<u64>,
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// Its position in the stream.
    index: u64,
    /// How many positions before it, or operations, it takes back.
    skip: u32,
    /// The id of the operation.
    operation_id: String,
    /// The id of its action.
    action_id: String,
    /// The hash of the state after it; `null` where the reference records none.
    hash: Option<String>,
    /// What the reducer said when it failed; the operation has recorded it.
    error: Option<String>,
    /// Whether it was in the store already, so that nothing was added.
    repeated: bool,
}

/// An action that was refused.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "RefusedAction")]
pub(in crate::cli) struct RefusedView {
    /// The line of the action on stdin, counted from 1; `null` for what does not stand there.
    line: Option<u64>,
    /// Why.
    error: Report,
}

/// What became of keyframes and tiers, on stderr at the end.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AppendSummary")]
pub(in crate::cli) struct SummaryView {
    /// Keyframes that were to be written; not there if none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "QueueView")]
    keyframes: Option<QueueView>,
    /// States that were handed to the cache file behind the operations; what it did not take is among the failures of its tier.
    /// Not there if none were to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "QueueView")]
    disk: Option<QueueView>,
    /// What became of reads of heads.
    reads: ReadsView,
    /// What became of requests to the tiers, the nearest first.
    tiers: Vec<TierView>,
}

/// Says what became of keyframes and tiers, and whether all was written.
pub(super) fn tell(talk: &Talk, keyframes: Option<&Ended<Due>>, ran: &Ran) -> bool {
    if talk.is_json() {
        let view = SummaryView {
            keyframes: keyframes.map(|ended| QueueView::of(ended.counts)),
            disk: ran.behind.as_ref().map(|ended| QueueView::of(ended.counts)),
            reads: ran.reads.into(),
            tiers: ran.stats().iter().map(|(name, stats)| TierView::of(*name, stats)).collect(),
        };
        talk.summary(&view, "");
    } else if let Some(Counts { queued: queued @ 1.., written, .. }) = keyframes.map(|ended| ended.counts) {
        talk.note(format_args!("{written} of {queued} keyframes were written"));
    }
    let keyframes = keyframes.is_none_or(|ended| tell_left(talk, "keyframe", ended));
    let states = ran.behind.as_ref().is_none_or(|ended| tell_left(talk, "state for the cache file", ended));
    keyframes && states
}

impl LineView {
    pub(super) fn of(line: Option<u64>, result: &Result<Appended, Refusal>) -> Self {
        match result {
            Ok(appended) => LineView::Appended(AppendedView {
                line,
                document: appended.stream.document.as_str().to_owned(),
                scope: appended.stream.scope.as_str().to_owned(),
                branch: appended.stream.branch.as_str().to_owned(),
                index: appended.index.get(),
                skip: appended.skip,
                operation_id: appended.operation.as_str().to_owned(),
                action_id: appended.action.clone(),
                hash: appended.hash.map(|hash| hash.to_string()),
                error: appended.error.clone(),
                repeated: appended.repeated,
            }),
            Err(refusal) => LineView::Refused(RefusedView { line, error: Report::of(&refusal.clone().into()).1 }),
        }
    }

    /// As a person reads it.
    pub(super) fn told(&self) -> String {
        let text = match self {
            LineView::Appended(view) => {
                let AppendedView { document, scope, branch, index, skip, error, repeated, .. } = view;
                let branch = if branch == "main" { String::new() } else { format!("@{branch}") };
                let skip = if *skip > 0 { format!("  takes back {skip}") } else { String::new() };
                let known = if *repeated { "  was there already" } else { "" };
                let error = error.as_ref().map(|error| format!("  failed: {error}")).unwrap_or_default();
                format!("{document}/{scope}{branch}:{index}{skip}{known}{error}")
            }
            LineView::Refused(RefusedView { line, error }) => {
                let line = line.map(|line| format!("line {line}  ")).unwrap_or_default();
                format!("{line}refused: {}", error.message)
            }
        };
        one_line(&text).into_owned()
    }
}
