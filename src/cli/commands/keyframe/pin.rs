//! `snapctl keyframe pin`, `snapctl keyframe unpin`.

use std::time::Duration;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::found;
use super::view::PinView;
use crate::cli::args::parse_time;
use crate::cli::clock;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::quote;
use crate::cli::render::table::one_line;
use crate::cli::ui::{Format, Ui};
use crate::keyframe::{Pinned, set_pin};
use crate::model::ids::{Revision, StreamKey};
use crate::model::target::Target;
use crate::model::time::Timestamp;
use crate::settings::Setting as _;
use crate::store::records::Pin;
use crate::store::{Access, Store, answer};

/// The manual page of `keyframe pin`.
pub(crate) const PIN_PAGE: Page = Page {
    command: "keyframe pin",
    examples: &[
        Example {
            does: "Keep a keyframe whatever a policy says",
            run: "snapctl keyframe pin field-notes:10 --reason 'before the import'",
        },
        Example { does: "For two weeks", run: "snapctl keyframe pin field-notes:10 --reason audit --expires 14d" },
        Example {
            does: "Several, until a day",
            run: "snapctl keyframe pin field-notes:10 field-notes:20 \\\n  --reason audit --expires 2099-12-31",
        },
    ],
};

/// The manual page of `keyframe unpin`.
pub(crate) const UNPIN_PAGE: Page = Page {
    command: "keyframe unpin",
    examples: &[
        Example { does: "Leave a keyframe to policies again", run: "snapctl keyframe unpin field-notes:10" },
        Example {
            does: "As a script would",
            run: "snapctl keyframe unpin field-notes:10 --json | jq -c '.[].changed'",
        },
    ],
};

/// Keep keyframes whatever a policy says
///
/// Pruning and compacting leave a pinned keyframe where it is. A pin takes the place of any other that the keyframe has; to pin
/// it again in the same way does nothing. All keyframes are pinned, or none.
#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// Which: DOC[/SCOPE][@BRANCH][:REV], REV as in keyframe:10 or 10; the newest unless named; SCOPE is global unless named
    #[arg(value_name = "TARGET", required = true)]
    targets: Vec<String>,

    /// Why, for those who find the pin
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Until when it holds: a time, or how long from now, in ms, s, m, h, d or w; an expired pin is as good as none
    #[arg(long, value_name = "WHEN", value_parser = parse_expiry)]
    expires: Option<Expiry>,
}

/// Leave keyframes to policies again
///
/// Where a keyframe is not pinned, nothing is done.
#[derive(Debug, Args)]
pub(crate) struct UnpinArgs {
    /// Which: DOC[/SCOPE][@BRANCH][:REV], REV as in keyframe:10 or 10; the newest unless named; SCOPE is global unless named
    #[arg(value_name = "TARGET", required = true)]
    targets: Vec<String>,
}

/// Until when a pin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry {
    At(Timestamp),
    In(Duration),
}

/// A keyframe that is pinned.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Pinned")]
pub(in crate::cli) struct PinnedView {
    #[serde(flatten)]
    unpinned: UnpinnedView,
    /// The pin that it has.
    pin: PinView,
}

/// A keyframe that is not pinned.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Unpinned")]
pub(in crate::cli) struct UnpinnedView {
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The label of the keyframe.
    revision: u64,
    /// Whether something has changed.
    changed: bool,
    /// The pin that it had; `null` is none.
    before: Option<PinView>,
}

/// Runs `snapctl keyframe pin`.
///
/// # Errors
/// When a keyframe is not there, the store cannot be changed, or stdout cannot be written.
pub(super) fn pin(args: &PinArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let now = clock::now();
    let expires = args.expires.map(|expiry| expiry.from(now)).transpose()?;
    let until = expires.map(|time| format!(" --expires {time}")).unwrap_or_default();
    let pin = Pin { reason: args.reason.clone(), expires };
    let options = format!(" --reason {}{until}", quote::word(&args.reason));
    set("pin", &args.targets, Some(&pin), &options, now, ctx, ui)
}

/// Runs `snapctl keyframe unpin`.
///
/// # Errors
/// When a keyframe is not there, the store cannot be changed, or stdout cannot be written.
pub(super) fn unpin(args: &UnpinArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    set("unpin", &args.targets, None, "", clock::now(), ctx, ui)
}

fn set(
    word: &str,
    targets: &[String],
    pin: Option<&Pin>,
    options: &str,
    now: Timestamp,
    ctx: &Ctx,
    ui: &mut Ui,
) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_named(&ctx.store_named()?, Access::Change)?;
    let keyframes = keyframes(targets, &*store)?;
    // As it would be typed, without the store, which may be named with a password.
    let mut command = format!("snapctl keyframe {word}");
    for (stream, revision) in &keyframes {
        command = format!("{command} {}", quote::word(&format!("{stream}:{revision}")));
    }
    let pinned = set_pin(&*store, &keyframes, pin, now, &(command + options))?;
    if ui.out.format() == Format::Plain {
        for change in &pinned {
            ui.out.line(&one_line(&told(change)))?;
        }
        return Ok(ExitStatus::Success);
    }
    let mut list = ui.out.list();
    for change in pinned {
        let unpinned = view(&change);
        list.item(|out| {
            match &change.after {
                None => serde_json::to_writer(out, &unpinned)?,
                Some(pin) => serde_json::to_writer(out, &PinnedView { unpinned, pin: pin.into() })?,
            }
            Ok(())
        })?;
    }
    list.finish()?;
    Ok(ExitStatus::Success)
}

/// The keyframes that are meant, each once.
fn keyframes(targets: &[String], store: &dyn Store) -> anyhow::Result<Vec<(StreamKey, Revision)>> {
    let mut keyframes = Vec::new();
    for text in targets {
        let target: Target = text.parse()?;
        let (stream, revision, _) = answer(store, |read| found::find(read, &target))?;
        if !keyframes.contains(&(stream.clone(), revision)) {
            keyframes.push((stream, revision));
        }
    }
    Ok(keyframes)
}

fn view(change: &Pinned) -> UnpinnedView {
    let StreamKey { document, scope, branch } = &change.stream;
    UnpinnedView {
        document: document.to_string(),
        scope: scope.to_string(),
        branch: branch.to_string(),
        revision: change.revision.get(),
        changed: change.changed(),
        before: change.before.as_ref().map(PinView::from),
    }
}

fn told(change: &Pinned) -> String {
    let Pinned { stream, revision, before, after } = change;
    let state = match (after, before) {
        (Some(pin), Some(before)) if pin == before => format!("was {} already", PinView::from(pin).text()),
        (Some(pin), _) => PinView::from(pin).text(),
        (None, Some(_)) => "no longer pinned".to_owned(),
        (None, None) => "was not pinned".to_owned(),
    };
    format!("{stream}:keyframe:{revision}  {state}")
}

fn parse_expiry(text: &str) -> Result<Expiry, String> {
    /// What the durations of settings do not have.
    const LONG: [(&str, u64); 2] = [("d", 24), ("w", 7 * 24)];
    let long = LONG.iter().find_map(|(unit, hours)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*hours));
    let text_in_hours = long.map(|hours| format!("{hours}h"));
    let duration = Duration::parse(text_in_hours.as_deref().unwrap_or(text)).ok();
    if let Some(duration) = duration {
        return Ok(Expiry::In(duration));
    }
    let wrong = |_| "it is a time, like 2025-01-31T12:00:00Z, or a number and a unit, like 12h, 30d or 2w".to_owned();
    parse_time(text).map(Expiry::At).map_err(wrong)
}

impl Expiry {
    fn from(self, now: Timestamp) -> Result<Timestamp, Refusal> {
        let time = match self {
            Expiry::At(time) => Some(time),
            Expiry::In(duration) => {
                let millis = i64::try_from(duration.as_millis()).ok();
                millis.and_then(|millis| now.as_millis().checked_add(millis)).and_then(Timestamp::from_millis)
            }
        };
        let refuse = |message: String| Refusal { exit: ExitStatus::Usage, code: "usage", message, hint: None };
        match time {
            None => Err(refuse("--expires is too far away".to_owned())),
            Some(time) if time <= now => Err(refuse(format!("--expires {time} is over already"))),
            Some(time) => Ok(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_time_or_how_long_from_now() {
        let now = Timestamp::parse("2025-01-01T00:00:00.000Z").unwrap();
        let at = |text: &str| parse_expiry(text).unwrap().from(now).map(|time| time.to_string());
        assert_eq!(at("2w").unwrap(), "2025-01-15T00:00:00.000Z");
        assert_eq!(at("1d").unwrap(), "2025-01-02T00:00:00.000Z");
        assert_eq!(at("90m").unwrap(), "2025-01-01T01:30:00.000Z");
        assert_eq!(at("2025-02-01").unwrap(), "2025-02-01T00:00:00.000Z");
        assert!(at("2024-12-31T23:59:59Z").unwrap_err().message.contains("is over already"));
        assert!(at("18446744073709551615ms").unwrap_err().message.contains("too far away"));
        for text in ["", "d", "3", "-1d", "3 d", "tomorrow", "99999999999999999999w"] {
            assert!(parse_expiry(text).is_err(), "{text}");
        }
    }
}
