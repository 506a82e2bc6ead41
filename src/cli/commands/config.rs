//! `snapctl config`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::render::table::{Align, table};
use crate::cli::settings::{Looked, Place};
use crate::cli::ui::{Format, Ui};
use crate::settings::{Entry, Origin};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "config",
    examples: &[
        Example { does: "What holds, and who says so", run: "snapctl config" },
        Example { does: "One value, for a script", run: "snapctl config keyframes.trust" },
        Example { does: "Which settings files there are", run: "snapctl config --files" },
        Example {
            does: "What is not as it would be without settings",
            run: "snapctl config --jq '.[] | select(.origin.kind != \"default\") | .key'",
        },
    ],
};

/// Show the settings that hold, and where each comes from
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Print only the values of these, a line each, such as store.url or models.TYPE@VERSION.same-as
    #[arg(value_name = "KEY")]
    keys: Vec<String>,

    /// Show which settings files were looked for, the strongest first
    #[arg(long, conflicts_with = "keys")]
    files: bool,
}

/// A setting as `config` shows it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Setting")]
pub(in crate::cli) struct SettingView<'a> {
    /// The whole key, as it may stand in a file.
    key: &'a str,
    /// Its value as text, without passwords; `null` for nothing.
    value: Option<&'a str>,
    /// Whether the value has more to it than is shown: a password, or options of a store.
    masked: bool,
    /// Where it comes from.
    origin: OriginView<'a>,
}

/// What `config` prints: all settings, or those that were named; of one that was named an object.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "answers are written as they are made")]
pub(in crate::cli) enum Answer<'a> {
    /// Settings; with `--ndjson` a line each.
    Several(Vec<SettingView<'a>>),
    /// The one that was named.
    One(SettingView<'a>),
}

/// Where a value comes from. What does not apply is absent.
#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Origin")]
struct OriginView<'a> {
    /// What kind of place that is.
    #[schemars(extend("enum" = ["default", "file", "profile", "environment", "flag"]))]
    kind: &'static str,
    /// The settings file.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// The line of the key, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The character of the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// The profile of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    /// The environment variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
    /// The flag, with its dashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<&'a str>,
}

/// A settings file as `config --files` shows it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SettingsFile")]
pub(in crate::cli) struct FileView {
    /// Where it was looked for.
    path: String,
    /// Why there: the user named it, it is in the working directory or above, or in the user's folder of settings.
    #[schemars(extend("enum" = ["named", "project", "user"]))]
    place: &'static str,
    /// Whether it is there, and so was read.
    found: bool,
}

/// Runs `snapctl config`.
///
/// # Errors
/// When there is no such setting, one is set to nothing, or stdout cannot be written.
pub(crate) fn run(args: &ConfigArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    if args.files {
        return files(&ctx.gathered().looked, ui);
    }
    if args.keys.is_empty() {
        return all(&ctx.settings().entries().collect::<Vec<_>>(), ui);
    }
    let entries = args.keys.iter().map(|key| one(key, ctx)).collect::<Result<Vec<_>, Refusal>>()?;
    if ui.out.format() != Format::Plain {
        return match &entries[..] {
            [entry] => {
                ui.out.json(|out| Ok(serde_json::to_writer(out, &view(entry))?))?;
                Ok(ExitStatus::Success)
            }
            entries => all(entries, ui),
        };
    }
    for entry in &entries {
        if entry.masked {
            ui.talk.note(format!("{} is shown without its password and options", entry.key));
        }
        ui.out.line(entry.value.as_deref().unwrap_or_default())?;
    }
    Ok(ExitStatus::Success)
}

/// A setting that has a value.
fn one<'a>(key: &str, ctx: &'a Ctx) -> Result<Entry<'a>, Refusal> {
    let refuse = |exit, code, message, hint| Refusal { exit, code, message, hint: Some(hint) };
    match ctx.settings().find(key) {
        Ok(Some(entry)) if entry.value.is_some() => Ok(entry),
        Ok(entry) => {
            let key = entry.map_or_else(|| key.to_owned(), |entry| entry.key);
            let hint = "`snapctl config` shows what is set".to_owned();
            Err(refuse(ExitStatus::Nothing, "setting-unset", format!("{key} is not set"), hint))
        }
        Err(meant) => {
            let list = || "`snapctl config` lists the settings there are".to_owned();
            let hint = meant.map_or_else(list, |meant| format!("did you mean {meant}?"));
            Err(refuse(ExitStatus::Usage, "unknown-setting", format!("there is no setting {key}"), hint))
        }
    }
}

fn all(entries: &[Entry<'_>], ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    if ui.out.format() != Format::Plain {
        let mut list = ui.out.list();
        for entry in entries {
            list.item(|out| Ok(serde_json::to_writer(out, &view(entry))?))?;
        }
        list.finish()?;
        return Ok(ExitStatus::Success);
    }
    let row =
        |entry: &Entry<'_>| vec![entry.key.clone(), entry.value.clone().unwrap_or_default(), entry.origin.to_string()];
    let columns = [("key", Align::Left), ("value", Align::Left), ("origin", Align::Left)];
    ui.out.bytes(table(&columns, &entries.iter().map(row).collect::<Vec<_>>(), ui.out.width()).as_bytes())?;
    Ok(ExitStatus::Success)
}

fn files(looked: &[Looked], ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let view = |looked: &Looked| FileView {
        path: looked.path.display().to_string(),
        place: match looked.place {
            Place::Named => "named",
            Place::Project => "project",
            Place::User => "user",
        },
        found: looked.found,
    };
    if ui.out.format() != Format::Plain {
        let mut list = ui.out.list();
        for looked in looked {
            list.item(|out| Ok(serde_json::to_writer(out, &view(looked))?))?;
        }
        list.finish()?;
        return Ok(ExitStatus::Success);
    }
    let row = |looked: &Looked| {
        let view = view(looked);
        vec![view.path, view.place.to_owned(), if view.found { "read" } else { "absent" }.to_owned()]
    };
    let columns = [("file", Align::Left), ("place", Align::Left), ("", Align::Left)];
    ui.out.bytes(table(&columns, &looked.iter().map(row).collect::<Vec<_>>(), ui.out.width()).as_bytes())?;
    Ok(ExitStatus::Success)
}

fn view<'a>(entry: &'a Entry<'a>) -> SettingView<'a> {
    let origin = match entry.origin {
        Origin::Default => OriginView { kind: "default", ..OriginView::default() },
        Origin::Variable(name) => OriginView { kind: "environment", variable: Some(name), ..OriginView::default() },
        Origin::Flag(flag) => OriginView { kind: "flag", flag: Some(flag), ..OriginView::default() },
        Origin::File { path, at, profile } => OriginView {
            kind: if profile.is_some() { "profile" } else { "file" },
            path: Some(path),
            line: Some(at.line),
            column: Some(at.column),
            profile: profile.as_deref(),
            ..OriginView::default()
        },
    };
    SettingView { key: &entry.key, value: entry.value.as_deref(), masked: entry.masked, origin }
}
