//! `snapctl man`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{self, Example, Page};
use crate::cli::ui::{Format, Ui};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "man",
    examples: &[
        Example { does: "Print the page of the program, and read it where there is man", run: "snapctl man" },
        Example { does: "Print the page of a command", run: "snapctl man store info" },
        Example {
            does: "Install all pages for yourself; then `man snapctl-rebuild` finds them",
            run: "snapctl man --dir ~/.local/share/man/man1",
        },
    ],
};

/// Print a man page, or write all of them
///
/// A page is roff; `snapctl man rebuild | man -l -` shows it. The pages say what `--help` says, with the same examples.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page is printed, for example store info; the program's own when none is named
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,

    /// Write the pages of all commands into this folder, which is made if it is missing, and list them
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A page that is printed with `--json`.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ManPage")]
pub(in crate::cli) struct PageView<'a> {
    /// What the page is called, `snapctl-rebuild`.
    name: &'a str,
    /// The section of the manual.
    section: u8,
    /// The page as roff.
    roff: &'a str,
}

/// A page that was written.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ManFile")]
pub(in crate::cli) struct FileView {
    /// What the page is called, `snapctl-rebuild`.
    name: String,
    /// Where it is; characters that are not UTF-8 are replaced.
    path: String,
    /// Its size.
    size_bytes: u64,
}

/// Runs `snapctl man`.
///
/// # Errors
/// When there is no such command, a file cannot be written, or stdout cannot.
pub(crate) fn run(args: &ManArgs, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let mut program = crate::cli::command();
    program.build();
    if let Some(dir) = &args.dir {
        return write_all(&program, dir, ui);
    }
    let mut command = &program;
    for word in &args.command {
        command = command.find_subcommand(word).ok_or_else(|| unknown(&args.command))?;
    }
    let roff = manual::man_page(command).context("cannot typeset the page")?;
    if ui.out.format() == Format::Plain {
        ui.out.bytes(roff.as_bytes())?;
    } else {
        let name = manual::page_name(command);
        let view = PageView { name: &name, section: 1, roff: &roff };
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
    }
    Ok(ExitStatus::Success)
}

fn unknown(words: &[String]) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "usage",
        message: format!("there is no command `snapctl {}`", words.join(" ")),
        hint: Some("`snapctl help` lists the commands".to_owned()),
    }
}

fn write_all(program: &clap::Command, dir: &Path, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut written = Vec::new();
    for command in with_inner(program) {
        let name = manual::page_name(command);
        let roff = manual::man_page(command).context("cannot typeset a page")?;
        let path = dir.join(format!("{name}.1"));
        fs::write(&path, &roff).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(FileView { name, path: path.display().to_string(), size_bytes: roff.len() as u64 });
    }
    if ui.out.format() == Format::Plain {
        for file in &written {
            ui.out.line(&file.path)?;
        }
        return Ok(ExitStatus::Success);
    }
    let mut list = ui.out.list();
    for file in &written {
        list.item(|out| Ok(serde_json::to_writer(out, file)?))?;
    }
    list.finish()?;
    Ok(ExitStatus::Success)
}

/// A command, and all in it that have a page.
fn with_inner(command: &clap::Command) -> Vec<&clap::Command> {
    let shown = command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set());
    std::iter::once(command).chain(shown.flat_map(with_inner)).collect()
}
