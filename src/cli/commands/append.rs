//! `snapctl append`.

mod input;
mod view;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use crate::cache::NAMESPACE;
use crate::cache::rules::{Change, Firing, Rules as DropRules};
use crate::cli::args::Literal;
use crate::cli::clock;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal, Retold};
use crate::cli::manual::{Example, Page};
use crate::cli::tiers::Cached;
use crate::cli::trace::Recording;
use crate::cli::ui::{Format, Talk, Ui};
use crate::executor::{
    Appended, Appender, Atomic, Creation, ExecuteError, Expected, Failed, KeyframesBehind, KeyframesThrough,
    Keyframing, Known, Means, NoKeyframes, Refusal as Refused, Rules, Spacing,
};
use crate::keyframe::{Due, KeyframeSink};
use crate::model::ids::DocumentId;
use crate::model::operation::Action;
use crate::model::target::{At, DocumentRef, Target};
use crate::queue::{Ended, Limits};
use crate::replay::{ReplayError, Tiers, find_document};
use crate::settings::{self, WriteStrategy};
use crate::store::{Access, Store, StoreError, answer};
use crate::transfer::Keyframes as Carried;

pub(in crate::cli) use input::Line as AppendLine;
use input::{Destination, Input, Pending};
pub(in crate::cli) use view::{LineView, SummaryView};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "append",
    examples: &[
        Example {
            does: "Rename a document",
            run: "echo '{\"type\":\"SET_NAME\",\"scope\":\"global\",\"input\":{\"name\":\"Spring\"}}' \\\n  | snapctl append field-notes",
        },
        Example { does: "Take back the last operation of a scope", run: "snapctl append field-notes/global --undo" },
        Example {
            does: "Make a drive, and put a folder into it",
            run: "echo '{\"type\":\"ADD_FOLDER\",\"input\":{\"id\":\"a\",\"name\":\"A\"}}' \\\n  | snapctl append a-drive --type powerhouse/document-drive",
        },
        Example {
            does: "Only if nothing has happened since revision 3, or not at all (exit 15)",
            run: "echo '{\"type\":\"SET_DRIVE_NAME\",\"input\":{\"name\":\"Notes\"}}' \\\n  | snapctl append field-notes/global --expect-revision 3",
        },
    ],
};

/// Append actions to documents, as operations
///
/// Reads actions from stdin, a JSON object a line: {"type","input","scope"}, with an "id" and a "timestampUtcMs" that are made
/// where they lack, and a "context" if the action is signed. The scope is global unless named. Without TARGET a line names its
/// document: {"document","branch","action"}.
///
/// Each action is applied to the head of its stream and recorded with the hash of the state after it. One that its reducer
/// fails is recorded with the error, as the reference does; what the reference does not record is refused, and ends the run
/// with exit code 1. An answer is a line an action, once it is in the store.
///
/// UNDO is recorded as what it stands for. The policies of scope auth are not evaluated.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct AppendArgs {
    /// Where to: DOC[/SCOPE][@BRANCH]; with a scope, actions of others are refused
    #[arg(value_name = "TARGET", required_unless_present = "documents")]
    target: Option<String>,

    #[command(flatten)]
    literal: Literal,

    /// Lines name their documents, by exact ids
    #[arg(long, conflicts_with_all = ["target", "scope", "branch", "at", "type", "undo", "expect_revision"])]
    documents: bool,

    /// Make the document, of this type, if it is not there; TARGET is then its exact id
    #[arg(long, value_name = "TYPE")]
    r#type: Option<String>,

    /// Name of a document that is made
    #[arg(long, value_name = "TEXT", requires = "type", default_value = "", hide_default_value = true)]
    name: String,

    /// Slug of a document that is made
    #[arg(long, value_name = "TEXT", requires = "type", default_value = "", hide_default_value = true)]
    slug: String,

    /// Make the store if there is none
    #[arg(long)]
    init: bool,

    /// Commit after every N actions
    #[arg(long, value_name = "N", default_value = "1")]
    batch: NonZeroUsize,

    /// Append all actions in one transaction, or none
    #[arg(long, conflicts_with = "batch")]
    atomic: bool,

    /// Refuse the first action unless its stream is at this revision; none is an empty stream (exit 15)
    #[arg(long, value_name = "REV", value_parser = parse_expected)]
    expect_revision: Option<Expected>,

    /// Refuse actions that their reducer fails
    #[arg(long)]
    reject_errors: bool,

    /// Pass over actions whose operations are in their streams already, so that a run that was stopped can be begun again
    #[arg(long)]
    skip_known: bool,

    /// Write a keyframe at every N-th revision of a scope, 0 for none; the setting keyframes.every (10) unless given. Those that
    /// would take more than keyframes.bytes-per-log-byte (1) bytes for each byte that the log grows are left out
    #[arg(long, value_name = "N")]
    keyframe_every: Option<u64>,

    /// Note what is read and appended, in a new file, for `snapctl cache simulate` and `snapctl keyframe tune`
    #[arg(long, value_name = "FILE")]
    record_trace: Option<PathBuf>,

    /// Append an undo to the scope of TARGET; stdin is not read
    #[arg(long, conflicts_with_all = ["batch", "skip_known", "type"])]
    undo: bool,
}

fn parse_expected(text: &str) -> Result<Expected, String> {
    if text == "none" {
        return Ok(Expected::At(None));
    }
    match At::parse_literal(text) {
        Ok(At::Revision(revision)) => Ok(Expected::At(Some(revision))),
        _ => Err("it has to be the index of an operation, or none".to_owned()),
    }
}

/// Runs `snapctl append`.
///
/// # Errors
/// When the store cannot be opened or changed, stdin not read, or a document not be rebuilt.
pub(crate) fn run(args: &AppendArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let named = &ctx.store_named()?;
    let store = if args.init { ctx.create_or_open_named(named)? } else { ctx.open_named(named, Access::Change)? };
    let destination = args.destination(&*store)?;
    let recording = Recording::start(args.record_trace.as_deref())?;
    let cached = Cached::of_appends(ctx, &*store, recording, &ui.talk);
    let tiers = cached.tiers.clone();
    let new_id = || uuid::Uuid::new_v4().to_string();
    let keyframes = args.keyframes(&store, ctx)?;
    let means = Means {
        store: &*store,
        registry: ctx.registry(),
        trust: ctx.settings().get(&settings::TRUST),
        tiers: &tiers,
        clock: &clock::now,
        new_id: &new_id,
        keyframes: keyframes.keyframing(),
    };
    let mut input = Input::new(destination, args.undo, &new_id);
    if let Some((document, creation)) = args.creation(&*store)? {
        let branch = input.branch();
        input.put(creation.requests(&document, &branch, ctx.registry(), clock::now(), &new_id)?);
    }
    input.expect(args.expect_revision.unwrap_or_default());
    let rules = DropRules::new(NAMESPACE, ctx.settings().cache_rules().iter().cloned());
    let mut run =
        Run { appender: Appender::new(&means, args.rules()), rules, tiers: &tiers, status: ExitStatus::Success };
    let most = if args.atomic { usize::MAX } else { args.batch.get() };
    let mut append_all = || -> anyhow::Result<()> {
        while let Some(batch) = input.batch(most, ctx)? {
            run.append(batch, args.atomic, ctx, ui)?;
            if run.status == ExitStatus::Precondition {
                break;
            }
        }
        Ok(())
    };
    let appended = append_all();
    let status = run.status;
    // What was appended gets its keyframes, whatever came then.
    let keyframes = keyframes.end();
    drop(tiers);
    let is_whole = view::tell(&ui.talk, keyframes.as_ref(), &cached.end(&ui.talk));
    appended?;
    Ok(if status == ExitStatus::Success && !is_whole { ExitStatus::Incomplete } else { status })
}

/// How long keyframes are waited for at the end.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// How keyframes are written.
enum Keyframes {
    None,
    Behind(KeyframesBehind),
    Through(KeyframesThrough),
}

impl Keyframes {
    fn keyframing(&self) -> &dyn Keyframing {
        match self {
            Keyframes::None => &NoKeyframes,
            Keyframes::Behind(behind) => behind,
            Keyframes::Through(through) => through,
        }
    }

    /// Writes what waits; `None` if there were to be none.
    fn end(self) -> Option<Ended<Due>> {
        match self {
            Keyframes::None => None,
            Keyframes::Behind(behind) => Some(behind.shutdown(SHUTDOWN)),
            Keyframes::Through(through) => Some(through.end()),
        }
    }
}

/// What has been done so far.
struct Run<'a> {
    appender: Appender<'a>,
    /// What is dropped from the tiers by what is appended.
    rules: DropRules,
    tiers: &'a Tiers,
    status: ExitStatus,
}

impl Run<'_> {
    /// Appends a batch, and answers each of its lines.
    fn append(&mut self, batch: Vec<Pending>, atomic: bool, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<()> {
        let is_whole = batch.iter().all(|pending| pending.request.is_ok());
        let requests: Vec<_> = batch.iter().filter_map(|pending| pending.request.clone().ok()).collect();
        let appended = if atomic && !is_whole {
            requests.iter().map(|_| Err(Refused::WithOthers)).collect()
        } else {
            self.appender.append(&requests, &ctx.hidden_meter()).map_err(told)?
        };
        let mut appended = appended.into_iter();
        for pending in batch {
            let result = match pending.request {
                Ok(request) => {
                    let result = appended.next().unwrap_or(Err(Refused::WithOthers));
                    if let Ok(appended) = &result {
                        self.fire(appended, &request.action, &ui.talk);
                    }
                    result.map_err(|refused| refusal(&refused))
                }
                Err(refusal) => Err(refusal),
            };
            self.answer(pending.line, &result, ui)?;
        }
        // Whoever waits for an answer before the next question has it by now.
        ui.out.flush()?;
        Ok(())
    }

    /// Drops what an operation has made useless.
    fn fire(&self, appended: &Appended, action: &Action<'_>, talk: &Talk) {
        let took_effect = appended.error.is_none() && !appended.repeated;
        let Some(change) = Change::made_by(&appended.stream, action).filter(|_| took_effect) else { return };
        for Firing { rule, cause, which } in self.rules.fired_by(&change) {
            let dropped = self.tiers.drop_entries(&which, cause);
            talk.detail(format_args!("{}: {rule} has dropped {dropped} states from the cache", appended.stream));
        }
    }

    fn answer(&mut self, line: Option<u64>, result: &Result<Appended, Refusal>, ui: &mut Ui) -> anyhow::Result<()> {
        if let Err(refusal) = result {
            // That the stream has moved counts more than what else was wrong.
            let has_moved = ExitStatus::Precondition;
            self.status =
                if [self.status, refusal.exit].contains(&has_moved) { has_moved } else { ExitStatus::Findings };
        }
        let view = LineView::of(line, result);
        if ui.out.format() == Format::Plain {
            ui.out.line(&view.told())?;
        } else {
            ui.out.json_line(|out| Ok(serde_json::to_writer(out, &view)?))?;
        }
        Ok(())
    }
}

impl AppendArgs {
    fn rules(&self) -> Rules {
        Rules {
            failed: if self.reject_errors { Failed::Refused } else { Failed::Recorded },
            known: if self.skip_known { Known::PassedOver } else { Known::Appended },
            atomic: if self.atomic { Atomic::Yes } else { Atomic::No },
            ..Rules::default()
        }
    }

    /// What writes keyframes, if any are wanted.
    fn keyframes(&self, store: &Arc<dyn Store>, ctx: &Ctx) -> anyhow::Result<Keyframes> {
        let settings = ctx.settings();
        let every = NonZeroU64::new(self.keyframe_every.unwrap_or_else(|| settings.get(&settings::KEYFRAMES_EVERY)));
        let (Some(every), Carried::Take) = (every, ctx.keyframes()) else { return Ok(Keyframes::None) };
        if !store.capabilities().keyframes {
            return Ok(Keyframes::None);
        }
        let spacing = Spacing { every, bytes_per_log_byte: settings.get(&settings::KEYFRAMES_GROWTH) };
        let sink = KeyframeSink::new(store.clone(), "snapctl append".to_owned(), clock::now);
        Ok(match settings.get(&settings::KEYFRAMES_WRITE) {
            WriteStrategy::Behind => {
                let behind = KeyframesBehind::start(spacing, Limits::default(), sink);
                Keyframes::Behind(behind.context("cannot start a thread for keyframes")?)
            }
            WriteStrategy::Through => Keyframes::Through(KeyframesThrough::new(spacing, sink)),
            WriteStrategy::ReadThrough | WriteStrategy::Aside => Keyframes::None,
        })
    }

    /// Where actions go.
    fn destination(&self, store: &dyn Store) -> anyhow::Result<Destination> {
        let Some(target) = self.parsed()? else { return Ok(Destination::ByLine) };
        let Target { document, scope, branch, at } = target;
        if at != At::Head {
            return Err(usage("actions go to the head", "leave the position away, or say --expect-revision").into());
        }
        if (self.undo || self.expect_revision.is_some()) && scope.is_none() {
            return Err(usage("the scope is not named", "name it: DOC/SCOPE, for example DOC/global").into());
        }
        let document = match &self.r#type {
            Some(_) => literal(&document),
            None => answer(store, |read| find_document(read, &document))?,
        };
        Ok(Destination::One { document, scope, branch })
    }

    fn parsed(&self) -> anyhow::Result<Option<Target>> {
        let target = self.target.as_deref().map(|text| self.literal.target(text));
        Ok(target.transpose()?)
    }

    /// The document to make, if there is one to make.
    fn creation(&self, store: &dyn Store) -> anyhow::Result<Option<(DocumentId, Creation)>> {
        let (Some(document_type), Some(target)) = (&self.r#type, self.parsed()?) else { return Ok(None) };
        let document = literal(&target.document);
        let is_there = answer(store, |read| Ok::<_, ReplayError>(!read.streams(&document)?.is_empty()))?;
        let (name, slug) = (self.name.clone(), self.slug.clone());
        let creation = Creation { document_type: document_type.as_str().into(), name, slug };
        Ok((!is_there).then_some((document, creation)))
    }
}

/// A document that is named by its exact id, since it may not be there.
fn literal(document: &DocumentRef) -> DocumentId {
    match document {
        DocumentRef::Literal(id) => id.clone(),
        DocumentRef::Typed(text) => text.as_str().into(),
    }
}

fn usage(message: &str, hint: &str) -> Refusal {
    Refusal { exit: ExitStatus::Usage, code: "usage", message: message.to_owned(), hint: Some(hint.to_owned()) }
}

/// A request that was refused, as an error.
fn refusal(refused: &Refused) -> Refusal {
    let (exit, code, hint) = match refused {
        Refused::Failed(_) => {
            (ExitStatus::Findings, "reducer-failed", "without --reject-errors it is recorded with the error")
        }
        Refused::Thrown(_) => (ExitStatus::Findings, "refused", "the reference records nothing of it either"),
        Refused::Moved { .. } => (ExitStatus::Precondition, "moved", "look at what has happened since, and try again"),
        Refused::Unreplayable(_) => (
            ExitStatus::Findings,
            "unreplayable",
            "`snapctl verify DOC` tells more; --type makes a document that is not there",
        ),
        Refused::Closed(_) => (ExitStatus::Findings, "closed", "nothing was recorded of it"),
        Refused::WithOthers => (ExitStatus::Findings, "with-others", "mend what was refused, and try again"),
    };
    Refusal { exit, code, message: refused.to_string(), hint: Some(hint.to_owned()) }
}

/// A batch that could not be appended.
fn told(error: ExecuteError) -> anyhow::Error {
    match error {
        ExecuteError::Replay(error) => error.into(),
        ExecuteError::Store(error @ StoreError::ReadOnly { .. }) => {
            Retold::with_hint(error.into(), |_| "only SQLite files that you may write are written to".to_owned()).into()
        }
        ExecuteError::Store(error) => error.into(),
        ExecuteError::Overtaken { .. } => Refusal {
            exit: ExitStatus::Precondition,
            code: "overtaken",
            message: error.to_string(),
            hint: Some("nothing of the batch was appended; run it again".to_owned()),
        }
        .into(),
    }
}
