//! What every command works with.

use std::num::NonZeroU64;
use std::sync::Arc;

use anyhow::Context as _;

use super::args::Global;
use super::exit::{ExitStatus, Refusal};
use super::progress::{Display, Limits, Meter};
use crate::model::progress::Stop;
use crate::model::target::Target;
use crate::reducer::Registry;
use crate::replay::{self, ReplayError, Snapshot, Sources};
use crate::settings::Settings;
use crate::store::{Access, Options, Read, Store, StoreError, Stores, answer};

/// The checked options of a command, and what follows from them.
pub(crate) struct Ctx {
    global: Global,
    limits: Limits,
    registry: Registry,
}

impl Ctx {
    /// Reads the settings, and starts the clock of `--timeout`.
    ///
    /// # Errors
    /// When the settings cannot be read or are wrong.
    pub(crate) fn new(global: Global) -> anyhow::Result<Self> {
        let limits = Limits::start(global.timeout).context("cannot listen for interrupts")?;
        let mut registry = Registry::built_in();
        if let Some(path) = &global.config {
            let step = || format!("registering the models of {}", path.display());
            Settings::read(path)?.register(&mut registry).with_context(step)?;
        }
        for model in &global.models {
            registry.serve(&model.document_type, model.kind);
        }
        Ok(Ctx { global, limits, registry })
    }

    /// Opens the store that was named.
    ///
    /// # Errors
    /// When none was named, or it cannot be opened.
    pub(crate) fn open_store(&self) -> anyhow::Result<Arc<dyn Store>> {
        let named = self.global.store.as_deref().filter(|text| !text.is_empty());
        let text = named.ok_or_else(|| Refusal {
            exit: ExitStatus::Usage,
            code: "no-store",
            message: "no store given".to_owned(),
            hint: Some("name one with --store PATH or SNAPCTL_STORE".to_owned()),
        })?;
        Ok(open(text, self.global.busy_timeout_ms())?)
    }

    /// The models that are known.
    #[must_use]
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Resolves and rebuilds what a target points at, in one read transaction; says also whether scope `global` had to
    /// be assumed.
    ///
    /// # Errors
    /// Those of [`replay::resolve`] and [`replay::rebuild`].
    pub(crate) fn rebuild(&self, store: &dyn Store, target: &Target) -> Result<(Snapshot, bool), ReplayError> {
        self.check()?;
        let meter = self.meter("replaying");
        answer(store, |read| {
            let resolved = replay::resolve(read, target)?;
            let snapshot = replay::rebuild(&self.sources(read, &meter), &resolved)?;
            Ok((snapshot, resolved.assumed_scope()))
        })
    }

    /// What rebuilds work with, in one read transaction.
    #[must_use]
    pub(crate) fn sources<'a>(&'a self, read: &'a dyn Read, meter: &'a Meter<'_>) -> Sources<'a> {
        Sources { read, registry: &self.registry, trust: self.global.trust(), progress: meter }
    }

    /// Begins to measure a piece of work.
    #[must_use]
    pub(crate) fn meter(&self, step: &'static str) -> Meter<'_> {
        Meter::new(&self.limits, Display::choose(self.global.progress, self.global.quiet), step)
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// The reason to stop.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        self.limits.check()
    }
}

/// The one place that opens stores.
fn open(text: &str, busy_timeout_ms: Option<NonZeroU64>) -> Result<Arc<dyn Store>, StoreError> {
    Stores::built_in().open(text, &Options { access: Access::Read, busy_timeout_ms })
}
