//! `snapctl ls`.

mod describe;
mod tree;
mod view;

use std::ops::ControlFlow;

use clap::{Args, ValueEnum};

use crate::cli::args::parse_time;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::ui::Ui;
use crate::model::target::DocumentRef;
use crate::model::time::Timestamp;
use crate::replay::{self, ReplayError};
use crate::store::{DocumentEntry, Read, Store, answer};

use describe::{Facts, describe};

pub(in crate::cli) use tree::TreeView;
pub(in crate::cli) use view::DocumentView;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "ls",
    examples: &[
        Example { does: "All documents, with names, heads and sizes", run: "snapctl ls -l" },
        Example { does: "What is in a drive", run: "snapctl ls field-notes --tree" },
        Example {
            does: "What changed since a moment, newest first",
            run: "snapctl ls -l --changed-since 2025-04-01T00:00:00Z --sort changed",
        },
        Example {
            does: "How many documents there are of each type",
            run: "snapctl ls --ndjson | jq -r .documentType | sort | uniq -c",
        },
        Example {
            does: "Nightly: a hash of every document, to be compared with yesterday's",
            run: "snapctl ls --ndjson | jq -c '{document}' | snapctl rebuild --batch \\\n  | jq -r '[.target.document, .hash.global] | @tsv'",
        },
    ],
};

/// List documents
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Only documents whose id starts with this, or the one with this slug; with --tree, the drive (a target)
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,

    /// Add name, heads, operations (by their heads), keyframes, bytes of keyframes, time of the last operation
    #[arg(short, long)]
    long: bool,

    /// Only documents of this type
    #[arg(long = "type", value_name = "TYPE")]
    document_type: Option<String>,

    /// Only documents that have operations in this scope
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,

    /// Only documents that have an operation at or after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    changed_since: Option<Timestamp>,

    /// The order: texts ascending, numbers and times descending, then by id
    #[arg(long, value_name = "KEY", value_enum, default_value_t = SortKey::Id)]
    sort: SortKey,

    /// Show the folders and files of the drive that PREFIX names
    #[arg(long, requires = "prefix", conflicts_with_all = ["long", "document_type", "scope", "changed_since", "sort"])]
    tree: bool,
}

/// What a list of documents is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortKey {
    /// The id
    Id,
    /// The document type
    Type,
    /// The name
    Name,
    /// The number of operations
    Operations,
    /// The number of keyframes
    Keyframes,
    /// The bytes of all keyframes
    Bytes,
    /// The time of the last operation
    Changed,
}

/// Runs `snapctl ls`.
///
/// # Errors
/// When the store cannot be opened or read, nothing matches, or stdout cannot be written.
pub(crate) fn run(args: &LsArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    if let Some(drive) = args.prefix.as_deref().filter(|_| args.tree) {
        return tree::run(drive, ctx, ui);
    }
    let store = ctx.open_store()?;
    let mut documents = Vec::new();
    for entry in entries(args, &*store)? {
        ctx.check()?;
        let facts = describe(args.wanted(), &entry, ctx, &ui.talk, &*store)?;
        if args.keeps(&facts) {
            documents.push((entry, facts));
        }
    }
    sort(&mut documents, args.sort);
    let nothing = documents.is_empty();
    view::print(&documents, args.long, &mut ui.out)?;
    if nothing && args.filters() {
        let message = format!("no document of {} matches", store.location());
        let hint = Some("without PREFIX and filters `snapctl ls` lists all".to_owned());
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint }.into());
    }
    Ok(ExitStatus::Success)
}

impl LsArgs {
    fn filters(&self) -> bool {
        self.prefix.is_some() || self.document_type.is_some() || self.scope.is_some() || self.changed_since.is_some()
    }

    /// What has to be found out about each document.
    fn wanted(&self) -> describe::Wanted {
        describe::Wanted {
            name: self.long || self.sort == SortKey::Name,
            heads: self.long || self.scope.is_some() || self.sort == SortKey::Operations,
            keyframes: self.long || matches!(self.sort, SortKey::Keyframes | SortKey::Bytes),
            changed: self.long || self.changed_since.is_some() || self.sort == SortKey::Changed,
        }
    }

    fn keeps(&self, facts: &Facts) -> bool {
        let has_scope = |scope: &String| facts.heads.iter().any(|head| head.scope == **scope);
        self.scope.as_ref().is_none_or(has_scope)
            && self.changed_since.is_none_or(|since| facts.changed.is_some_and(|changed| changed >= since))
    }
}

fn entries(args: &LsArgs, store: &dyn Store) -> Result<Vec<DocumentEntry>, ReplayError> {
    let prefix = args.prefix.as_deref().unwrap_or_default();
    answer(store, |read: &dyn Read| {
        let mut entries = Vec::new();
        read.documents(prefix, &mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })?;
        if entries.is_empty() && !prefix.is_empty() {
            entries.extend(with_slug(read, prefix)?);
        }
        entries.retain(|entry| args.document_type.as_ref().is_none_or(|wanted| entry.document_type == **wanted));
        Ok(entries)
    })
}

/// The one document with that slug.
fn with_slug(read: &dyn Read, slug: &str) -> Result<Option<DocumentEntry>, ReplayError> {
    let id = match replay::find_document(read, &DocumentRef::Typed(slug.to_owned())) {
        Ok(id) => id,
        Err(ReplayError::NoDocument { .. } | ReplayError::Ambiguous { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut found = None;
    read.documents(id.as_str(), &mut |entry| {
        // Of all ids that start with this one, itself is the least.
        found = Some(entry).filter(|entry| entry.id == id);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Sorts what is already in the order of ids.
fn sort(documents: &mut [(DocumentEntry, Facts)], key: SortKey) {
    use std::cmp::Reverse;
    match key {
        SortKey::Id => {}
        SortKey::Type => documents.sort_by(|(a, _), (b, _)| a.document_type.cmp(&b.document_type)),
        SortKey::Name => documents.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name)),
        SortKey::Operations => documents.sort_by_key(|(_, facts)| Reverse(facts.operations())),
        SortKey::Keyframes => documents.sort_by_key(|(_, facts)| Reverse(facts.keyframes.map(|kept| kept.keyframes))),
        SortKey::Bytes => documents.sort_by_key(|(_, facts)| Reverse(facts.keyframes.map(|kept| kept.bytes))),
        SortKey::Changed => documents.sort_by_key(|(_, facts)| Reverse(facts.changed)),
    }
}
