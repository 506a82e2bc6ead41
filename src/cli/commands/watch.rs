//! `snapctl watch`.

mod pace;
mod run;
mod view;

use std::time::Duration;

use clap::Args;

use crate::cache::NAMESPACE;
use crate::cache::rules::Rules;
use crate::cli::args::Literal;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::tiers::{Cached, may_be_warmed};
use crate::cli::ui::Ui;
use crate::model::ids::Span;
use crate::model::target::{At, DocumentRef};
use crate::replay::find_document;
use crate::settings::Setting as _;
use crate::store::{Part, Selection, Store, answer};
use crate::watch::position::{Position, parse_serial};
use crate::watch::warm::Pending;
use crate::watch::{Follower, Start};

use pace::Pace;
use run::Run;
pub(in crate::cli) use view::{EventView, SummaryView};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "watch",
    examples: &[
        Example {
            does: "What came after the 20th operation, and what comes in the next second",
            run: "snapctl watch --since 20 --max-duration 1s",
        },
        Example {
            does: "The operations that failed, until nothing has come for half a second",
            run: "snapctl watch --since start --until-idle 500ms --ndjson \\\n  | jq -c 'select(.error) | [.document, .revision, .error]'",
        },
        Example {
            does: "One scope of a document, and each of its operations as a line",
            run: "snapctl watch field-notes/global --since start --until-idle 0s \\\n  --jq 'select(.event == \"operation\") | [.revision, .type] | @tsv'",
        },
        Example {
            does: "Rebuild each document that changes, so that the cache has it",
            run: "snapctl watch --since start --warm --until-idle 0s",
        },
    ],
};

/// Follow a store that others write
///
/// Tells each operation and each keyframe that is added from now on: once, in the order of insertion, a keyframe after the
/// operations that it includes. An event is a line of JSON, on a terminal without --json or --ndjson a line of text. Nothing
/// is written to the store.
///
/// Each event has a position that --since goes on from. If the log is another one, because its file was exchanged, a
/// reset is told, and then all that is there; if all of the newest keyframes are gone, the same for keyframes.
///
/// When a document is deleted or upgraded, its entries are dropped from the cache, and what [cache.rules.NAME] of the
/// settings says; that is told, too. A store that is locked is waited for, one that is gone for half a minute. An interrupt
/// ends it, and what it came to is said on stderr.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// What to follow: DOC[/SCOPE][@BRANCH]; all of the store unless named
    ///
    /// DOC alone is the whole document, all scopes and branches of it. With --scope or --branch DOC is an exact id, which may be
    /// one that is still to come.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    #[command(flatten)]
    literal: Literal,

    /// Only documents of this type
    #[arg(long, value_name = "TYPE")]
    r#type: Option<String>,

    /// Begin behind an event, by its position; or behind an operation, by its serial; start for everything
    ///
    /// Behind a serial keyframes are told that come from now on, since they are numbered for themselves.
    #[arg(long, value_name = "POSITION", value_parser = parse_start)]
    since: Option<Start>,

    /// How often to look
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse, default_value = "200ms")]
    interval: Duration,

    /// End once nothing has come for this long
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    until_idle: Option<Duration>,

    /// End after this time
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    max_duration: Option<Duration>,

    /// Rebuild documents that change into the cache, those that changed last first
    #[arg(long)]
    warm: bool,
}

fn parse_start(text: &str) -> Result<Start, String> {
    if text == "start" {
        return Ok(Start::At(Position::START));
    }
    let position = text.parse().map(Start::At);
    let start = position.or_else(|_| parse_serial(text).map(Start::Behind));
    start.map_err(|_| "it has to be the position of an event (1.2.3), the serial of an operation, or start".to_owned())
}

/// Runs `snapctl watch`.
///
/// # Errors
/// When the store cannot be opened or read, or stdout not written.
pub(crate) fn run(args: &WatchArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    if args.warm {
        may_be_warmed(ctx)?;
    }
    let store = ctx.open_store()?;
    if !store.capabilities().follow {
        let message = format!("{} is read once: what is added to it is not seen", store.location());
        let hint = Some("follow the store that it came from".to_owned());
        return Err(Refusal { exit: ExitStatus::Usage, code: "not-followed", message, hint }.into());
    }
    let follower = Follower::new(args.selection(&*store)?, args.since.unwrap_or(Start::Now));
    let rules = Rules::new(NAMESPACE, ctx.settings().cache_rules().iter().cloned());
    let pace = Pace::start(args.interval, args.until_idle, args.max_duration);
    let pending = args.warm.then(Pending::default);
    let cached = Cached::of_watch(ctx, &*store, &ui.talk);
    let mut run = Run::new(&*store, ctx, follower, rules, cached.tiers.clone(), pending);
    let ended = run.follow(pace, ui);
    let is_whole = run.conclude(&ended, cached, &ui.talk);
    ended?;
    Ok(if is_whole { ExitStatus::Success } else { ExitStatus::Incomplete })
}

impl WatchArgs {
    fn selection(&self, store: &dyn Store) -> anyhow::Result<Selection> {
        let parts = self.targets.iter().map(|text| self.part(text, store)).collect::<anyhow::Result<_>>()?;
        Ok(Selection { parts, document_type: self.r#type.as_deref().map(Into::into) })
    }

    fn part(&self, text: &str, store: &dyn Store) -> anyhow::Result<Part> {
        let target = self.literal.target(text)?;
        if target.at != At::Head {
            let message = format!("{text} names a position; what is still to come has none");
            let hint = Some("leave it out: DOC[/SCOPE][@BRANCH]; --since says where to begin".to_owned());
            return Err(Refusal { exit: ExitStatus::Usage, code: "bad-target", message, hint }.into());
        }
        let document = match &target.document {
            DocumentRef::Literal(id) => id.clone(),
            typed @ DocumentRef::Typed(_) => answer(store, |read| find_document(read, typed))?,
        };
        let is_literal = matches!(target.document, DocumentRef::Literal(_));
        let is_whole = !is_literal && !text.contains(['/', '@']);
        Ok(Part { document, scope: target.scope, branch: (!is_whole).then_some(target.branch), span: Span::ALL })
    }
}
