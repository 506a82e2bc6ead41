//! What every command works with.

use std::num::NonZeroU64;
use std::sync::Arc;

use anyhow::Context as _;

use super::args::Global;
use super::exit::{ExitStatus, Refusal};
use super::progress::{Display, Limits, Meter, Unit};
use super::settings::Gathered;
use crate::model::progress::Stop;
use crate::model::target::Target;
use crate::reducer::Registry;
use crate::replay::{self, ReplayError, Snapshot, Sources, Tiers};
use crate::settings::{self, Settings};
use crate::store::{Access, Options, Read, Store, StoreError, Stores, answer};
use crate::transfer::Keyframes;

/// The checked options of a command, and what follows from them.
pub(crate) struct Ctx {
    global: Global,
    gathered: Gathered,
    limits: Limits,
    registry: Registry,
}

/// Whose answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// What the log says.
    Own,
    /// What the reference would answer.
    AsReactor,
}

impl Ctx {
    /// Starts the clock of `--timeout`, and makes the models of the settings known.
    ///
    /// # Errors
    /// When the settings name a model that does not exist.
    pub(crate) fn new(global: Global, gathered: Gathered) -> anyhow::Result<Self> {
        let mut registry = Registry::built_in();
        registry.assume_base_reducer(global.base_reducer());
        gathered.settings.register(&mut registry)?;
        for model in &global.models {
            registry.serve(&model.document_type, model.kind);
        }
        // Last, because it can be done once only.
        let timeout = gathered.settings.get(&settings::TIMEOUT);
        let limits = Limits::start(timeout).context("cannot listen for interrupts")?;
        Ok(Ctx { global, gathered, limits, registry })
    }

    /// What holds.
    #[must_use]
    pub(crate) fn settings(&self) -> &Settings {
        &self.gathered.settings
    }

    /// What holds, and where it was looked for.
    #[must_use]
    pub(crate) fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// Opens the store that was named.
    ///
    /// # Errors
    /// When none was named, or it cannot be opened.
    pub(crate) fn open_store(&self) -> anyhow::Result<Arc<dyn Store>> {
        Ok(self.open_named(&self.store_named()?, Access::Read)?)
    }

    /// What was given as the store.
    ///
    /// # Errors
    /// When nothing was.
    pub(crate) fn store_named(&self) -> Result<String, Refusal> {
        let named = self.settings().get(&settings::STORE_URL).map(|location| location.0);
        named.ok_or_else(|| Refusal {
            exit: ExitStatus::Usage,
            code: "no-store",
            message: "no store given".to_owned(),
            hint: Some("name one with --store PATH, SNAPCTL_STORE, or url in [store] of snapctl.toml".to_owned()),
        })
    }

    /// How long to wait for a busy store, which is never longer than all of the work may take; `None` not at all.
    fn busy_timeout_ms(&self) -> Option<NonZeroU64> {
        let wait = self.settings().get(&settings::BUSY_TIMEOUT);
        let wait = self.settings().get(&settings::TIMEOUT).map_or(wait, |timeout| timeout.min(wait));
        NonZeroU64::new(wait.as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// The error as it is, but that a wait for a busy store which `--timeout` has cut short ended for lack of time.
    #[must_use]
    pub(crate) fn waited(&self, error: anyhow::Error) -> anyhow::Error {
        let busy = self.settings().get(&settings::BUSY_TIMEOUT);
        let cut = self.settings().get(&settings::TIMEOUT).is_some_and(|timeout| timeout < busy);
        let is_busy = |cause: &(dyn std::error::Error + 'static)| {
            matches!(cause.downcast_ref(), Some(StoreError::Busy { .. }))
                || matches!(cause.downcast_ref(), Some(ReplayError::Store(StoreError::Busy { .. })))
        };
        if cut && error.chain().any(is_busy) { Stop::TimedOut.into() } else { error }
    }

    /// Opens the store that `text` names.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open_named(&self, text: &str, access: Access) -> Result<Arc<dyn Store>, StoreError> {
        let options = Options { access, busy_timeout_ms: self.busy_timeout_ms() };
        Stores::built_in().open(text, &options)
    }

    /// Makes the store that `text` names, and opens it to be changed.
    ///
    /// # Errors
    /// `Exists` if something is there, and when it cannot be made.
    pub(crate) fn create_named(&self, text: &str) -> Result<Arc<dyn Store>, StoreError> {
        let options = Options { access: Access::Change, busy_timeout_ms: self.busy_timeout_ms() };
        Stores::built_in().create(text, &options)
    }

    /// Makes the store that `text` names unless it is there, and opens it to be changed.
    ///
    /// # Errors
    /// When it cannot be made or opened, or what is there is no store.
    pub(crate) fn create_or_open_named(&self, text: &str) -> Result<Arc<dyn Store>, StoreError> {
        match self.create_named(text) {
            Err(StoreError::Exists { .. }) => self.open_named(text, Access::Change),
            other => other,
        }
    }

    /// Whether keyframes are exported and imported.
    #[must_use]
    pub(crate) fn keyframes(&self) -> Keyframes {
        if self.global.no_keyframes { Keyframes::Leave } else { Keyframes::Take }
    }

    /// The models that are known.
    #[must_use]
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether no tier is to be used.
    #[must_use]
    pub(crate) fn no_cache(&self) -> bool {
        self.global.no_cache
    }

    /// Resolves and rebuilds what a target points at, in one read transaction; says also whether scope `global` had to
    /// be assumed. What the log says is looked for in `tiers` first.
    ///
    /// # Errors
    /// Those of [`replay::resolve`] and [`replay::rebuild`] or [`replay::as_reactor`].
    pub(crate) fn rebuild(
        &self,
        store: &dyn Store,
        target: &Target,
        reading: Reading,
        tiers: &Tiers,
    ) -> Result<(Snapshot, bool), ReplayError> {
        self.check()?;
        let meter = self.meter("replaying");
        answer(store, |read| {
            let resolved = replay::resolve(read, target)?;
            let sources = self.sources(read, &meter);
            let snapshot = match reading {
                Reading::Own if tiers.is_empty() => replay::rebuild(&sources, &resolved)?,
                Reading::Own => replay::rebuild_through(&sources, tiers, &resolved)?,
                Reading::AsReactor => replay::as_reactor(&sources, &resolved)?,
            };
            Ok((snapshot, resolved.assumed_scope()))
        })
    }

    /// What rebuilds work with, in one read transaction.
    #[must_use]
    pub(crate) fn sources<'a>(&'a self, read: &'a dyn Read, meter: &'a Meter<'_>) -> Sources<'a> {
        Sources { read, registry: &self.registry, trust: self.settings().get(&settings::TRUST), progress: meter }
    }

    /// Begins to measure a piece of work.
    #[must_use]
    pub(crate) fn meter(&self, step: &'static str) -> Meter<'_> {
        self.meter_of(step, Unit::Operations)
    }

    /// Begins to measure a piece of work that is counted in `unit`.
    #[must_use]
    pub(crate) fn meter_of(&self, step: &'static str, unit: Unit) -> Meter<'_> {
        Meter::new(
            &self.limits,
            Display::choose(self.settings().get(&settings::PROGRESS), self.global.quiet),
            step,
            unit,
        )
    }

    /// What may end the command.
    #[must_use]
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Measures a piece of work without showing it: a bar would get between the lines of an answer on a terminal.
    #[must_use]
    pub(crate) fn hidden_meter(&self) -> Meter<'_> {
        Meter::new(&self.limits, Display::Hidden, "", Unit::Operations)
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// The reason to stop.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        self.limits.check()
    }
}
