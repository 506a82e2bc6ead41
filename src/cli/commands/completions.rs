//! `snapctl completions`.

use clap::{Args, ValueEnum as _};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::complete::Shell;
use crate::cli::exit::ExitStatus;
use crate::cli::manual::{Example, Page};
use crate::cli::ui::{Format, Ui};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "completions",
    examples: &[
        Example {
            does: "Bash: in this session; put the line into ~/.bashrc for all",
            run: "source <(snapctl completions bash); complete -p snapctl",
        },
        Example { does: "Zsh: into a folder that fpath names", run: "snapctl completions zsh | tee _snapctl" },
        Example {
            does: "Fish: into a folder that it reads by itself",
            run: "snapctl completions fish | tee snapctl.fish",
        },
        Example {
            does: "PowerShell: to be run from the profile",
            run: "snapctl completions powershell | tee snapctl.ps1",
        },
    ],
};

/// Print the script that completes snapctl's command lines in a shell
///
/// It completes commands, options, their values and files, and asks the store that --store or the environment names
/// for documents, scopes, branches and positions. The store is only read, without waiting for others.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// A script that is printed with `--json`.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Script")]
pub(in crate::cli) struct ScriptView<'a> {
    /// The shell it is for.
    shell: String,
    /// What the file is called that the shell looks for.
    file: &'a str,
    /// The script.
    script: &'a str,
}

/// Runs `snapctl completions`.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn run(args: CompletionsArgs, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let script = args.shell.script();
    if ui.out.format() == Format::Plain {
        ui.out.bytes(script.as_bytes())?;
    } else {
        let shell = args.shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let view = ScriptView { shell, file: args.shell.file(), script };
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
    }
    Ok(ExitStatus::Success)
}
