//! `snapctl export`.

mod archive;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::import::{ReportView, count, is_same_file, n_rows, told};
use crate::cli::args::Literal;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::new_file::NewFile;
use crate::cli::progress::Meter;
use crate::cli::selection::Choice;
use crate::cli::ui::{Format, StdoutError, Ui};
use crate::model::progress::Progress as _;
use crate::store::archive::has_archive_name;
use crate::store::{Selection, Store, answer, has_scheme, location_path};
use crate::transfer::{self, Commit, Exported, ImportOptions, Importer, OnFailure};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "export",
    examples: &[
        Example { does: "Every row, as lines", run: "snapctl export --to backup.ndjson --force" },
        Example {
            does: "A document with all its scopes, into a store of its own",
            run: "snapctl export field-notes --to field-notes.sqlite",
        },
        Example {
            does: "A document in a file of the reference, and what its plain loader makes of it",
            run: "snapctl export field-notes --to copy.phd \\\n  && snapctl -s copy.phd rebuild field-notes --loader plain --hash",
        },
        Example {
            does: "What operations 3 to 9 of a stream did",
            run: "snapctl export field-notes/global:3..9 --jq .action.type",
        },
        Example {
            does: "Nightly: compressed, without keyframes, which can be made again",
            run: "snapctl export --no-keyframes | gzip | tee nightly.ndjson.gz | wc -c",
        },
    ],
};

/// Write the operations and keyframes of the store as NDJSON, or into another store
///
/// A line is an object with the columns of the Operation table by name, in the order of insertion, then come the keyframes,
/// {"keyframe":{…}}. `import` makes the same rows of them, byte for byte. A target here is DOC[/SCOPE][@BRANCH][:REV], up
/// to the position, or DOC/SCOPE:A..B, both included; DOC alone is the whole document with all branches.
///
/// An archive is a file as the reference saves one: header, initial state, current state and operations of the one
/// document DOC[@BRANCH]. What is not in it cannot come back: keyframes, other branches, and when and for which job rows
/// were written.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// What to export; everything unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    #[command(flatten)]
    literal: Literal,

    /// Only documents of this type
    #[arg(long = "type", value_name = "DOCUMENT_TYPE")]
    document_type: Option<String>,

    /// Write to this file, or add to this store: a URL with a scheme, or a path that ends in .sqlite, .sqlite3 or .db,
    /// which is made if it is not there; .phd, .phdm, .phdd and .zip are archives, which hold one document
    #[arg(long, value_name = "FILE|-|STORE", default_value = "-")]
    to: String,

    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

/// What was written to a file.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExportedFile")]
pub(in crate::cli) struct FileView<'a> {
    /// The file.
    file: &'a str,
    /// Operations in it.
    operations: u64,
    /// Keyframes in it.
    keyframes: u64,
    /// Its size.
    size_bytes: u64,
}

/// Runs `snapctl export`.
///
/// # Errors
/// When a target does not parse or exist, a row does not decode, or what is written cannot be.
pub(crate) fn run(args: &ExportArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let choices: Vec<Choice> =
        args.targets.iter().map(|text| Choice::parse(text, &args.literal)).collect::<Result<_, _>>()?;
    args.check()?;
    let store = ctx.open_store()?;
    if is_archive(&args.to) {
        refuse_store(Path::new(&args.to), store.location())?;
        let view = archive::write(&choices, &*store, (&args.to, args.force), ctx, ui)?;
        return view.answer(ui);
    }
    for (choice, text) in choices.iter().zip(&args.targets) {
        if choice.assumes_scope() {
            ui.talk.note(format_args!("{text} names no scope; this is scope global"));
        }
    }
    let selection = Selection {
        parts: answer(&*store, |read| choices.iter().map(|choice| choice.find(read)).collect::<anyhow::Result<_>>())?,
        document_type: args.document_type.as_deref().map(Into::into),
    };
    // A whole store may be empty; what was asked for may not.
    let must_match = selection != Selection::default();
    let nothing = || Refusal {
        exit: ExitStatus::Nothing,
        code: "nothing-matched",
        message: format!("{} has no rows that are asked for", store.location()),
        hint: Some("`snapctl ls` lists the documents, `snapctl ls -l` their scopes".to_owned()),
    };
    if args.to == "-" {
        let Exported { operations, keyframes } = to_stdout(&*store, &selection, ctx, ui)?;
        if must_match && operations + keyframes == 0 {
            return Err(nothing().into());
        }
    } else if is_store(&args.to) {
        let report = to_store(&*store, selection, &args.to, ctx)?;
        if must_match && report.is_empty() {
            return Err(nothing().into());
        }
        report.answer(&mut ui.out)?;
    } else {
        refuse_store(Path::new(&args.to), store.location())?;
        let mut file = NewFile::create(Path::new(&args.to), args.force)?;
        let write = &mut |line: &[u8]| file.line(line).map_err(anyhow::Error::from);
        let Exported { operations, keyframes } = each_line(&*store, &selection, ctx, &ctx.meter("exporting"), write)?;
        if must_match && operations + keyframes == 0 {
            return Err(nothing().into());
        }
        let size_bytes = file.finish()?;
        return FileView { file: &args.to, operations, keyframes, size_bytes }.answer(ui);
    }
    Ok(ExitStatus::Success)
}

impl FileView<'_> {
    fn answer(&self, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
        let FileView { file, operations, keyframes, .. } = *self;
        match ui.out.format() {
            Format::Plain => {
                let (operations, keyframes) = (count(operations, "operation"), count(keyframes, "keyframe"));
                ui.out.line(&format!("{operations} and {keyframes} in {file}"))?;
            }
            _ => ui.out.json(|out| Ok(serde_json::to_writer(out, self)?))?,
        }
        Ok(ExitStatus::Success)
    }
}

impl ExportArgs {
    fn check(&self) -> Result<(), Refusal> {
        let usage =
            |message: &str| Refusal { exit: ExitStatus::Usage, code: "usage", message: message.to_owned(), hint: None };
        if self.targets.is_empty()
            && (self.literal.scope.is_some() || self.literal.branch.is_some() || self.literal.at.is_some())
        {
            return Err(usage("--scope, --branch and --at say more of a target, and there is none"));
        }
        if self.document_type.is_some() && is_archive(&self.to) {
            return Err(usage("--type chooses among documents, and an archive holds the one that is named"));
        }
        if self.force && (self.to == "-" || is_store(&self.to)) {
            return Err(usage("--force replaces a file, and --to names none"));
        }
        Ok(())
    }
}

/// Lines and archives never take the place of a database, nor of the files that belong to the store.
fn refuse_store(to: &Path, location: &str) -> Result<(), Refusal> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut start = Vec::new();
    let is_file = to.metadata().is_ok_and(|to| to.is_file());
    if is_file && let Ok(file) = File::open(to) {
        // What cannot be read is not replaced either, or says so itself.
        let _ = file.take(MAGIC.len() as u64).read_to_end(&mut start);
    }
    let path = location_path(location).display();
    let beside = ["-wal", "-shm", "-journal"]
        .iter()
        .any(|ending| is_same_file(&format!("{path}{ending}"), &to.to_string_lossy()));
    let itself = is_same_file(location, &to.to_string_lossy());
    if start != MAGIC && !beside && !itself {
        return Ok(());
    }
    let message = match (start == MAGIC || beside, is_archive(&to.to_string_lossy())) {
        (false, _) => format!("{} is the store itself", to.display()),
        (true, true) => format!("{} belongs to a database, which an archive does not replace", to.display()),
        (true, false) => format!("{} belongs to a database, which lines do not replace", to.display()),
    };
    Err(Refusal {
        exit: ExitStatus::Usage,
        code: "usage",
        message,
        hint: Some("give --to another name; one that ends in .sqlite is made as a store".to_owned()),
    })
}

/// Whether a text names a store rather than a file for lines.
fn is_store(to: &str) -> bool {
    let ending = Path::new(to).extension().and_then(|ending| ending.to_str());
    has_scheme(to) || matches!(ending, Some("sqlite" | "sqlite3" | "db"))
}

/// Whether a text names an archive.
fn is_archive(to: &str) -> bool {
    !has_scheme(to) && has_archive_name(Path::new(to))
}

/// Writes the lines, or with `--json` an array of them.
fn to_stdout(store: &dyn Store, selection: &Selection, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<Exported> {
    let meter = if ui.out.width().is_some() { ctx.hidden_meter() } else { ctx.meter("exporting") };
    if !ui.out.wants_array() {
        let out = &mut ui.out;
        return each_line(store, selection, ctx, &meter, &mut |line| Ok(out.stored_line(line)?));
    }
    let mut list = ui.out.list();
    let written = each_line(store, selection, ctx, &meter, &mut |line| {
        Ok(list.item(|out| out.write_all(line)).map_err(|error: StdoutError| error)?)
    });
    let exported = match written {
        Ok(exported) => exported,
        Err(error) => {
            // The error counts, not that the list could not be closed.
            let _ = list.abandon();
            return Err(error);
        }
    };
    list.finish()?;
    Ok(exported)
}

fn each_line(
    store: &dyn Store,
    selection: &Selection,
    ctx: &Ctx,
    meter: &Meter<'_>,
    write: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Exported> {
    meter.expect(expected(store, selection, ctx));
    transfer::export(store, selection, ctx.keyframes(), meter, write)
}

/// Adds the rows to a store, which is made if it is not there.
fn to_store(source: &dyn Store, selection: Selection, to: &str, ctx: &Ctx) -> anyhow::Result<ReportView> {
    let target = ctx.create_or_open_named(to)?;
    if is_same_file(source.location(), target.location()) {
        return Err(Refusal {
            exit: ExitStatus::Usage,
            code: "usage",
            message: format!("{to} is the store itself"),
            hint: Some("--to names the store that takes the rows".to_owned()),
        }
        .into());
    }
    let meter = ctx.meter("exporting");
    meter.expect(expected(source, &selection, ctx));
    let options =
        ImportOptions { selection, keyframes: ctx.keyframes(), commit: Commit::Once, on_failure: OnFailure::Stop };
    let mut warn = |_: &_| ();
    let mut importer = Importer::new(&*target, &options, &meter, &mut warn);
    let ended = importer.rows_of(source).and_then(|()| importer.finish());
    let report = ended.map_err(|error| told(error, 0, &options))?;
    Ok(ReportView::new(&report, false))
}

/// How many rows there are to export, 0 if that is not known.
fn expected(store: &dyn Store, selection: &Selection, ctx: &Ctx) -> u64 {
    if *selection == Selection::default() { n_rows(store, ctx.keyframes()) } else { 0 }
}
