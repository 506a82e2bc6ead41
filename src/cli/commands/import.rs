//! `snapctl import`.

mod source;
mod view;

use std::num::NonZeroU64;

use clap::Args;

use crate::cli::args::Literal;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Retold};
use crate::cli::manual::{Example, Page};
use crate::cli::progress::Unit;
use crate::cli::quote;
use crate::cli::selection::Choice;
use crate::cli::ui::{Talk, Ui};
use crate::model::progress::Progress as _;
use crate::store::archive::has_archive_name;
use crate::store::{Access, Selection, Store, StoreError, location_path};
use crate::transfer::{Commit, ImportError, ImportOptions, Importer, Keyframes, Measure, OnFailure, Place, Report};

use source::Source;
pub(in crate::cli) use view::ReportView;
pub(super) use view::count;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "import",
    examples: &[
        Example {
            does: "Make a store of what another holds",
            run: "snapctl export | snapctl import --init --store copy.sqlite",
        },
        Example {
            does: "Nightly: what is new; a run that was stopped is gone on with",
            run: "snapctl import --init --batch 10000 --store mirror.sqlite drive.sqlite",
        },
        Example {
            does: "One document alone",
            run: "snapctl export | snapctl import --init --store part.sqlite - \\\n  --only f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3",
        },
        Example {
            does: "A document out of a file of the reference",
            run: "snapctl import --init --store copy.sqlite field-notes.phd",
        },
        Example {
            does: "What would come of it, without keeping anything",
            run: "snapctl import undo.sqlite --dry-run --json",
        },
    ],
};

/// Add operations and keyframes to the store, from NDJSON lines, archives or other stores
///
/// A line is an object with the columns of the Operation table by name, or {"keyframe":{…}} with those of Keyframe:
/// what `export` writes, and what `row_to_json` or `sqlite3 -json | jq -c '.[]'` make of a table. documentId, documentType,
/// index and action are required; an action has a type, an id and a timestampUtcMs, and may have a scope and an input:
///
/// {"documentId": "n1", "documentType": "set", "index": 0, "action": {"id": "a1", "type": "SET",
/// "timestampUtcMs": "2025-01-31T12:00:00Z", "input": {"pointer": "/title", "value": "Notes"}}}
///
/// What else a row has follows from the action and the row before.
///
/// An archive is a document in a file as the reference saves one. Old ones have no operations of scope document, without
/// which a store rebuilds nothing; these are made of its header and initial state then, the same at every import.
///
/// All rows or none are added, unless --batch says otherwise. Rows that are there already are passed over, so that an
/// import can be run again; nothing is overwritten. A row that does not follow the last one of its stream, or finds
/// another in its place, is a conflict.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// NDJSON files, - for stdin, archives (.phd), or other stores: URLs with a scheme, or SQLite files
    #[arg(value_name = "SOURCE", default_value = "-")]
    sources: Vec<String>,

    /// Take these rows only; may be repeated: an exact document id, with /SCOPE, @BRANCH, and :N or :A..B as needed
    #[arg(long, value_name = "TARGET")]
    only: Vec<String>,

    /// Make the store if there is none
    #[arg(long, conflicts_with = "dry_run")]
    init: bool,

    /// Commit after every N rows; after an interruption, the same import again goes on from there
    #[arg(long, value_name = "N", conflicts_with = "dry_run")]
    batch: Option<NonZeroU64>,

    /// Tell of lines and rows that cannot be taken, pass over them, and end with exit code 1
    #[arg(long = "continue")]
    go_on: bool,

    /// Try everything, and keep nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs `snapctl import`.
///
/// # Errors
/// When a source or the store cannot be opened or fails, and, unless told to pass over it, for a line that is no row or
/// that the store does not take.
pub(crate) fn run(args: &ImportArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let options = ImportOptions {
        selection: args.selection()?,
        keyframes: ctx.keyframes(),
        commit: match args.batch {
            _ if args.dry_run => Commit::Never,
            Some(batch) => Commit::Every(batch),
            None => Commit::Once,
        },
        on_failure: if args.go_on { OnFailure::PassOver } else { OnFailure::Stop },
    };
    let named = &ctx.store_named()?;
    // A source that is not there is told before a store is made or changed.
    let sources: Vec<Source> = args.sources.iter().map(|text| Source::open(text, ctx)).collect::<Result<_, _>>()?;
    let opened = if args.init { ctx.create_or_open_named(named) } else { ctx.open_named(named, Access::Change) };
    let store = opened.map_err(how_to_make)?;
    for source in &sources {
        source.check_is_not(&*store)?;
    }
    if sources.iter().any(Source::is_terminal) {
        ui.talk.note("the lines are read from the terminal; name a file or a store to read that");
    }
    sources.iter().flat_map(Source::remarks).for_each(|remark| ui.talk.note(remark));
    let report = import(&sources, &*store, &options, ctx, &ui.talk)?;
    ReportView::new(&report, args.dry_run).answer(&mut ui.out)?;
    if report.failed() > 0 {
        return Ok(ExitStatus::Findings);
    }
    if !args.only.is_empty() && report.taken() == 0 {
        ui.talk.warning("none of the rows read is one that --only names");
        return Ok(ExitStatus::Nothing);
    }
    Ok(ExitStatus::Success)
}

impl ImportArgs {
    fn selection(&self) -> anyhow::Result<Selection> {
        let part = |text: &String| Ok(Choice::parse(text, &Literal::default())?.literally()?);
        let parts = self.only.iter().map(part).collect::<anyhow::Result<_>>()?;
        Ok(Selection { parts, document_type: None })
    }
}

/// Puts the rows of all sources into the store.
fn import(
    sources: &[Source],
    store: &dyn Store,
    options: &ImportOptions,
    ctx: &Ctx,
    talk: &Talk,
) -> anyhow::Result<Report> {
    let sizes: Option<Vec<u64>> = sources.iter().map(Source::size_bytes).collect();
    let (unit, measure, expected) = if let Some(sizes) = sizes {
        (Unit::Bytes, Measure::Bytes, sizes.iter().sum())
    } else {
        let rows: Option<Vec<u64>> = sources.iter().map(|source| source.rows(options)).collect();
        (Unit::Operations, Measure::Lines, rows.map_or(0, |rows| rows.iter().sum()))
    };
    let meter = ctx.meter_of("importing", unit);
    meter.expect(expected);
    let mut warn = |error: &ImportError| talk.warning(error);
    let mut importer = Importer::new(store, options, &meter, &mut warn);
    let taken = sources.iter().try_for_each(|source| source.give(&mut importer, measure, ctx));
    let committed = importer.committed().added();
    let ended = taken.and_then(|()| importer.finish());
    drop(meter);
    ended.map_err(|error| told(error, committed, options))
}

/// Says how to make a store that is not there.
fn how_to_make(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Missing { .. } => {
            let hint = "make it with --init, or beforehand with `snapctl store init`";
            Retold::with_hint(error.into(), |_| hint.to_owned()).into()
        }
        error => error.into(),
    }
}

/// The error with how much of the import is kept, and what to do.
pub(super) fn told(error: ImportError, committed: u64, options: &ImportOptions) -> anyhow::Error {
    let kept = match options.commit {
        Commit::Every(_) if committed > 0 => {
            format!("{committed} rows were committed before; the same import again passes over them and goes on")
        }
        _ => "nothing was added".to_owned(),
    };
    let help = "`snapctl import --help` shows a line that will do";
    let line = matches!(error, ImportError::Unreadable { .. }).then(|| help.to_owned());
    let part = match &error {
        ImportError::Refused { place: Place::Row { source, .. }, .. } if has_archive_name(location_path(source)) => {
            // What others retracted may not be in a file, and a store has no gaps.
            let store = quote::option("--store", source);
            Some(format!("{store} reads the file as it is, --only DOC/SCOPE takes a part of it"))
        }
        _ => None,
    };
    let all = |hint: Option<String>| {
        hint.into_iter().chain(line).chain(part).fold(kept, |kept, hint| format!("{kept}; {hint}"))
    };
    Retold::with_hint(error.into(), all).into()
}

/// Whether two locations are one file.
pub(super) fn is_same_file(a: &str, b: &str) -> bool {
    let file = |location: &str| location_path(location).canonicalize().ok();
    file(a).is_some_and(|a| Some(a) == file(b))
}

/// Which rows of a source are expected, for progress.
pub(super) fn n_rows(store: &dyn Store, keyframes: Keyframes) -> u64 {
    let info = store.read().and_then(|read| read.info()).unwrap_or_default();
    info.operations + if keyframes == Keyframes::Take { info.keyframes } else { 0 }
}
