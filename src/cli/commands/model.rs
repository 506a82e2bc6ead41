//! `snapctl model`.

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::manual::{Example, Page};
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Format, Ui};
use crate::reducer::{Known, ModelKind};

/// The manual page of `model list`.
pub(crate) const PAGE: Page = Page {
    command: "model list",
    examples: &[
        Example { does: "The document types that can be replayed", run: "snapctl model list" },
        Example { does: "Also those that a settings file maps", run: "snapctl model list --config snapctl.toml" },
        Example {
            does: "Fingerprints, to see whether a release of snapctl changed a reducer",
            run: "snapctl model list --ndjson | jq -r '[.documentType, .fingerprint] | @tsv'",
        },
    ],
};

/// What is known of models.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models that are known: built in, and mapped by settings or --model
    List,
}

/// A model as `model list` shows it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Model")]
pub(in crate::cli) struct ModelView {
    /// The document type.
    document_type: String,
    /// The version of its reducers; `null` is every version.
    version: Option<u32>,
    /// What it is made of.
    #[schemars(extend("enum" = ["native", "generic", "javascript"]))]
    kind: &'static str,
    /// Digest of everything the model's results depend on.
    fingerprint: String,
    /// The model that serves this one, as `TYPE@VERSION` or the name of a generic model; `null` if it is one itself.
    same_as: Option<String>,
}

/// Runs `snapctl model`.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn run(command: ModelCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let ModelCommand::List = command;
    let models: Vec<ModelView> = ctx.registry().models().into_iter().map(view).collect();
    if ui.out.format() != Format::Plain {
        let mut list = ui.out.list();
        for model in &models {
            list.item(|out| Ok(serde_json::to_writer(out, model)?))?;
        }
        list.finish()?;
        return Ok(ExitStatus::Success);
    }
    let row = |model: ModelView| {
        let version = model.version.map_or_else(|| "any".to_owned(), |version| version.to_string());
        vec![model.document_type, version, model.kind.to_owned(), model.fingerprint, model.same_as.unwrap_or_default()]
    };
    let columns = [
        ("type", Align::Left),
        ("version", Align::Right),
        ("kind", Align::Left),
        ("fingerprint", Align::Left),
        ("same as", Align::Left),
    ];
    let rows = models.into_iter().map(row).collect::<Vec<_>>();
    ui.out.bytes(table(&columns, &rows, ui.out.width()).as_bytes())?;
    Ok(ExitStatus::Success)
}

fn view(known: Known<'_>) -> ModelView {
    ModelView {
        document_type: known.document_type.to_string(),
        version: known.version,
        kind: match known.model.kind() {
            ModelKind::Native => "native",
            ModelKind::Generic => "generic",
            ModelKind::JavaScript => "javascript",
        },
        fingerprint: known.model.fingerprint().to_string(),
        same_as: known.same_as,
    }
}
