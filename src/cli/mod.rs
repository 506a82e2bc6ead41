//! The command line: arguments, output, exit codes. The only module that prints or reads the environment.

mod args;
mod clock;
mod commands;
mod complete;
mod ctx;
mod exit;
mod jq;
mod lines;
mod manual;
mod new_file;
mod parts;
mod progress;
mod quote;
mod render;
mod schema;
mod selection;
mod settings;
mod tiers;
mod trace;
mod ui;
mod usage;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand};

use args::Global;
use commands::schema as schema_command;
use commands::{
    append, cache, completions, config, explain, export, import, keyframe, log, ls, man, model, rebuild, stats, store,
    verify, watch,
};
use ctx::Ctx;
use exit::Report;
use jq::Results;
use ui::Ui;

use crate::settings::{COLOR, ColorWhen};

pub use commands::rebuild::batch_target;
pub use exit::ExitStatus;

/// Inspect and rebuild document snapshots from operation logs
///
/// A target is DOC[/SCOPE][@BRANCH][:REV]. DOC is an id, a unique prefix of one, or a slug; BRANCH is main unless named;
/// REV is N, head (default), head~N, initial, op:ID, keyframe:N or @TIME. %XX escapes / @ : % in any part.
#[derive(Debug, Parser)]
#[command(name = "snapctl", version)]
struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ls(ls::LsArgs),
    Log(log::LogArgs),
    Rebuild(rebuild::RebuildArgs),
    Watch(watch::WatchArgs),
    Stats(stats::StatsArgs),
    Verify(verify::VerifyArgs),
    Append(append::AppendArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    /// Look after keyframes: list them, write them, drop them, take that back
    #[command(subcommand)]
    Keyframe(keyframe::KeyframeCommand),
    /// Look after the cache of rebuilt states: list it, warm it, drop from it, try other sizes
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Show what is known of models
    #[command(subcommand)]
    Model(model::ModelCommand),
    Explain(explain::ExplainArgs),
    Schema(schema_command::SchemaArgs),
    /// Make a store, or show what is known of it
    #[command(subcommand)]
    Store(store::StoreCommand),
    Config(config::ConfigArgs),
    Man(man::ManArgs),
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Whether it says something of the program itself.
    fn describes(&self) -> bool {
        matches!(self, Command::Explain(_) | Command::Schema(_) | Command::Man(_) | Command::Completions(_))
    }
}

/// Runs the command that `args` (with the program's name) ask for.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(status) = complete::answer(&args) {
        return status;
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error, &args),
    };
    // What describes the program does not depend on settings, not even on good ones.
    let gathered = match settings::gather(&cli.global) {
        Err(_) if cli.command.describes() => Ok(settings::Gathered::default()),
        gathered => gathered,
    };
    let color = gathered.as_ref().map_or(ColorWhen::Auto, |gathered| gathered.settings.get(&COLOR));
    let mut ui = Ui::new(&cli.global, color);
    let expression = cli.global.jq.clone();
    let results = match (cli.global.json, cli.global.ndjson) {
        (true, _) => Results::Indented,
        (_, true) => Results::Compact,
        _ => Results::Raw,
    };
    let result = gathered.map_err(Into::into).and_then(|gathered| {
        gathered.warn(&ui.talk);
        let ctx = match Ctx::new(cli.global.clone(), gathered) {
            Err(_) if cli.command.describes() => Ctx::new(cli.global, settings::Gathered::default()),
            ctx => ctx,
        }?;
        ui.out.filter(expression.as_deref(), results, ctx.limits())?;
        dispatch(&cli.command, &ctx, &mut ui).map_err(|error| ctx.waited(error))
    });
    let flushed = ui.out.flush();
    let error = match (result, flushed) {
        (Ok(status), Ok(())) => return status,
        (Err(error), _) => error,
        (Ok(_), Err(error)) => error.into(),
    };
    report(&ui, &error)
}

fn dispatch(command: &Command, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Ls(args) => ls::run(args, ctx, ui),
        Command::Log(args) => log::run(args, ctx, ui),
        Command::Rebuild(args) => rebuild::run(args, ctx, ui),
        Command::Watch(args) => watch::run(args, ctx, ui),
        Command::Stats(args) => stats::run(args, ctx, ui),
        Command::Verify(args) => verify::run(args, ctx, ui),
        Command::Append(args) => append::run(args, ctx, ui),
        Command::Import(args) => import::run(args, ctx, ui),
        Command::Export(args) => export::run(args, ctx, ui),
        Command::Keyframe(command) => keyframe::run(command, ctx, ui),
        Command::Cache(command) => cache::run(command, ctx, ui),
        Command::Model(command) => model::run(*command, ctx, ui),
        Command::Explain(args) => explain::run(args, ui),
        Command::Schema(args) => schema_command::run(args, ui),
        Command::Store(command) => store::run(*command, ctx, ui),
        Command::Config(args) => config::run(args, ctx, ui),
        Command::Man(args) => man::run(args, ui),
        Command::Completions(args) => completions::run(*args, ui),
    }
}

/// Says why there is no answer. Of a closed pipe nobody wants to hear.
fn report(ui: &Ui, error: &anyhow::Error) -> ExitStatus {
    let (status, report) = Report::of(error);
    if status != ExitStatus::PipeClosed {
        ui.talk.error(&report);
    }
    status
}

/// The definition of the command line, for documentation and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_option_says_what_it_does() {
        for command in command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
        }
    }
}
