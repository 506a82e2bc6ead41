//! One run: looks at the store, tells what it finds, drops and warms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::view::{Counts, EventView, SummaryView};
use crate::cache::rules::{Change, Firing, Rules};
use crate::cache::{Cause, Which};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Report};
use crate::cli::render::queue::tell_left;
use crate::cli::tiers::Cached;
use crate::cli::ui::{Talk, Ui};
use crate::replay::{ReplayError, Tiers};
use crate::store::{Store, answer};
use crate::watch::trouble::{Outlook, outlook};
use crate::watch::warm::{Pending, warm};
use crate::watch::{Event, Follower, Lost, Page, Position, Told};

/// What a run works with, and how far it is.
pub(super) struct Run<'a> {
    store: &'a dyn Store,
    ctx: &'a Ctx,
    follower: Follower,
    rules: Rules,
    tiers: Arc<Tiers>,
    /// Documents to warm, if any are to be.
    pending: Option<Pending>,
    /// Why the store is out of reach, and since when.
    trouble: Option<(Outlook, Instant)>,
    counts: Counts,
    position: Option<Position>,
}

/// What is left to do at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    /// Something that has to wait for another program.
    Blocked,
    Left,
}

/// How many documents are warmed between two looks.
const WARMED_AT_ONCE: usize = 16;
/// How long a store may be away or not whole: as long as it takes to exchange its file, and some more.
const PATIENCE: Duration = Duration::from_secs(30);

impl<'a> Run<'a> {
    pub(super) fn new(
        store: &'a dyn Store,
        ctx: &'a Ctx,
        follower: Follower,
        rules: Rules,
        tiers: Arc<Tiers>,
        pending: Option<Pending>,
    ) -> Self {
        Run { store, ctx, follower, rules, tiers, pending, trouble: None, counts: Counts::default(), position: None }
    }

    /// Follows the store until it is time to end.
    ///
    /// # Errors
    /// When the run is stopped, the store cannot be read, or stdout not be written.
    pub(super) fn follow(&mut self, mut pace: Pace, ui: &mut Ui) -> anyhow::Result<()> {
        loop {
            self.ctx.check()?;
            let found = self.look(&ui.talk)?;
            let more = found.more;
            let is_quiet = found.told.is_empty() && !more && self.trouble.is_none();
            if !is_quiet {
                pace.news();
            }
            self.tell(found, ui)?;
            ui.out.flush()?;
            let rest = if more { Rest::Left } else { self.warm_some(ui)? };
            ui.out.flush()?;
            let is_done = is_quiet && rest == Rest::None && pace.is_idle();
            if is_done || pace.is_over() {
                return Ok(());
            }
            if rest != Rest::Left {
                pace.wait(self.ctx)?;
            }
        }
    }

    /// Writes what waits, says at the end what it all came to, unless nobody listens any more, and whether all was written.
    pub(super) fn conclude(self, ended: &anyhow::Result<()>, cached: Cached, talk: &Talk) -> bool {
        let Run { tiers, counts, position, .. } = self;
        drop(tiers);
        let behind = cached.end(talk).behind;
        let closed = ended.as_ref().is_err_and(|error| Report::of(error).0 == ExitStatus::PipeClosed);
        if !closed {
            let view = SummaryView::of(&counts, position, behind.as_ref().map(|ended| ended.counts));
            talk.summary(&view, view.told());
        }
        behind.is_none_or(|ended| tell_left(talk, "state for the cache file", &ended))
    }

    /// What has been added; nothing while the store is out of reach, which is said once.
    fn look(&mut self, talk: &Talk) -> anyhow::Result<Page> {
        let error = match self.follower.poll(self.store) {
            Ok(page) => {
                self.trouble = None;
                return Ok(page);
            }
            Err(error) => error,
        };
        let now = (outlook(&error), Instant::now());
        if self.trouble.is_none() && now.0 != Outlook::Lasting {
            talk.warning(format_args!("{error}; waiting for it"));
        }
        let (_, since) = *self.trouble.insert(self.trouble.filter(|before| before.0 == now.0).unwrap_or(now));
        match now.0 {
            Outlook::Busy => Ok(Page::default()),
            Outlook::Away if since.elapsed() < PATIENCE => Ok(Page::default()),
            Outlook::Away | Outlook::Lasting => Err(error.into()),
        }
    }

    fn tell(&mut self, page: Page, ui: &mut Ui) -> anyhow::Result<()> {
        let is_first = self.position.is_none();
        for Told { event, position } in page.told {
            self.position = Some(position);
            // Whoever hears of an event can rely on what it has done to the cache.
            let dropped = self.drops(&event);
            let view = EventView::of(event, position, &mut self.counts);
            view.print(&mut ui.out)?;
            for view in dropped {
                view.print(&mut ui.out)?;
            }
        }
        self.position = self.follower.position();
        if is_first && self.position.is_some() {
            self.drop_outdated(ui)?;
        }
        Ok(())
    }

    /// Drops what an event makes useless, and takes note of what is to be warmed.
    fn drops(&mut self, event: &Event) -> Vec<EventView> {
        match event {
            Event::Operation(operation) => {
                if let Some(pending) = &mut self.pending {
                    pending.changed(&operation.stream.document, &operation.stream.branch);
                }
                operation.change.as_ref().map_or(Vec::new(), |change| self.fire(change))
            }
            Event::Reset(Lost::Log) => {
                self.pending = self.pending.take().map(|_| Pending::default());
                let entries = self.tiers.drop_entries(&Which::All, Cause::LogChanged);
                self.counts.entries_dropped += entries;
                vec![EventView::drop(None, Cause::LogChanged, None, entries, self.position)]
            }
            Event::Keyframe { .. } | Event::Reset(Lost::Keyframes) => Vec::new(),
        }
    }

    /// Drops what no model makes any more.
    fn drop_outdated(&mut self, ui: &mut Ui) -> anyhow::Result<()> {
        for (document_type, fingerprint) in self.tiers.outdated(self.ctx.registry()) {
            for view in self.fire(&Change::Model(document_type, fingerprint)) {
                view.print(&mut ui.out)?;
            }
        }
        Ok(())
    }

    fn fire(&mut self, change: &Change) -> Vec<EventView> {
        let Run { rules, tiers, counts, position, .. } = self;
        let document = match change {
            Change::Deleted(document) | Change::Upgraded(document) => Some(document.as_str()),
            Change::Model(..) => None,
        };
        let drop = |Firing { rule, cause, which }| {
            let entries = tiers.drop_entries(&which, cause);
            counts.entries_dropped += entries;
            EventView::drop(Some(rule), cause, document, entries, *position)
        };
        rules.fired_by(change).into_iter().map(drop).collect()
    }

    /// Warms some of the documents that have changed.
    fn warm_some(&mut self, ui: &mut Ui) -> anyhow::Result<Rest> {
        let Some(pending) = &mut self.pending else { return Ok(Rest::None) };
        for _ in 0..WARMED_AT_ONCE {
            let Some((document, branch)) = pending.take() else { break };
            let meter = self.ctx.hidden_meter();
            let warmed =
                answer(self.store, |read| warm(&self.ctx.sources(read, &meter), &self.tiers, &document, &branch));
            match warmed {
                Ok(snapshot) => {
                    self.counts.warmed += 1;
                    EventView::warmed(&snapshot, self.position).print(&mut ui.out)?;
                }
                Err(ReplayError::Stopped(stop)) => return Err(stop.into()),
                Err(ReplayError::Store(error)) if outlook(&error) == Outlook::Busy => {
                    pending.changed(&document, &branch);
                    return Ok(Rest::Blocked);
                }
                Err(error) => {
                    self.counts.not_warmed += 1;
                    ui.talk.warning(format_args!("{document} was not rebuilt: {error}"));
                }
            }
        }
        Ok(if pending.is_empty() { Rest::None } else { Rest::Left })
    }
}
