//! `snapctl cache list`.

use std::borrow::Cow;

use clap::Args;

use super::choice::Choice;
use super::view::EntryView;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::render::table::{Align, Rows, one_line};
use crate::cli::tiers;
use crate::cli::ui::{Format, List, Out, StdoutError, Ui};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "cache list",
    examples: &[
        Example { does: "What is kept of the store", run: "snapctl cache warm && snapctl cache list" },
        Example { does: "What is kept of all stores", run: "snapctl cache warm && snapctl cache list --all-stores" },
        Example {
            does: "The ten that were read most",
            run: "snapctl cache warm && snapctl cache list --json \\\n  | jq -r 'sort_by(-.reads)[:10][] | [.reads, .key] | @tsv'",
        },
    ],
};

/// List the states in the cache file, by store, stream and revision
///
/// The sizes add up to what `snapctl cache stats` tells. Nothing is kept of local stores unless cache.disk is always, or
/// `snapctl cache warm` has put it there.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    choice: Choice,
}

const COLUMNS: &[(&str, usize, Align)] = &[
    ("bytes", 9, Align::Right),
    ("reads", 7, Align::Right),
    ("operations", 10, Align::Right),
    ("", 4, Align::Left),
    ("key", 0, Align::Left),
];

/// Runs `snapctl cache list`.
///
/// # Errors
/// When the store cannot be opened, nothing matches, or stdout cannot be written.
pub(super) fn run(args: &ListArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let (place, chosen) = args.choice.place(ctx)?;
    let namespace = place.disk.namespace().to_owned();
    let mut printer = Printer::new(&mut ui.out);
    let mut result = Ok(());
    place.visit(&chosen, &mut |location, listed| {
        if result.is_ok() {
            result = printer.entry(&EntryView::of(&namespace, location, listed));
        }
    });
    let nothing = printer.printed == 0;
    printer.end(result)?;
    let status = tiers::warned(&place.disk, &ui.talk);
    if nothing && status == ExitStatus::Success && args.choice.is_any() {
        let message = format!("nothing in {} matches", place.disk.path().display());
        let hint = Some("without TARGET and filters `snapctl cache list` lists all".to_owned());
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint }.into());
    }
    Ok(status)
}

/// Prints states as they come.
struct Printer<'a> {
    way: Way<'a>,
    printed: u64,
}

enum Way<'a> {
    /// As lines of text, below the store of the last one.
    Text(&'a mut Out, Rows<'static>, Option<String>),
    /// As JSON.
    List(List<'a>),
}

impl<'a> Printer<'a> {
    fn new(out: &'a mut Out) -> Self {
        let way = if out.format() == Format::Plain {
            let rows = Rows::new(COLUMNS, out.width());
            Way::Text(out, rows, None)
        } else {
            Way::List(out.list())
        };
        Printer { way, printed: 0 }
    }

    fn entry(&mut self, view: &EntryView) -> Result<(), StdoutError> {
        let first = self.printed == 0;
        self.printed += 1;
        match &mut self.way {
            Way::List(list) => list.item(|out| Ok(serde_json::to_writer(out, view)?)),
            Way::Text(out, rows, last) => {
                if first {
                    out.line(&rows.titles())?;
                }
                if last.as_ref() != Some(&view.store) {
                    out.line(&one_line(&view.store))?;
                    *last = Some(view.store.clone());
                }
                let cells: Vec<Cow<'_, str>> = view.cells().into_iter().map(Cow::Owned).collect();
                out.line(&rows.row(&cells))
            }
        }
    }

    /// Ends the list; an error on the way counts more than that the list could not be closed.
    fn end(self, result: Result<(), StdoutError>) -> Result<(), StdoutError> {
        match (self.way, result) {
            (Way::Text(..), result) => result,
            (Way::List(list), Ok(())) => list.finish(),
            (Way::List(list), Err(error)) => {
                let _ = list.abandon();
                Err(error)
            }
        }
    }
}
