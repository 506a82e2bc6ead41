//! What `ls` finds out about a document.

use std::ops::ControlFlow;

use crate::cli::ctx::{Ctx, Reading};
use crate::cli::ui::Talk;
use crate::model::ids::{Branch, StreamKey};
use crate::model::json::{Json, Text};
use crate::model::target::{At, Target, escape};
use crate::model::time::Timestamp;
use crate::replay::{ReplayError, Sources, Tiers, newest_time};
use crate::store::{Detail, DocumentEntry, Read, Store, StoreError, StreamHead, answer};

/// What has to be found out.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent questions")]
pub(super) struct Wanted {
    pub(super) name: bool,
    pub(super) heads: bool,
    pub(super) keyframes: bool,
    pub(super) changed: bool,
}

/// What was found out; empty where it was not asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// The name in the header; `None` when the document cannot be rebuilt.
    pub(super) name: Option<Text<'static>>,
    /// Its streams, by branch and scope.
    pub(super) heads: Vec<StreamHead>,
    /// `None` also when a row of them cannot be read.
    pub(super) keyframes: Option<Kept>,
    /// Time of the newest operation.
    pub(super) changed: Option<Timestamp>,
}

/// The keyframes of a document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    pub(super) keyframes: u64,
    pub(super) bytes: u64,
}

impl Facts {
    /// Operations by their heads, which is all of them in logs without gaps.
    pub(super) fn operations(&self) -> u64 {
        self.heads.iter().map(|stream| stream.head.next().get()).sum()
    }
}

/// Finds out what is wanted. A document that cannot be rebuilt has no name, and a warning.
pub(super) fn describe(
    wanted: Wanted,
    entry: &DocumentEntry,
    ctx: &Ctx,
    talk: &Talk,
    store: &dyn Store,
) -> anyhow::Result<Facts> {
    let Wanted { name, heads, keyframes, changed } = wanted;
    let mut facts = Facts::default();
    if heads || changed {
        let meter = ctx.meter("reading");
        facts = answer(store, |read| look_up(wanted, entry, &ctx.sources(read, &meter)))?;
    }
    if keyframes {
        match answer(store, |read| count_keyframes(entry, read)) {
            Ok(kept) => facts.keyframes = Some(kept),
            Err(error @ StoreError::Corrupt { .. }) => {
                talk.warning(format_args!("the keyframes of {} are not known: {error}", entry.id));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if name {
        facts.name = match rebuilt_name(entry, &facts, ctx, store) {
            Ok(name) => Some(name),
            Err(error) if ends_all(&error) => return Err(error.into()),
            Err(error) => {
                talk.warning(format_args!("the name of {} is not known: {error}", entry.id));
                None
            }
        };
    }
    Ok(facts)
}

/// Whether the error is not one of this document alone: the other documents could not be read either.
fn ends_all(error: &ReplayError) -> bool {
    match error {
        ReplayError::Stopped(_) => true,
        ReplayError::Store(error) => !matches!(error, StoreError::Corrupt { .. }),
        _ => false,
    }
}

fn look_up(wanted: Wanted, entry: &DocumentEntry, sources: &Sources<'_>) -> Result<Facts, ReplayError> {
    let mut facts = Facts::default();
    if wanted.heads || wanted.changed {
        facts.heads = sources.read.streams(&entry.id)?;
    }
    if wanted.changed {
        for head in &facts.heads {
            let (scope, branch) = (head.scope.clone(), head.branch.clone());
            let stream = StreamKey { document: entry.id.clone(), scope, branch };
            facts.changed = facts.changed.max(newest_time(sources, &stream, head.head)?);
        }
    }
    Ok(facts)
}

fn count_keyframes(entry: &DocumentEntry, read: &dyn Read) -> Result<Kept, StoreError> {
    let mut kept = Kept::default();
    read.keyframes(&entry.id, Detail::Label, &mut |keyframe| {
        kept.keyframes += 1;
        kept.bytes += keyframe.size_bytes;
        ControlFlow::Continue(())
    })?;
    Ok(kept)
}

/// The name as the whole document has it, on `main` or else on its first branch.
fn rebuilt_name(
    entry: &DocumentEntry,
    facts: &Facts,
    ctx: &Ctx,
    store: &dyn Store,
) -> Result<Text<'static>, ReplayError> {
    let first = facts.heads.first().map_or_else(Branch::main, |head| head.branch.clone());
    let main = facts.heads.iter().any(|head| head.branch == Branch::main());
    let branch = if main { Branch::main() } else { first };
    let target = Target::literal(entry.id.as_str(), None, Some(branch.as_str()), At::Head);
    let (snapshot, _) = ctx.rebuild(store, &target, Reading::Own, &Tiers::default())?;
    Ok(snapshot.header.get("name").and_then(Json::as_text).map_or(Text::from(""), Text::to_owned_text))
}

/// How a head is shown: as the end of a target, `SCOPE:N`, with the branch when it is not `main`.
pub(super) fn shown_head(stream: &StreamHead) -> String {
    let scope = escape(stream.scope.as_str());
    if stream.branch == Branch::main() {
        return format!("{scope}:{}", stream.head);
    }
    format!("{scope}@{}:{}", escape(stream.branch.as_str()), stream.head)
}
