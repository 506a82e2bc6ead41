//! `snapctl store migrate`: the tables of snapctl itself.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::commands::import::count;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::ui::{Format, Ui};
use crate::store::records::{Migrated, OwnTables, Removed, VERSION};
use crate::store::{Access, Read, Store, StoreError, answer, records};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "store migrate",
    examples: &[
        Example { does: "Make snapctl's own tables, or bring them up to date", run: "snapctl store migrate" },
        Example { does: "What would be lost without them", run: "snapctl store migrate --remove --dry-run" },
        Example {
            does: "Leave the store as if snapctl had never written to it",
            run: "snapctl store migrate --remove --yes",
        },
    ],
};

/// Make snapctl's own tables in the store, bring them up to date, or remove them
///
/// In tables of its own, whose names begin with snapctl_, snapctl keeps what it knows of keyframes (checks, pins), compressed
/// keyframes, and the history of both. They are made by themselves when something is first kept, and other programs need not
/// know of them. All or nothing is done.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Drop the tables, after putting compressed keyframes back where other programs find them
    #[arg(long)]
    remove: bool,

    /// Remove them even if something is lost that cannot be found out again
    #[arg(long, requires = "remove")]
    yes: bool,

    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What `store migrate` answers.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Migration")]
pub(in crate::cli) struct MigrateView {
    /// Where the store is; never with a password.
    location: String,
    /// The version of the tables before; `null` if there were none.
    from: Option<u32>,
    /// The version of the tables now; `null` if there are none.
    to: Option<u32>,
    /// Whether nothing was done.
    dry_run: bool,
    /// Keyframes that were compressed and are in the reference's table again.
    restored_keyframes: u64,
    /// What is gone.
    lost: LostView,
}

/// What goes with the tables.
#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Lost")]
struct LostView {
    /// What was found by checks of keyframes; `verify --record` finds it again.
    checks: u64,
    /// Pins of keyframes.
    pins: u64,
    /// How far streams were checked; `verify --record` finds it again.
    seals: u64,
    /// Changes of keyframes in the history, which can no longer be undone.
    mutations: u64,
    /// Compressed keyframes that are damaged, so that they cannot be restored.
    unreadable_keyframes: u64,
}

/// Runs `snapctl store migrate`.
///
/// # Errors
/// When the store cannot be opened or changed, its tables are of a newer snapctl, or something would be lost.
pub(super) fn run(args: MigrateArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let named = ctx.store_named()?;
    let store = ctx.open_named(&named, if args.dry_run { Access::Read } else { Access::Change })?;
    let view = match (args.remove, args.dry_run) {
        (false, false) => migrate(&*store)?,
        (true, false) => remove(&*store, args.yes)?,
        (_, true) => foretell(&*store, args.remove)?,
    };
    match ui.out.format() {
        Format::Plain => ui.out.line(&view.text())?,
        _ => ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?,
    }
    Ok(ExitStatus::Success)
}

fn migrate(store: &dyn Store) -> Result<MigrateView, StoreError> {
    let mut write = store.write()?;
    let Migrated { from, to } = write.records_mut()?.migrate()?;
    write.commit()?;
    Ok(MigrateView { to: Some(to), ..MigrateView::new(store, from) })
}

fn remove(store: &dyn Store, yes: bool) -> anyhow::Result<MigrateView> {
    let mut write = store.write()?;
    let from = write.records().tables()?;
    let removed = write.records_mut()?.remove()?;
    let view = MigrateView { to: None, ..MigrateView::new(store, from) }.without(&removed);
    let lost = view.lost.text();
    if let (Some(lost), false) = (lost, yes) {
        return Err(Refusal {
            exit: ExitStatus::Precondition,
            code: "would-lose",
            message: format!("without the tables of snapctl {} would lose {lost}", view.location),
            hint: Some("remove them all the same with --yes".to_owned()),
        }
        .into());
    }
    write.commit()?;
    Ok(view)
}

/// What would be done, found out without a change.
fn foretell(store: &dyn Store, remove: bool) -> Result<MigrateView, StoreError> {
    answer(store, |read: &dyn Read| {
        let from = read.records().tables()?;
        let view = MigrateView { dry_run: true, ..MigrateView::new(store, from) };
        if !remove {
            if from.are_newer() {
                // Whatever is asked of them, they say so.
                read.records().totals()?;
            }
            return Ok(MigrateView { to: Some(VERSION), ..view });
        }
        let removed = records::removal(read)?;
        Ok(MigrateView { to: None, ..view }.without(&removed))
    })
}

impl MigrateView {
    fn new(store: &dyn Store, from: OwnTables) -> Self {
        let from = match from {
            OwnTables::Absent => None,
            OwnTables::Version(version) => Some(version),
        };
        let (location, lost) = (store.location().to_owned(), LostView::default());
        MigrateView { location, from, to: from, dry_run: false, restored_keyframes: 0, lost }
    }

    fn without(mut self, Removed { lost, restored, unreadable }: &Removed) -> Self {
        self.restored_keyframes = *restored;
        self.lost = LostView {
            checks: lost.checks,
            pins: lost.pins,
            seals: lost.seals,
            mutations: lost.mutations,
            unreadable_keyframes: unreadable.len() as u64,
        };
        self
    }

    fn text(&self) -> String {
        let MigrateView { location, from, to, dry_run, restored_keyframes, lost } = self;
        let would = if *dry_run { "would be" } else { "were" };
        let done = match (from, to) {
            (None, None) => format!("{location} has no tables of snapctl"),
            (None, Some(to)) => format!("tables of version {to} {would} made in {location}"),
            (Some(from), Some(to)) if from == to => format!("the tables of snapctl in {location} are of version {to}"),
            (Some(from), Some(to)) => {
                format!("the tables of snapctl in {location} {would} brought from version {from} to {to}")
            }
            (Some(_), None) => format!("the tables of snapctl {would} removed from {location}"),
        };
        let restored = (*restored_keyframes > 0)
            .then(|| format!("; {} {would} put back", count(*restored_keyframes, "compressed keyframe")));
        let lost = lost.text().map(|lost| format!("; {lost} {would} lost"));
        done + &restored.unwrap_or_default() + &lost.unwrap_or_default()
    }
}

impl LostView {
    /// What is lost, if anything is.
    fn text(&self) -> Option<String> {
        let counts = [
            (self.checks, "check"),
            (self.pins, "pin"),
            (self.seals, "seal"),
            (self.mutations, "noted change"),
            (self.unreadable_keyframes, "damaged keyframe"),
        ];
        let lost: Vec<String> = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| count(n, what)).collect();
        Some(lost.join(", ")).filter(|lost| !lost.is_empty())
    }
}
