//! `snapctl explain`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::render::prose::{self, entry};
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Format, Ui};
use crate::verify::{Code, Explanation, UnknownCode};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "explain",
    examples: &[
        Example { does: "What may be found, and how bad it is", run: "snapctl explain" },
        Example { does: "What a finding means, and what to do about it", run: "snapctl explain HASH_DIFFERS" },
        Example { does: "Case and hyphens do not matter", run: "snapctl explain time-order keyframe-state" },
        Example {
            does: "The codes that are errors, for a script",
            run: "snapctl explain --jq '.[] | select(.severity == \"error\") | .code'",
        },
    ],
};

/// Explain the codes of findings: what each means, how it happens, and what to do
///
/// Without a code it lists all there are. A code never changes its meaning, but later versions may add some.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code of a finding, such as GAP; case does not matter, and hyphens do for underscores
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
}

/// A code as `explain` shows it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Code")]
pub(in crate::cli) struct CodeView {
    /// Its name; it never changes its meaning.
    code: &'static str,
    /// How bad such a finding is; a single one may be said to be less so.
    #[schemars(extend("enum" = ["note", "warning", "error"]))]
    severity: &'static str,
    /// What it is, in a few words.
    title: &'static str,
    /// What was compared with what, and what follows.
    means: &'static str,
    /// How such data comes to be.
    happens: &'static str,
    /// What to do; commands are in backquotes.
    todo: &'static str,
}

/// What `explain` prints: all codes, or those that were named; of one that was named an object.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "answers are written as they are made")]
pub(in crate::cli) enum Answer {
    /// Codes; with `--ndjson` a line each.
    Several(Vec<CodeView>),
    /// The one that was named.
    One(CodeView),
}

/// Runs `snapctl explain`.
///
/// # Errors
/// When there is no such code, or stdout cannot be written.
pub(crate) fn run(args: &ExplainArgs, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let named = args.codes.iter().map(|text| text.parse().map_err(unknown)).collect::<Result<Vec<Code>, Refusal>>()?;
    match (ui.out.format(), &named[..]) {
        (Format::Plain, []) => list(ui)?,
        (Format::Plain, codes) => {
            let width = prose::width(ui.out.width());
            let texts: Vec<String> = codes.iter().map(|code| told(*code, width)).collect();
            ui.out.bytes(texts.join("\n").as_bytes())?;
        }
        (_, [code]) => ui.out.json(|out| Ok(serde_json::to_writer(out, &view(*code))?))?,
        (_, codes) => {
            let mut list = ui.out.list();
            for code in if codes.is_empty() { Code::ALL } else { codes } {
                list.item(|out| Ok(serde_json::to_writer(out, &view(*code))?))?;
            }
            list.finish()?;
        }
    }
    Ok(ExitStatus::Success)
}

fn unknown(UnknownCode { text, meant }: UnknownCode) -> Refusal {
    let hint =
        meant.map_or_else(|| "`snapctl explain` lists the codes".to_owned(), |code| format!("did you mean {code}?"));
    let message = format!("there is no code \"{text}\"");
    Refusal { exit: ExitStatus::Usage, code: "no-code", message, hint: Some(hint) }
}

fn view(code: Code) -> CodeView {
    let Explanation { title, means, happens, todo } = code.explanation();
    CodeView { code: code.name(), severity: code.severity().name(), title, means, happens, todo }
}

/// A code with all that is known of it, in lines of at most `width` columns.
fn told(code: Code, width: usize) -> String {
    let CodeView { code, severity, title, means, happens, todo } = view(code);
    let mut text = entry("", &format!("{code}, {severity}: {title}"), width);
    for (label, about) in [("means", means), ("happens", happens), ("to do", todo)] {
        text.push('\n');
        text.push_str(&entry(label, about, width));
    }
    text
}

fn list(ui: &mut Ui) -> anyhow::Result<()> {
    let row = |code: &Code| {
        let CodeView { code, severity, title, .. } = view(*code);
        [code, severity, title].map(str::to_owned).to_vec()
    };
    let columns = [("code", Align::Left), ("severity", Align::Left), ("what it is", Align::Left)];
    let text = table(&columns, &Code::ALL.iter().map(row).collect::<Vec<_>>(), ui.out.width());
    Ok(ui.out.bytes(text.as_bytes())?)
}
