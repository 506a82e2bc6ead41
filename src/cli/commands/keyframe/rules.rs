//! What stays: the rules of a policy, as options.

use std::num::NonZeroU64;

use clap::Args;

use crate::cli::args::Literal;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::quote;
use crate::cli::selection::Choice;
use crate::cli::ui::Talk;
use crate::keyframe::policy::Policy;
use crate::model::ids::{OpIndex, Span};
use crate::model::similar::nearest;
use crate::replay::ReplayError;
use crate::settings::{Age, Base, Setting as _, Settings};
use crate::store::{Codec, Part, Read, Store, answer};

/// The rules of a policy. A keyframe stays if one of them keeps it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What stays")]
pub(super) struct Rules {
    /// Take what [keyframes.policies.NAME] of the settings says, where no other option says it
    #[arg(long = "policy", value_name = "NAME")]
    named: Option<String>,

    /// Keep one for every N operations: the state after a multiple of N, which is labelled one less, or, where there is
    /// none, the one that is labelled with the multiple, as the reference writes them
    #[arg(long, value_name = "N")]
    keep_every: Option<NonZeroU64>,

    /// Keep the N newest of each stream
    #[arg(long, value_name = "N")]
    keep_last: Option<NonZeroU64>,

    /// Keep those written within this time, for example 12h, 30d, 8w; for keyframes of other programs it takes a look at
    /// each body
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_within: Option<u64>,

    /// Keep them dense near the head: one for each power of BASE in distance to it
    #[arg(long, value_name = "BASE", value_parser = clap::value_parser!(u64).range(2..))]
    keep_log_spaced: Option<u64>,

    /// Keep the first at or after each upgrade that changes the version of the model
    #[arg(long)]
    keep_upgrades: bool,

    /// Keep the fewest with which no revision needs more than N operations, where the keyframes there are allow it
    #[arg(long, value_name = "N")]
    max_replay_ops: Option<NonZeroU64>,
}

impl Rules {
    /// What holds, with what the settings say of the policy that is named, and how that stores bodies.
    ///
    /// # Errors
    /// When there is no such policy.
    pub(super) fn with(&self, settings: &Settings) -> Result<(Rules, Option<Codec>), Refusal> {
        let Some(name) = &self.named else { return Ok((self.clone(), None)) };
        let said = settings.policy(name).map_err(|known| {
            let near = nearest(name, &known).map(|near| format!("did you mean {near}?"));
            let known = || match known.as_slice() {
                [] => "[keyframes.policies.NAME] in a settings file makes one".to_owned(),
                known => format!("there is {}", known.join(", ")),
            };
            Refusal {
                exit: ExitStatus::Usage,
                code: "no-policy",
                message: format!("the settings have no policy {name}"),
                hint: Some(near.unwrap_or_else(known)),
            }
        })?;
        let rules = Rules {
            named: self.named.clone(),
            keep_every: self.keep_every.or(said.keep_every),
            keep_last: self.keep_last.or(said.keep_last),
            keep_within: self.keep_within.or(said.keep_within.map(|Age(millis)| millis)),
            keep_log_spaced: self.keep_log_spaced.or(said.keep_log_spaced.map(|Base(base)| base.get())),
            keep_upgrades: self.keep_upgrades || said.keep_upgrades.unwrap_or_default(),
            max_replay_ops: self.max_replay_ops.or(said.max_replay_ops),
        };
        Ok((rules, said.codec))
    }

    /// The policy; empty if no rule was given.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            keep_every: self.keep_every,
            keep_last: self.keep_last,
            keep_within_ms: self.keep_within,
            keep_log_spaced: self.keep_log_spaced.and_then(NonZeroU64::new),
            keep_upgrades: self.keep_upgrades,
            max_replay_ops: self.max_replay_ops,
        }
    }

    /// The options as they may be typed, for the history.
    pub(super) fn typed(&self) -> Vec<String> {
        let numbers = [
            ("--keep-every", self.keep_every.map(NonZeroU64::get), ""),
            ("--keep-last", self.keep_last.map(NonZeroU64::get), ""),
            ("--keep-within", self.keep_within, "ms"),
            ("--keep-log-spaced", self.keep_log_spaced, ""),
            ("--max-replay-ops", self.max_replay_ops.map(NonZeroU64::get), ""),
        ];
        let given = numbers.into_iter().filter_map(|(name, number, unit)| Some(format!("{name} {}{unit}", number?)));
        let named = self.named.iter().map(|name| format!("--policy {}", quote::word(name)));
        named.chain(given).chain(self.keep_upgrades.then(|| "--keep-upgrades".to_owned())).collect()
    }
}

/// Milliseconds of a duration, which may be long.
fn parse_age(text: &str) -> Result<u64, String> {
    Age::parse(text).map(|Age(millis)| millis)
}

/// The parts of the store that targets name.
pub(super) struct Targets {
    pub(super) parts: Vec<Part>,
    /// Whether one of them names labels, not whole streams.
    pub(super) has_range: bool,
}

impl Targets {
    /// Looks the targets up. A document that has keyframes and no operations is found by its exact id.
    ///
    /// # Errors
    /// When one cannot be parsed, or is not there.
    pub(super) fn find(store: &dyn Store, texts: &[String], talk: &Talk) -> anyhow::Result<Self> {
        let choices: Vec<Choice> =
            texts.iter().map(|text| Choice::parse(text, &Literal::default())).collect::<Result<_, _>>()?;
        for (choice, text) in choices.iter().zip(texts) {
            if choice.assumes_scope() {
                talk.note(format_args!("{text} names no scope; this is scope global"));
            }
        }
        let parts =
            answer(store, |read| choices.iter().map(|choice| part(read, choice)).collect::<anyhow::Result<Vec<_>>>())?;
        let has_range = parts.iter().any(|part| part.span != Span::ALL);
        Ok(Targets { parts, has_range })
    }
}

fn part(read: &dyn Read, choice: &Choice) -> anyhow::Result<Part> {
    let found = choice.find(read);
    let is_absent = |error: &anyhow::Error| matches!(error.downcast_ref(), Some(ReplayError::NoDocument { .. }));
    if found.as_ref().is_err_and(is_absent)
        && let Ok(part) = choice.literally()
        && read.orphans()?.iter().any(|orphan| orphan.id == part.document)
    {
        return Ok(part);
    }
    found
}

/// Fails if a target names labels where whole streams are looked at.
pub(super) fn refuse_ranges(targets: &Targets) -> Result<(), Refusal> {
    let Some(part) = targets.parts.iter().find(|part| part.span != Span::ALL).filter(|_| targets.has_range) else {
        return Ok(());
    };
    let from = OpIndex::new(part.span.from.get());
    let through = part.span.through.map_or_else(String::new, |through| through.to_string());
    Err(Refusal {
        exit: ExitStatus::Usage,
        code: "bad-target",
        message: format!("rules are for whole streams, not for {from}..{through} of {}", part.document),
        hint: Some("leave the position out: DOC[/SCOPE][@BRANCH]; a range without rules is dropped exactly".to_owned()),
    })
}
