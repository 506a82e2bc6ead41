//! `rebuild --batch`: a request a line on stdin, an answer a line on stdout, in order.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::view::{DocumentView, NotModifiedView, TargetView};
use super::{RebuildArgs, rebuild_told};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal, Report};
use crate::cli::lines::{Line, Lines};
use crate::cli::render::json::Members;
use crate::cli::tiers::Cached;
use crate::cli::trace::Recording;
use crate::cli::ui::{Out, StdoutError, Ui};
use crate::model::ids::{OpIndex, Revision};
use crate::model::target::{At, Target};
use crate::replay::Tiers;
use crate::store::Store;

/// A request: which document, and which state of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::cli) struct Request {
    /// The exact id of the document.
    document: String,
    /// The scope; without one the whole document.
    scope: Option<String>,
    /// The branch; `main` without one.
    branch: Option<String>,
    /// The index of the last operation to include, or a position as in a target (REV), such as `head~1`; `head` without one.
    #[serde(default)]
    #[schemars(schema_with = "position")]
    at: Option<Value>,
    /// The etag of the answer that the user has already.
    if_none_match: Option<String>,
}

fn position(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["integer", "string", "null"], "minimum": 0 })
}

/// A request that failed.
// It describes what `write_failure` writes.
#[derive(JsonSchema)]
#[schemars(rename = "Failed")]
#[expect(dead_code, reason = "it is written a member at a time")]
pub(in crate::cli) struct FailureView<'a> {
    /// What was asked for; `null` if the line could not be read.
    target: Option<TargetView<'a>>,
    /// Why it failed.
    error: Report,
}

/// The answer to a request.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is written a member at a time")]
pub(in crate::cli) enum Answer<'a> {
    /// It was rebuilt.
    Rebuilt(Box<DocumentView<'a>>),
    /// The user has it already (`ifNoneMatch`).
    NotModified(NotModifiedView),
    /// It failed.
    Failed(FailureView<'a>),
}

/// Answers all lines of stdin.
///
/// # Errors
/// When the store cannot be opened, stdin not read or stdout not written, or the work was stopped. A request that
/// fails is an answer.
pub(super) fn run(args: &RebuildArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_store()?;
    let recording = Recording::start(args.record_trace.as_deref())?;
    let cached = Cached::of_reads(ctx, &*store, args.appetite(), recording, &ui.talk);
    let answered = answer_lines(args, ctx, ui, &*store, &cached.tiers);
    cached.end(&ui.talk);
    answered
}

fn answer_lines(
    args: &RebuildArgs,
    ctx: &Ctx,
    ui: &mut Ui,
    store: &dyn Store,
    tiers: &Tiers,
) -> anyhow::Result<ExitStatus> {
    let mut status = ExitStatus::Success;
    let mut lines = Lines::of_stdin();
    loop {
        // Whoever waits for an answer before the next question has it by now.
        if !lines.ready() {
            ui.out.flush()?;
        }
        let Some(line) = lines.next(&|| ctx.check())? else { return Ok(status) };
        if line.is_blank() {
            continue;
        }
        if !answer_line(&line, args, ctx, ui, store, tiers)? {
            status = ExitStatus::Findings;
        }
    }
}

/// What a line of the input of `rebuild --batch` points at: `{"document":ID}`, with `scope`, `branch` and `at` as needed.
///
/// # Errors
/// When the line is no such object, with the byte of the line where that shows.
pub fn batch_target(line: &[u8]) -> Result<Target, String> {
    let line = Line { number: 1, offset: 0, text: Ok(line.to_vec()) };
    Request::parse(&line).and_then(|request| request.target(&line)).map_err(|refusal| refusal.message)
}

/// Answers one line, and says whether it could be done.
fn answer_line(
    line: &Line,
    args: &RebuildArgs,
    ctx: &Ctx,
    ui: &mut Ui,
    store: &dyn Store,
    tiers: &Tiers,
) -> anyhow::Result<bool> {
    let request = match Request::parse(line) {
        Ok(request) => request,
        Err(refusal) => {
            write_failure(&mut ui.out, None, &Report::of(&refusal.into()).1)?;
            return Ok(false);
        }
    };
    let rebuilt = request.target(line).map_err(Into::into);
    let rebuilt = rebuilt.and_then(|target| rebuild_told(args, ctx, &ui.talk, store, tiers, &target));
    let error = match rebuilt {
        Ok(rebuilt) => {
            let selected = args.select(&rebuilt, request.if_none_match.as_deref())?;
            ui.out.json_line(|out| selected.write_json(out))?;
            return Ok(true);
        }
        Err(error) => error,
    };
    let (status, report) = Report::of(&error);
    if matches!(status, ExitStatus::Interrupted | ExitStatus::Incomplete) {
        return Err(error);
    }
    write_failure(&mut ui.out, Some(&request.asked()), &report)?;
    Ok(false)
}

impl Request {
    fn parse(line: &Line) -> Result<Self, Refusal> {
        let text = line.text.as_ref().map_err(|reason| bad_line(line, 0, reason))?;
        if !text.trim_ascii_start().starts_with(b"{") {
            // A list of the values would do for serde.
            return Err(bad_line(line, 0, "it is not an object"));
        }
        serde_json::from_slice(text).map_err(|error| {
            // serde_json ends its texts with a position in the line; the position in the input says more.
            let text = error.to_string();
            let reason = text.rsplit_once(" at line ").map_or(&text[..], |(reason, _)| reason);
            bad_line(line, error.column().saturating_sub(1), reason)
        })
    }

    fn target(&self, line: &Line) -> Result<Target, Refusal> {
        let at = match &self.at {
            None | Some(Value::Null) => Ok(At::Head),
            Some(Value::Number(number)) => {
                let revision = number.as_u64().map(|index| At::Revision(Revision::of(OpIndex::new(index))));
                revision.ok_or_else(|| format!("\"at\": {number} is not a revision"))
            }
            Some(Value::String(text)) => At::parse_literal(text).map_err(|error| format!("\"at\": {error}")),
            Some(_) => Err("\"at\" is neither a number nor a text".to_owned()),
        };
        let at = at.map_err(|reason| bad_line(line, 0, &reason))?;
        Ok(Target::literal(&self.document, self.scope.as_deref(), self.branch.as_deref(), at))
    }

    fn asked(&self) -> TargetView<'_> {
        let branch = self.branch.as_deref().unwrap_or("main");
        TargetView { document: &self.document, scope: self.scope.as_deref(), branch }
    }
}

fn bad_line(line: &Line, column: usize, reason: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "bad-line",
        message: format!("line {}, byte {}: {reason}", line.number, line.offset + column as u64),
        hint: Some(
            r#"a line is {"document":ID} with "scope", "branch", "at" and "ifNoneMatch" as needed; bytes are counted from the start of the input"#
                .to_owned(),
        ),
    }
}

/// Writes an error as the answer; `target` is what was asked for, as far as it could be read.
fn write_failure(out: &mut Out, target: Option<&TargetView<'_>>, error: &Report) -> Result<(), StdoutError> {
    out.json_line(|out| {
        let mut members = Members::open(out)?;
        members.member("target", &target)?;
        members.member("error", error)?;
        members.close()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line { number: 3, offset: 100, text: Ok(text.as_bytes().to_vec()) }
    }

    fn target(text: &str) -> Result<Target, Refusal> {
        Request::parse(&line(text))?.target(&line(text))
    }

    fn at(text: &str) -> At {
        target(text).unwrap().at
    }

    fn message(text: &str) -> String {
        target(text).unwrap_err().message
    }

    #[test]
    fn a_position_is_a_number_or_a_text() {
        assert_eq!(at(r#"{"document":"a/b:1"}"#), At::Head);
        assert_eq!(at(r#"{"document":"d","at":7}"#), At::Revision(Revision::of(OpIndex::new(7))));
        assert_eq!(at(r#"{"document":"d","at":"head~2"}"#), At::BeforeHead(2));
        assert_eq!(at(r#"{"document":"d","at":null}"#), At::Head);
    }

    #[test]
    fn a_bad_line_is_named_with_number_and_byte() {
        assert_eq!(message("{\"document\":}"), "line 3, byte 112: expected value");
        assert!(message(r#"{"document":"d","rev":1}"#).starts_with("line 3, byte 120: unknown field `rev`"));
        assert_eq!(message(r#" ["d"]"#), "line 3, byte 100: it is not an object");
        assert!(message(r#"{"scope":"x"}"#).contains("missing field `document`"));
        assert_eq!(message(r#"{"document":"d","at":-1}"#), "line 3, byte 100: \"at\": -1 is not a revision");
        assert!(message(r#"{"document":"d","at":"x"}"#).contains("it is none of N, head"));
        assert!(message(r#"{"document":"d","at":[]}"#).contains("neither a number nor a text"));
    }
}
