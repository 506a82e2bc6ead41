//! `snapctl schema`.

use clap::Args;

use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::render::table::{Align, table};
use crate::cli::schema::{ENTRIES, Entry, EntryView};
use crate::cli::ui::{Format, Ui};
use crate::model::similar::nearest;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "schema",
    examples: &[
        Example { does: "What there are schemas of", run: "snapctl schema" },
        Example { does: "What rebuild prints", run: "snapctl schema rebuild" },
        Example { does: "The settings, for an editor that knows schemas of TOML", run: "snapctl schema settings" },
        Example {
            does: "The names of the members of an answer",
            run: "snapctl schema store info --jq '.properties | keys[]'",
        },
    ],
};

/// Print the JSON Schema of an answer, of what is said on stderr, of a request, or of the settings
///
/// Without a name it lists what there is. The schema of a list is that of the array which --json prints; its items are
/// the lines of --ndjson. Later versions may add members, so schemas allow members that they do not describe.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// A command as it is typed, such as store info, or another name of the list
    #[arg(value_name = "NAME")]
    name: Vec<String>,
}

/// Runs `snapctl schema`.
///
/// # Errors
/// When there is no schema of that name, or stdout cannot be written.
pub(crate) fn run(args: &SchemaArgs, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    if args.name.is_empty() {
        list(ui)?;
        return Ok(ExitStatus::Success);
    }
    let name = args.name.join(" ");
    let entry = ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| unknown(&name))?;
    let schema = entry.schema();
    ui.out.json(|out| Ok(serde_json::to_writer(out, &schema)?))?;
    Ok(ExitStatus::Success)
}

fn unknown(name: &str) -> Refusal {
    let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
    // Who names half of a command is told the rest.
    let begun: Vec<&str> = names.iter().filter(|known| known.starts_with(name)).copied().collect();
    let hint = match (&begun[..], nearest(name, &names)) {
        (&[], Some(nearest)) => format!("did you mean {nearest}?"),
        (&[], None) => "`snapctl schema` lists the names".to_owned(),
        (begun, _) => format!("there is {}", begun.join(", ")),
    };
    let message = format!("there is no schema of \"{name}\"");
    Refusal { exit: ExitStatus::Usage, code: "no-schema", message, hint: Some(hint) }
}

fn list(ui: &mut Ui) -> anyhow::Result<()> {
    if ui.out.format() == Format::Plain {
        let row = |entry: &Entry| vec![entry.name.to_owned(), entry.about.to_owned()];
        let columns = [("", Align::Left), ("", Align::Left)];
        let text = table(&columns, &ENTRIES.iter().map(row).collect::<Vec<_>>(), ui.out.width());
        ui.out.bytes(text.as_bytes())?;
        return Ok(());
    }
    let mut list = ui.out.list();
    for Entry { name, about, .. } in ENTRIES {
        list.item(|out| Ok(serde_json::to_writer(out, &EntryView { name, about })?))?;
    }
    Ok(list.finish()?)
}
