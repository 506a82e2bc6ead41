//! What `keyframe show` answers.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::super::view::KeyframeView;
use super::body::Body;
use crate::cli::render::json::{ByScope, Members};
use crate::cli::render::table::{Align, one_line, table};
use crate::cli::ui::{Format, Out, StdoutError};
use crate::model::ids::{Revision, StreamKey};
use crate::verify::{Finding, Verdict};

/// A keyframe, what is in it, and what came of its check.
// It describes what `write` writes a member at a time.
#[derive(JsonSchema)]
#[schemars(rename = "ShownKeyframe")]
#[expect(dead_code, reason = "it is written a member at a time")]
pub(in crate::cli) struct ShownView {
    #[serde(flatten)]
    keyframe: KeyframeView,
    /// The header of the stored document; `null` if there is none.
    header: Option<BTreeMap<String, Value>>,
    /// What the bytes of the stored document are, by path; empty if it is no JSON object.
    parts: Vec<PartView>,
    /// By scope, the hash of the stored state.
    hash: BTreeMap<String, String>,
    /// What came of the check, now.
    check: CheckView,
}

/// A part of a stored document.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DocumentPart")]
struct PartView {
    /// A JSON pointer to it.
    path: String,
    /// Bytes of its canonical text.
    size_bytes: u64,
}

/// What came of a check.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "KeyframeCheck")]
struct CheckView {
    /// Whether the keyframe is what the replay gives.
    #[schemars(extend("enum" = ["ok", "failed", "unverifiable"]))]
    verdict: &'static str,
    /// Why it could not be checked; `null` if it was.
    reason: Option<String>,
    /// What was found in it. Notes do not count.
    findings: Vec<FoundView>,
}

/// Something that was found in a keyframe.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "KeyframeFinding")]
struct FoundView {
    /// What kind of thing; `snapctl explain CODE` describes it.
    code: &'static str,
    /// How bad it is; a `note` does not count.
    #[schemars(extend("enum" = ["error", "warning", "note"]))]
    severity: &'static str,
    /// What is wrong.
    message: String,
    /// JSON pointers to what differs; of many the first ten.
    paths: Vec<String>,
}

/// A keyframe that is shown.
pub(super) struct Shown {
    pub(super) stream: StreamKey,
    pub(super) revision: Revision,
    pub(super) keyframe: KeyframeView,
    pub(super) body: Option<Body>,
    pub(super) checked: Checked,
}

/// What came of its check.
pub(super) struct Checked {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    pub(super) findings: Vec<Finding>,
}

/// Prints it.
pub(super) fn print(shown: &Shown, out: &mut Out) -> Result<(), StdoutError> {
    if out.format() == Format::Plain { text(shown, out) } else { out.json(|out| write(shown, out)) }
}

fn view(checked: &Checked) -> CheckView {
    let found = |finding: &Finding| FoundView {
        code: finding.code.name(),
        severity: finding.severity.name(),
        message: finding.message.clone(),
        paths: finding.compared.as_ref().map(|compared| compared.paths.clone()).unwrap_or_default(),
    };
    CheckView {
        verdict: checked.verdict.name(),
        reason: checked.reason.clone(),
        findings: checked.findings.iter().map(found).collect(),
    }
}

/// The members and their order are a contract.
fn write(shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
    let mut members = Members::open(out)?;
    shown.keyframe.write(&mut members)?;
    let body = shown.body.as_ref();
    members.raw("header", body.and_then(|body| body.header.as_deref()).unwrap_or(b"null"))?;
    let part = |(path, size_bytes): &(String, u64)| PartView { path: path.clone(), size_bytes: *size_bytes };
    let parts: Vec<PartView> = body.iter().flat_map(|body| body.parts.iter().map(part)).collect();
    members.member("parts", &parts)?;
    let hashes = body.iter().flat_map(|body| body.hashes.iter());
    let hash: ByScope<String> = hashes.map(|(scope, hash)| (scope.clone(), hash.to_string())).collect();
    members.member("hash", &hash)?;
    members.member("check", &view(&shown.checked))?;
    members.close()
}

fn text(shown: &Shown, out: &mut Out) -> Result<(), StdoutError> {
    let Shown { stream, revision, keyframe, body, checked } = shown;
    let two = [("", Align::Left), ("", Align::Left)];
    let mut facts = vec![vec!["keyframe".to_owned(), format!("{stream}:keyframe:{revision}")]];
    facts.extend(keyframe.facts().into_iter().map(|(name, value)| vec![name.to_owned(), value]));
    let told = body.iter().flat_map(Body::facts);
    facts.extend(told.map(|(name, value)| vec![name.to_owned(), value]));
    let verdict = match &checked.reason {
        Some(reason) => format!("{}: {reason}", checked.verdict.name()),
        None => format!("{}: {}", checked.verdict.name(), meaning(checked.verdict)),
    };
    facts.push(vec!["check, now".to_owned(), verdict]);
    out.bytes(table(&two, &facts, out.width()).as_bytes())?;
    for Finding { code, severity, message, .. } in &checked.findings {
        out.line(&one_line(&format!("  {severity} {code}  {message}")))?;
    }
    if let Some(body) = body.as_ref().filter(|body| !body.parts.is_empty()) {
        out.line("")?;
        let columns = [("part of the document", Align::Left), ("bytes", Align::Right), ("hash", Align::Left)];
        let hash = |path: &str| {
            let of = |(scope, hash): &(crate::model::ids::Scope, _)| {
                (path == format!("/state/{scope}")).then(|| format!("{hash}"))
            };
            body.hashes.iter().find_map(of).unwrap_or_default()
        };
        let rows: Vec<_> =
            body.parts.iter().map(|(path, bytes)| vec![path.clone(), bytes.to_string(), hash(path)]).collect();
        out.bytes(table(&columns, &rows, out.width()).as_bytes())?;
    }
    Ok(())
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "it is what the replay gives",
        Verdict::Failed => "it is not what the replay gives",
        Verdict::Unverifiable => "it could not be compared",
    }
}
