//! `snapctl explain`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::render::prose::{self, entry};
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Format, Ui};
use crate::model::explanation::Explanation;
use crate::model::similar::nearest;
use crate::store::check;
use crate::verify;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "explain",
    examples: &[
        Example { does: "What may be found, and how bad it is", run: "snapctl explain" },
        Example { does: "What a finding means, and what to do about it", run: "snapctl explain HASH_DIFFERS" },
        Example { does: "Case and hyphens do not matter", run: "snapctl explain time-order keyframe-state" },
        Example { does: "What store check has found", run: "snapctl explain free-pages" },
        Example {
            does: "The codes that are errors, for a script",
            run: "snapctl explain --jq '.[] | select(.severity == \"error\") | .code'",
        },
    ],
};

/// Explain the codes of findings: what each means, how it happens, and what to do
///
/// They are those of `snapctl verify`, in capitals, and those of `snapctl store check`. Without a code it lists all there are. A code never changes its meaning, but later versions may add some.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code of a finding, such as GAP or free-pages; case does not matter, and hyphens do for underscores
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
}

/// A code as `explain` shows it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Code")]
pub(in crate::cli) struct CodeView {
    /// Its name; it never changes its meaning.
    code: &'static str,
    /// The command that finds it.
    #[schemars(extend("enum" = ["verify", "store check"]))]
    found_by: &'static str,
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
    let named = args.codes.iter().map(|text| Code::parse(text)).collect::<Result<Vec<Code>, Refusal>>()?;
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
            for code in if codes.is_empty() { Code::all() } else { codes.to_vec() } {
                list.item(|out| Ok(serde_json::to_writer(out, &view(code))?))?;
            }
            list.finish()?;
        }
    }
    Ok(ExitStatus::Success)
}

/// A code, by who finds it.
#[derive(Clone, Copy)]
pub(in crate::cli) enum Code {
    Verify(verify::Code),
    StoreCheck(check::Code),
}

impl Code {
    /// All of them, in the order in which they are listed.
    pub(in crate::cli) fn all() -> Vec<Self> {
        let of_store_check = check::Code::ALL.iter().copied().map(Code::StoreCheck);
        Code::of_verify().into_iter().chain(of_store_check).collect()
    }

    /// Those of `snapctl verify`.
    pub(in crate::cli) fn of_verify() -> Vec<Self> {
        verify::Code::ALL.iter().copied().map(Code::Verify).collect()
    }

    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Code::Verify(code) => code.name(),
            Code::StoreCheck(code) => code.name(),
        }
    }

    pub(in crate::cli) fn explanation(self) -> Explanation {
        match self {
            Code::Verify(code) => code.explanation(),
            Code::StoreCheck(code) => code.explanation(),
        }
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        let form = |name: &str| name.trim().to_ascii_lowercase().replace('_', "-");
        let (wanted, all) = (form(text), Code::all());
        if let Some(code) = all.iter().find(|code| form(code.name()) == wanted) {
            return Ok(*code);
        }
        let forms: Vec<String> = all.iter().map(|code| form(code.name())).collect();
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        let meant = nearest(&wanted, &forms).and_then(|meant| all.iter().find(|code| form(code.name()) == meant));
        let hint = match meant {
            Some(code) => format!("did you mean {}?", code.name()),
            None => "`snapctl explain` lists the codes".to_owned(),
        };
        let message = format!("there is no code \"{text}\"");
        Err(Refusal { exit: ExitStatus::Usage, code: "no-code", message, hint: Some(hint) })
    }
}

fn view(code: Code) -> CodeView {
    let (found_by, severity) = match code {
        Code::Verify(code) => ("verify", code.severity().name()),
        Code::StoreCheck(code) => ("store check", code.severity().name()),
    };
    let Explanation { title, means, happens, todo } = code.explanation();
    CodeView { code: code.name(), found_by, severity, title, means, happens, todo }
}

/// A code with all that is known of it, in lines of at most `width` columns.
fn told(code: Code, width: usize) -> String {
    let CodeView { code, severity, title, means, happens, todo, .. } = view(code);
    let mut text = entry("", &format!("{code}, {severity}: {title}"), width);
    for (label, about) in [("means", means), ("happens", happens), ("to do", todo)] {
        text.push('\n');
        text.push_str(&entry(label, about, width));
    }
    text
}

fn list(ui: &mut Ui) -> anyhow::Result<()> {
    let row = |code: Code| {
        let CodeView { code, found_by, severity, title, .. } = view(code);
        [code, found_by, severity, title].map(str::to_owned).to_vec()
    };
    let columns = ["code", "found by", "severity", "what it is"].map(|title| (title, Align::Left));
    let text = table(&columns, &Code::all().into_iter().map(row).collect::<Vec<_>>(), ui.out.width());
    Ok(ui.out.bytes(text.as_bytes())?)
}
