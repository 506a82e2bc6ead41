//! A running document.

use super::gc::Slot;
use super::header::Header;
use super::history::{Collected, Entry, History, Place, Plan};
use super::live::Recorded;
use super::{Actions, NoActions, ProtocolError, Schedule, Version, level};
use crate::model::ids::{NextIndex, OpIndex, Scope};
use crate::model::json::{Json, Object, Text};
use crate::model::operation::Action;
use crate::model::state::{JsonState, State};
use crate::object;
use crate::reducer::auth::{self, Owner};
use crate::reducer::{Fold, Outcome};

/// What the protocol needs of a stored row besides its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHead {
    /// Position in the stream.
    pub index: OpIndex,
    /// How many positions directly before it are retracted.
    pub skip: u32,
    /// Whether it was denied: it takes its position and is not applied.
    pub denied: bool,
    /// Whether it records an error. Only the document scope passes over such rows; elsewhere they are run again.
    pub failed: bool,
}

/// A document between two operations: header, state, initial state, and what of its history a later operation
/// can reach.
pub struct Document {
    pub(super) header: Header,
    pub(super) fold: Box<dyn Fold>,
    initial: State,
    pub(super) histories: Vec<History>,
    pub(super) clipboard: Vec<Entry>,
    schedule: Schedule,
    /// Whether anything was appended to scope `global`, kept or not.
    pub(super) has_global: bool,
    /// Whether a history has an operation that replaces the states of all scopes.
    loads: bool,
    applied: u64,
    outcomes: Vec<Outcome>,
}

/// What an operation is to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// For the model's reducer.
    Model,
    /// For the auth reducer.
    Auth,
    /// Document-level: the protocol does it itself.
    Level,
}

impl Document {
    /// The document that a `CREATE_DOCUMENT` input makes (reactor format §5.1): no model scopes yet. `created`
    /// stands in for a creation time the input does not carry.
    ///
    /// # Errors
    /// `Fold` if the fold does not take the state.
    pub fn create(input: &Json<'_>, created: &Text<'_>, mut fold: Box<dyn Fold>) -> Result<Self, ProtocolError> {
        let mut state = JsonState::default();
        state.set("auth".into(), auth::default_state());
        state.set(Scope::document(), default_document_state());
        fold.restore(&State::new(state))?;
        Self::start(Header::create(input, created), fold)
    }

    /// A document with this header in the fold's present state, which is also its initial state.
    ///
    /// # Errors
    /// `Fold` if the fold does not give its state.
    pub fn start(header: Header, mut fold: Box<dyn Fold>) -> Result<Self, ProtocolError> {
        let initial = fold.checkpoint()?;
        Ok(Document {
            header,
            fold,
            initial,
            histories: Vec::new(),
            clipboard: Vec::new(),
            schedule: Schedule::unknown(),
            has_global: false,
            loads: false,
            applied: 0,
            outcomes: Vec::new(),
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header, to stamp it.
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// The state.
    ///
    /// # Errors
    /// `Fold` if the fold does not give its state.
    pub fn state(&mut self) -> Result<State, ProtocolError> {
        Ok(self.fold.checkpoint()?)
    }

    /// How often a reducer was called.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// What became of the rows of the last call of [`Document::replay`], one outcome a row.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Says what lies ahead in the stream that will be replayed next.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    /// Exchanges the fold for one of another version of the model; the state is carried over.
    ///
    /// # Errors
    /// `Fold` if either fold fails.
    pub fn set_fold(&mut self, mut fold: Box<dyn Fold>) -> Result<(), ProtocolError> {
        fold.restore(&self.fold.checkpoint()?)?;
        self.fold = fold;
        self.invalidate();
        Ok(())
    }

    /// Replaces one scope's state by one that is known from elsewhere, as if it had been replayed up to there.
    ///
    /// # Errors
    /// `Fold` if the fold does not take the state.
    pub fn resume(&mut self, scope: &Scope, from: &State) -> Result<(), ProtocolError> {
        self.fold.restore_scope(scope, from)?;
        Ok(())
    }

    /// Which base protocol the document follows.
    ///
    /// # Errors
    /// `Thrown` if the header does not say.
    pub fn version(&self) -> Result<Version, ProtocolError> {
        match self.header.base_reducer() {
            Some(version) if version >= 2.0 => Ok(Version::V2),
            Some(_) => Ok(Version::V1),
            None => {
                let id = self.header.id();
                Err(ProtocolError::Thrown(format!("Document {id} carries no base-reducer protocol version")))
            }
        }
    }

    /// Applies an `UPGRADE_DOCUMENT` whose transitions have been applied already (reactor format §5.2): installs
    /// the snapshot the action carries, if any, and sets the version.
    ///
    /// # Errors
    /// `Thrown` if the snapshot's auth policy cannot be installed.
    pub fn upgrade(&mut self, input: &Json<'_>) -> Result<(), ProtocolError> {
        let before = self.fold.checkpoint()?;
        let snapshot = input.get("initialState").filter(|state| !state.is_falsy());
        let snapshot = snapshot.or_else(|| input.get("state").filter(|state| !state.is_falsy()));
        let mut shared = before.is(&self.initial) || same(&before, &self.initial);
        if let Some(snapshot) = snapshot.and_then(Json::as_object) {
            self.overlay(snapshot)?;
            self.initial = self.fold.checkpoint()?;
            shared = true;
        }
        let version = input.get("toVersion").map_or(Json::Null, Json::to_owned_json);
        self.edit_document(|document| {
            document.insert("version".into(), version.clone());
        })?;
        if shared {
            // State and initial state are one object at this point, so the version changes in both.
            self.initial = self.fold.checkpoint()?;
        }
        self.invalidate();
        Ok(())
    }

    /// Replaces the state by the result of an upgrade step.
    ///
    /// # Errors
    /// `Fold` if the fold does not take it.
    pub fn transition(&mut self, state: &State) -> Result<(), ProtocolError> {
        self.fold.restore(state)?;
        self.invalidate();
        Ok(())
    }

    /// Marks the document as deleted (reactor format §5.3).
    ///
    /// # Errors
    /// `Fold` if the fold does not take it.
    pub fn delete(&mut self, at: &Text<'_>) -> Result<(), ProtocolError> {
        self.edit_document(|document| {
            document.insert("isDeleted".into(), true.into());
            document.insert("deletedAtUtcIso".into(), Json::String(at.to_owned_text()));
        })?;
        self.invalidate();
        Ok(())
    }

    /// The state of one scope.
    ///
    /// # Errors
    /// `Fold` if the fold does not give its state.
    pub fn scope(&mut self, scope: &str) -> Result<Option<Json<'static>>, ProtocolError> {
        Ok(self.fold.checkpoint()?.scope(scope))
    }

    /// Replays stored rows of one stream, in order. `heads` and `actions` are of one length.
    ///
    /// # Errors
    /// `Thrown` where the reference fails to rebuild; `Fold`; `Again` if a row was needed again and could not be
    /// read. The document is then of no further use.
    pub fn replay(
        &mut self,
        heads: &[RowHead],
        actions: &[Action<'_>],
        source: &mut dyn Actions,
    ) -> Result<(), ProtocolError> {
        self.outcomes.clear();
        let mut at = 0;
        while at < heads.len() {
            let run = self.plain_run(&heads[at..], &actions[at..])?;
            if run > 0 {
                self.replay_run(&heads[at..at + run], &actions[at..at + run], source)?;
                at += run;
            } else {
                let outcome = self.replay_one(heads[at], &actions[at], source)?;
                self.outcomes.push(outcome);
                at += 1;
            }
        }
        Ok(())
    }

    /// Reduces an operation of the document scope that is neither an upgrade nor a deletion (reactor format §5.4).
    /// Such operations are numbered anew from 0.
    ///
    /// # Errors
    /// As [`Document::replay`].
    pub fn relate(&mut self, action: &Action<'_>, skip: u32) -> Result<Outcome, ProtocolError> {
        level::check_stored(skip, action)?;
        let scope = scope_of(action)?;
        let next =
            self.histories.iter().find(|history| history.scope == scope).and_then(|history| history.entries.last());
        let index = next.map_or(0, |last| last.slot.index + 1);
        let row = OpIndex::new(index);
        let recorded = Recorded { action: action.clone().into_owned(), hash: String::new(), error: None };
        let step = Step { scope: &scope, index, skip, row };
        self.step(&step, action, &mut NoActions, Some(Box::new(recorded)))
    }

    /// How many rows from the first on are for the model alone, and end in no state worth keeping but the last.
    fn plain_run(&self, heads: &[RowHead], actions: &[Action<'_>]) -> Result<usize, ProtocolError> {
        let mut run = 0;
        for (head, action) in heads.iter().zip(actions) {
            if head.denied || head.skip > 0 || part(action) != Part::Model || action.scope != actions[0].scope {
                break;
            }
            if run == 0 {
                self.version()?;
            }
            run += 1;
            if self.schedule.keeps(head.index) {
                break;
            }
        }
        Ok(run)
    }

    fn replay_run(
        &mut self,
        heads: &[RowHead],
        actions: &[Action<'_>],
        source: &mut dyn Actions,
    ) -> Result<(), ProtocolError> {
        let version = self.version()?;
        let scope = scope_of(&actions[0])?;
        self.has_global |= scope == *"global";
        let tracked = self.schedule.looks_back_from(heads[0].index);
        let history = if tracked { Some(self.history(&scope, source)?) } else { None };
        self.fold.apply(actions, &mut self.outcomes)?;
        self.applied += actions.len() as u64;
        let Some(at) = history else { return Ok(()) };
        let last = heads.len() - 1;
        for (n, head) in heads.iter().enumerate() {
            let keep = n == last && self.schedule.keeps(head.index);
            let state = if keep { Some(self.fold.checkpoint()?) } else { None };
            self.histories[at].append(entry(*head, false, true), version, state);
        }
        self.others_changed(at);
        Ok(())
    }

    /// Replays a row that is not for the model alone.
    fn replay_one(
        &mut self,
        head: RowHead,
        action: &Action<'_>,
        source: &mut dyn Actions,
    ) -> Result<Outcome, ProtocolError> {
        let scope = scope_of(action)?;
        if head.denied {
            self.has_global |= scope == *"global";
            if self.schedule.looks_back_from(head.index) {
                let version = self.version()?;
                let noop = action.kind == *"NOOP";
                let mut entry = entry(head, noop, false);
                entry.denied = true;
                let at = self.history(&scope, source)?;
                self.histories[at].append(entry, version, None);
                self.others_changed(at);
            }
            return Ok(Outcome::Applied);
        }
        self.version()?;
        level::check_stored(head.skip, action)?;
        let row = Step { scope: &scope, index: head.index.get(), skip: head.skip, row: head.index };
        self.step(&row, action, source, None)
    }

    /// Steps 4 to 8 of the reference's reducer (reactor format §4.1) for one action.
    pub(super) fn step(
        &mut self,
        step: &Step<'_>,
        action: &Action<'_>,
        source: &mut dyn Actions,
        recorded: Option<Box<Recorded>>,
    ) -> Result<Outcome, ProtocolError> {
        let version = self.version()?;
        let part = part(action);
        if part == Part::Level {
            self.apply_level(action)?;
        }
        self.has_global |= *step.scope == *"global";
        if step.skip > 0 && !self.schedule.looks_back_from(step.row) {
            return Err(ProtocolError::LooksBack(step.row));
        }
        let noop = action.kind == *"NOOP";
        let slot = Slot { index: step.index, skip: step.skip, noop };
        let applies = part != Part::Level || action.kind == *"LOAD_STATE";
        let mut entry = Entry { slot, row: step.row, applies, denied: false, recorded };
        if step.skip == 0 && !self.schedule.looks_back_from(step.row) {
            return self.apply(step.scope, action);
        }
        self.loads |= action.kind == *"LOAD_STATE";
        let fresh = !self.histories.iter().any(|history| history.scope == *step.scope);
        let at = self.history(step.scope, source)?;
        if step.skip == 0 {
            let outcome = self.apply(step.scope, action)?;
            let state = if self.schedule.keeps(step.row) { Some(self.fold.checkpoint()?) } else { None };
            self.histories[at].append(entry, version, state);
            self.others_changed(at);
            return Ok(outcome);
        }
        if noop && version == Version::V2 {
            self.histories[at].append(entry, version, None);
            self.settle(at, source)?;
            self.others_changed(at);
            self.revise(at);
            return Ok(Outcome::Applied);
        }
        let before = self.fold.checkpoint()?;
        let header = |history: &History| Some(slot).filter(|_| history.scope == *step.scope);
        let taken: Vec<Collected> =
            self.histories.iter_mut().map(|history| history.collect(header(history), version)).collect();
        let others = self.changed_others(at, &taken);
        let kept = self.settle(at, source)?;
        self.fold.restore(&before)?;
        self.fold.restore_scope(step.scope, &kept)?;
        let outcome = self.apply(step.scope, action)?;
        if let Outcome::Failed(_) = outcome {
            if fresh {
                self.histories.truncate(at);
                return Err(ProtocolError::Thrown(format!("No operations found for scope: {}", step.scope)));
            }
            self.fold.restore(&before)?;
            self.histories.iter_mut().zip(taken).for_each(|(history, taken)| history.restore(taken));
            if others {
                self.invalidate();
            }
            entry.slot.skip = 0;
            self.histories[at].append_apart(entry, version);
            self.others_changed(at);
            return Ok(outcome);
        }
        if same_but(&before, &kept, step.scope) {
            let state = if self.schedule.keeps(step.row) { Some(self.fold.checkpoint()?) } else { None };
            self.histories[at].append(entry, version, state);
        } else {
            self.histories[at].append_apart(entry, version);
        }
        self.others_changed(at);
        Ok(outcome)
    }

    /// Forgets all states if a history other than the one at `at` was collected, and says whether one was.
    pub(super) fn changed_others(&mut self, at: usize, taken: &[Collected]) -> bool {
        let changed = |n: usize| n != at && taken[n].anything();
        let others = (0..taken.len()).any(changed);
        if others {
            self.invalidate();
        }
        others
    }

    /// Hands one action to the reducer it is for.
    fn apply(&mut self, scope: &Scope, action: &Action<'_>) -> Result<Outcome, ProtocolError> {
        match part(action) {
            Part::Level => Ok(Outcome::Applied),
            Part::Model => {
                let mut outcomes = Vec::with_capacity(1);
                self.fold.apply(std::slice::from_ref(action), &mut outcomes)?;
                self.applied += 1;
                Ok(outcomes.pop().unwrap_or(Outcome::Applied))
            }
            Part::Auth => {
                self.applied += 1;
                let auth = self.scope("auth")?.unwrap_or_default();
                let id = self.header.id();
                let document_type = self.header.get("documentType").and_then(Json::as_text).map(ToString::to_string);
                let owner = Owner {
                    document_id: &id,
                    document_type: document_type.as_deref().unwrap_or_default(),
                    public_key: self.header.public_key(),
                };
                match auth::reduce(&auth, action, &owner) {
                    Ok(Some(auth)) => self.fold.set_scope(scope, Some(auth))?,
                    Ok(None) => {}
                    Err(text) => return Ok(Outcome::Failed(text)),
                }
                Ok(Outcome::Applied)
            }
        }
    }

    /// Brings the fold to the state that a replay of what stands in a history, and in all others, gives, and returns
    /// it.
    pub(super) fn settle(&mut self, at: usize, source: &mut dyn Actions) -> Result<State, ProtocolError> {
        // The history at hand is replayed last here; the reference takes the scopes in the order they came up.
        if self.loads && at + 1 < self.histories.len() {
            return self.settle_in_order(source);
        }
        let root = self.root(at, source)?;
        let Plan { from, apply } = self.histories[at].plan();
        self.fold.restore(&from.unwrap_or(root))?;
        self.again(at, &apply, Keep::Every, source)?;
        self.histories[at].align();
        Ok(self.fold.checkpoint()?)
    }

    /// The same where scopes depend on each other, so that their order counts: without any of the states that are
    /// kept.
    fn settle_in_order(&mut self, source: &mut dyn Actions) -> Result<State, ProtocolError> {
        self.invalidate();
        self.fold.restore(&self.initial)?;
        for at in 0..self.histories.len() {
            self.again(at, &self.histories[at].path(), Keep::None, source)?;
        }
        Ok(self.fold.checkpoint()?)
    }

    /// The state from which a history is replayed: the initial state with the histories of all other scopes.
    fn root(&mut self, at: usize, source: &mut dyn Actions) -> Result<State, ProtocolError> {
        if let Some(root) = &self.histories[at].root {
            return Ok(root.clone());
        }
        self.fold.restore(&self.initial)?;
        for other in (0..self.histories.len()).filter(|&other| other != at) {
            self.again(other, &self.histories[other].path(), Keep::None, source)?;
        }
        let root = self.fold.checkpoint()?;
        self.histories[at].root = Some(root.clone());
        Ok(root)
    }

    /// Applies operations of a history again, those that the document has itself and those that the stream has.
    fn again(
        &mut self,
        at: usize,
        places: &[Place],
        keep: Keep,
        source: &mut dyn Actions,
    ) -> Result<(), ProtocolError> {
        let mut rest = places;
        while let Some(&first) = rest.first() {
            let history = &self.histories[at];
            if let Some(recorded) = &history.entry(first).recorded {
                let action = recorded.action.clone();
                self.again_one(at, first, &action, keep)?;
                rest = &rest[1..];
                continue;
            }
            let entries = rest.iter().map(|&place| history.entry(place));
            let rows: Vec<OpIndex> =
                entries.take_while(|entry| entry.recorded.is_none()).map(|entry| entry.row).collect();
            let mut places = rest[..rows.len()].iter();
            source.again(&rows, &mut |action| match places.next() {
                Some(&place) => self.again_one(at, place, action, keep),
                None => Ok(()),
            })?;
            rest = &rest[rows.len()..];
        }
        Ok(())
    }

    fn again_one(&mut self, at: usize, place: Place, action: &Action<'_>, keep: Keep) -> Result<(), ProtocolError> {
        if part(action) == Part::Level {
            self.apply_level_again(action)?;
        } else {
            let scope = self.histories[at].scope.clone();
            self.apply(&scope, action)?;
        }
        if keep == Keep::Every {
            let state = self.fold.checkpoint()?;
            self.histories[at].replayed(place, state);
        }
        Ok(())
    }

    /// The history of a scope; a new one is aligned if a replay would start from the present state.
    pub(super) fn history(&mut self, scope: &Scope, source: &mut dyn Actions) -> Result<usize, ProtocolError> {
        if let Some(at) = self.histories.iter().position(|history| history.scope == *scope) {
            return Ok(at);
        }
        self.histories.push(History::new(scope.clone()));
        let at = self.histories.len() - 1;
        let state = self.fold.checkpoint()?;
        let root = self.root(at, source)?;
        self.fold.restore(&state)?;
        if state.is(&root) || same(&state, &root) {
            self.histories[at].align();
        }
        Ok(at)
    }

    /// A history has changed: what replays of the others start from is another state now.
    pub(super) fn others_changed(&mut self, at: usize) {
        if self.histories.len() > 1 {
            self.histories
                .iter_mut()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .for_each(|(_, history)| history.invalidate());
        }
    }

    fn invalidate(&mut self) {
        self.histories.iter_mut().for_each(History::invalidate);
    }

    /// After an undo under the second version the header counts what was replayed (reactor format §4.6).
    fn revise(&mut self, at: usize) {
        for (n, history) in self.histories.iter().enumerate() {
            let last =
                if n == at { history.last_standing() } else { history.entries.last().map(|entry| entry.slot.index) };
            if let Some(last) = last {
                self.header.set_revision(
                    &history.scope,
                    NextIndex::from(Some(crate::model::ids::Revision::of(OpIndex::new(last)))),
                );
            }
        }
    }

    /// Changes `state.document`.
    fn edit_document(&mut self, edit: impl FnOnce(&mut Object<'static>)) -> Result<(), ProtocolError> {
        let mut document = match self.scope("document")? {
            Some(Json::Object(document)) => document,
            _ => Object::new(),
        };
        edit(&mut document);
        self.fold.set_scope(&Scope::document(), Some(Json::Object(document)))?;
        Ok(())
    }

    /// Lays a state snapshot over the present state, scope by scope; `auth` by its own rules (reactor format
    /// §5.6).
    pub(super) fn overlay(&mut self, snapshot: &Object<'_>) -> Result<(), ProtocolError> {
        let current = auth::backfill(self.scope("auth")?.as_ref());
        for (scope, state) in snapshot.iter() {
            let name =
                scope.as_str().ok_or_else(|| ProtocolError::Thrown("a scope name holds a lone surrogate".into()))?;
            if name != "auth" {
                self.fold.set_scope(&name.into(), Some(state.to_owned_json()))?;
            }
        }
        let auth = self.resolve_auth(&current, snapshot.get("auth"))?;
        self.fold.set_scope(&"auth".into(), Some(auth))?;
        Ok(())
    }

    /// Which policy stands after a snapshot that carries `incoming` (reactor format §5.6).
    pub(super) fn resolve_auth(
        &self,
        current: &Json<'static>,
        incoming: Option<&Json<'_>>,
    ) -> Result<Json<'static>, ProtocolError> {
        let id = self.header.id();
        let document_type = self.header.get("documentType").and_then(Json::as_text).map(ToString::to_string);
        let owner = Owner {
            document_id: &id,
            document_type: document_type.as_deref().unwrap_or_default(),
            public_key: self.header.public_key(),
        };
        auth::resolve_snapshot(current, incoming, &owner).map_err(|text| ProtocolError::Thrown(text.to_string()))
    }
}

/// Which states to keep while operations are applied again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// The one after each of them.
    Every,
    /// None.
    None,
}

/// One operation on its way through the reducer.
pub(super) struct Step<'a> {
    pub(super) scope: &'a Scope,
    pub(super) index: u64,
    pub(super) skip: u32,
    pub(super) row: OpIndex,
}

fn entry(head: RowHead, noop: bool, applies: bool) -> Entry {
    let slot = Slot { index: head.index.get(), skip: head.skip, noop };
    Entry { slot, row: head.index, applies, denied: false, recorded: None }
}

/// Who an action is for.
pub(super) fn part(action: &Action<'_>) -> Part {
    if level::is_document_level(&action.kind) {
        Part::Level
    } else if action.scope == *"auth" {
        Part::Auth
    } else {
        Part::Model
    }
}

/// The scope an action names.
pub(super) fn scope_of(action: &Action<'_>) -> Result<Scope, ProtocolError> {
    action.scope.as_str().map(Scope::from).ok_or_else(|| {
        ProtocolError::Thrown(format!("the scope \"{}\" of an action holds a lone surrogate", action.scope))
    })
}

/// The state of scope `document` before anything happened (reactor format §1.4).
fn default_document_state() -> Json<'static> {
    let hash = object! { "algorithm" => "sha1", "encoding" => "base64" };
    Json::Object(object! { "version" => 0.0, "hash" => hash })
}

/// Whether two states have the same value.
fn same(a: &State, b: &State) -> bool {
    a.scopes() == b.scopes()
        && a.scopes().iter().all(|scope| a.canonical(scope.as_str()) == b.canonical(scope.as_str()))
}

/// Whether two states have the same value outside one scope.
fn same_but(a: &State, b: &State, scope: &Scope) -> bool {
    let (left, right) = (a.scopes(), b.scopes());
    let others = |scopes: &[Scope]| scopes.iter().filter(|other| *other != scope).cloned().collect::<Vec<_>>();
    let others = (others(&left), others(&right));
    others.0 == others.1 && others.0.iter().all(|scope| a.canonical(scope.as_str()) == b.canonical(scope.as_str()))
}
