//! `snapctl keyframe compact`.

use clap::{Args, ValueEnum};

use super::rules::{Rules, Targets, refuse_ranges};
use super::work::{Doing, Space, Work};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::ui::Ui;
use crate::keyframe::plan::{Choice, Missing, Request};
use crate::store::Codec;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe compact",
    examples: &[
        Example {
            does: "How small it would get, without doing it",
            run: "snapctl keyframe compact --keep-last 2 --codec zstd-delta --dry-run",
        },
        Example {
            does: "Nightly, for at most half an hour; what is left is done the next night",
            run: "snapctl keyframe compact --max-replay-ops 50 --codec zstd-delta \\\n  --max-duration 30m --yes",
        },
        Example { does: "Where other programs find them again", run: "snapctl keyframe compact --codec json" },
        Example {
            does: "Give the space back that is free in the file",
            run: "snapctl keyframe compact --keep-last 2 --vacuum --yes",
        },
    ],
};

/// Make keyframes take less space: drop what no rule keeps, and store the rest in another way
///
/// With --max-replay-ops N no revision takes more than N operations afterwards: what is missing for that is written first, as
/// `keyframe write --max-replay-ops N` does, and only keyframes that a rebuild starts from by default, those that were written
/// or checked by snapctl, count. A stream that cannot be replayed is left as it is, and the exit code is 1.
///
/// Compressed bodies are in a table of snapctl's own: other programs see fewer keyframes, never broken ones, and every command
/// of snapctl reads them as before.
///
/// Everything is noted before it is done, and `keyframe undo` reverts it. A run that is killed has done nothing or a part; the
/// same command again goes on.
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// Which keyframes to look at: DOC[/SCOPE][@BRANCH]; everything unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    #[command(flatten)]
    rules: Rules,

    /// How bodies are stored; without it they stay as they are
    #[arg(long, value_name = "CODEC", value_enum)]
    codec: Option<CodecArg>,

    /// Give back the space that is free in the file afterwards; it takes as much again while it runs
    #[arg(long)]
    vacuum: bool,

    #[command(flatten)]
    doing: Doing,
}

/// How bodies are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CodecArg {
    /// As JSON, where other programs find them
    Json,
    /// Compressed one by one
    Zstd,
    /// Compressed as differences to the first of a group: much smaller
    ZstdDelta,
}

/// Runs `snapctl keyframe compact`.
///
/// # Errors
/// When it is not said what to do, the store cannot be opened or changed, a stream would lose its last base, or the plan
/// cannot be written.
pub(super) fn run(args: &CompactArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let (rules, codec) = args.rules.with(ctx.settings())?;
    let policy = rules.policy();
    let codec = args.codec.map(CodecArg::codec).or(codec);
    if policy.is_empty() && codec.is_none() && !args.vacuum {
        let message = "nothing says what to do".to_owned();
        let hint = Some("give a rule for what stays, --policy, --codec, or --vacuum".to_owned());
        return Err(Refusal { exit: ExitStatus::Usage, code: "empty-policy", message, hint }.into());
    }
    let store = ctx.open_named(&ctx.store_named()?, args.doing.access())?;
    let targets = Targets::find(&*store, &args.targets, &ui.talk)?;
    refuse_ranges(&targets)?;
    let policy = Some(policy).filter(|policy| !policy.is_empty());
    let request = Request {
        parts: &targets.parts,
        choice: policy.clone().map_or(Choice::All, Choice::Policy),
        missing: Missing::Write,
        recode: codec,
        now: args.doing.now(),
        sizes: args.doing.sizes(),
    };
    let space = if args.vacuum { Space::GiveBack } else { Space::Leave };
    let work = Work { ctx, ui, store: &*store, command: args.command() };
    work.run(&request, policy.as_ref(), &args.doing, space)
}

impl CompactArgs {
    fn command(&self) -> String {
        let words = ["keyframe compact".to_owned()].into_iter().chain(self.targets.iter().cloned());
        let codec = self.codec.map(|codec| format!("--codec {}", codec.codec()));
        let vacuum = self.vacuum.then(|| "--vacuum".to_owned());
        words.chain(self.rules.typed()).chain(codec).chain(vacuum).collect::<Vec<_>>().join(" ")
    }
}

impl CodecArg {
    fn codec(self) -> Codec {
        match self {
            CodecArg::Json => Codec::Json,
            CodecArg::Zstd => Codec::Zstd,
            CodecArg::ZstdDelta => Codec::ZstdDelta,
        }
    }
}
