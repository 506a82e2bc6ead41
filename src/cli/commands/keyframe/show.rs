//! `snapctl keyframe show`.

mod body;
mod view;

use std::ops::ControlFlow;

use clap::Args;

use super::found;
use super::view::{KeyframeView, Models};
use crate::cli::args::Literal;
use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::manual::{Example, Page};
use crate::cli::ui::Ui;
use crate::keyframe::Listed;
use crate::model::ids::{NextIndex, Revision, Span, StreamKey};
use crate::model::target::At;
use crate::model::time::Timestamp;
use crate::replay::{ReplayError, Sources, Trust};
use crate::store::{self, KeyframeEntry, Read, Selection, Serial, StoreError, answer};
use crate::verify::{self, Checks, Code, Finding, Level, Part, Severity, Verdict};

use body::Body;
pub(in crate::cli) use view::ShownView;
use view::{Checked, Shown};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe show",
    examples: &[
        Example { does: "What a keyframe is, and whether it is right", run: "snapctl keyframe show field-notes:10" },
        Example { does: "The newest of a stream", run: "snapctl keyframe show field-notes/global" },
        Example {
            does: "What its bytes are",
            run: "snapctl keyframe show field-notes:20 \\\n  --jq '.parts[] | [.sizeBytes, .path] | @tsv'",
        },
        Example {
            does: "The stored document, byte for byte",
            run: "snapctl keyframe show field-notes:10 --body | jq -c .header.revision",
        },
    ],
};

/// Show a keyframe without its body, and check it against the replay
///
/// The stream is replayed up to the keyframe, from the newest one before it that was found right or from the first operation
/// (with --trust none always from there), and the keyframe is compared with that as `snapctl verify` does: all scopes, header,
/// initial state. The exit code is 1 if it is wrong, 5 if it cannot be checked because its stream cannot be
/// replayed so far, and 4 if there is no such keyframe.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Which: DOC[/SCOPE][@BRANCH][:REV], REV as in keyframe:10 or 10; the newest unless named; SCOPE is global unless named
    #[arg(value_name = "TARGET")]
    target: String,

    #[command(flatten)]
    literal: Literal,

    /// Print the stored document as it is, and nothing else
    #[arg(long)]
    body: bool,
}

/// Runs `snapctl keyframe show`.
///
/// # Errors
/// When the target does not parse, there is no such keyframe, the store cannot be read, or stdout cannot be written.
pub(super) fn run(args: &ShowArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let target = args.literal.target(&args.target)?;
    let store = ctx.open_store()?;
    if args.body {
        let body = answer(&*store, |read| {
            let (stream, revision, _) = found::find(read, &target)?;
            let body = read.keyframe_document(&stream, revision)?;
            Ok(body.ok_or(ReplayError::NoKeyframe { stream, revision })?)
        });
        let body: anyhow::Result<Vec<u8>> = body;
        ui.out.stored_line(&body?)?;
        return Ok(ExitStatus::Success);
    }
    let meter = ctx.meter("verifying");
    let shown = answer(&*store, |read| -> anyhow::Result<Shown> {
        let (stream, revision, mut entry) = found::find(read, &target)?;
        let record = match read.records().tables() {
            Ok(tables) if !tables.are_newer() => read.records().keyframe_record(&stream, revision)?,
            _ => None,
        };
        if record.is_none() {
            entry.created = created(read, &stream, revision)?;
        }
        let listed = Listed { entry: &entry, record };
        let standing = Models::new(ctx.registry()).standing(&entry.document_type, listed.check());
        let keyframe = KeyframeView::new(&listed, standing);
        let body = match read.keyframe_document(&stream, revision) {
            Ok(body) => body.and_then(|body| Body::parse(&body)),
            // What is wrong with it the check will say.
            Err(StoreError::Corrupt { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let checked = check(&ctx.sources(read, &meter), &stream, revision, &entry)?;
        Ok(Shown { stream, revision, keyframe, body, checked })
    });
    drop(meter);
    let shown = shown?;
    if target.scope.is_none() && !matches!(target.at, At::Operation(_)) {
        ui.talk.note(format_args!("{} names no scope; this is scope global", args.target));
    }
    view::print(&shown, &mut ui.out)?;
    Ok(match shown.checked.verdict {
        Verdict::Ok => ExitStatus::Success,
        Verdict::Failed => ExitStatus::Findings,
        Verdict::Unverifiable => ExitStatus::Incomplete,
    })
}

/// When a keyframe was first written, which its row alone knows.
fn created(read: &dyn Read, stream: &StreamKey, revision: Revision) -> Result<Option<Timestamp>, StoreError> {
    let StreamKey { document, scope, branch } = stream.clone();
    let from = NextIndex::from(revision.checked_sub(1));
    let span = Span { from, through: Some(revision.last()) };
    let part = store::Part { document, scope: Some(scope), branch: Some(branch), span };
    let (selection, mut created) = (Selection { parts: vec![part], document_type: None }, None);
    let visited = read.inserted_keyframes(&selection, Serial::START, &mut |row| {
        created = Some(row.created);
        ControlFlow::Break(())
    });
    match visited {
        // The body is not what it should be, which the check will say.
        Err(StoreError::Corrupt { .. }) => Ok(None),
        visited => visited.map(|()| created),
    }
}

/// Compares a keyframe with the replay.
fn check(
    sources: &Sources<'_>,
    stream: &StreamKey,
    revision: Revision,
    entry: &KeyframeEntry,
) -> anyhow::Result<Checked> {
    let StreamKey { document, scope, branch } = stream.clone();
    let document_type = entry.document_type.clone();
    let part = Part { document, document_type, scope: Some(scope), branch: Some(branch) };
    let checks = Checks { level: Level::Quick, keyframe: Some(revision), ..Checks::default() };
    let trust = if sources.trust == Trust::None { Trust::None } else { Trust::Verified };
    let report = verify::document(&Sources { trust, ..*sources }, &part, &checks, None)?;
    // The rest is about the log.
    let (findings, others): (Vec<Finding>, Vec<Finding>) =
        report.findings.into_iter().partition(|finding| is_of_keyframe(finding.code));
    let is_wrong = findings.iter().any(|finding| finding.severity > Severity::Note);
    let (verdict, reason) = match (is_wrong, report.tally.keyframes) {
        (true, _) => (Verdict::Failed, None),
        (false, 0) => {
            let reason = others.iter().max_by_key(|finding| finding.code.is_unverifiable());
            let none = || format!("operation {revision} is not in the log");
            (Verdict::Unverifiable, Some(reason.map_or_else(none, |finding| finding.message.clone())))
        }
        (false, _) => (Verdict::Ok, None),
    };
    Ok(Checked { verdict, reason, findings })
}

fn is_of_keyframe(code: Code) -> bool {
    code.name().starts_with("KEYFRAME_")
}
