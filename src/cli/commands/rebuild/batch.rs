//! `rebuild --batch`: a request a line on stdin, an answer a line on stdout, in order.

use serde::Deserialize;
use serde_json::Value;

use super::view::TargetView;
use super::{RebuildArgs, rebuild_told};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal, Report};
use crate::cli::lines::{Line, Lines};
use crate::cli::render::json::Members;
use crate::cli::ui::{Out, StdoutError, Ui};
use crate::model::ids::{OpIndex, Revision};
use crate::model::target::{At, Target};
use crate::store::Store;

/// A line of the input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// An exact id.
    document: String,
    scope: Option<String>,
    branch: Option<String>,
    /// A number, or any text that is a position.
    at: Option<Value>,
}

/// What a failed request asked for, as far as it could be read.
type Asked<'a> = Option<TargetView<'a>>;

/// Answers all lines of stdin.
///
/// # Errors
/// When the store cannot be opened, stdin not read or stdout not written, or the work was stopped. A request that
/// fails is an answer.
pub(super) fn run(args: &RebuildArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_store()?;
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
        if !answer_line(&line, args, ctx, ui, &*store)? {
            status = ExitStatus::Findings;
        }
    }
}

/// Answers one line, and says whether it could be done.
fn answer_line(line: &Line, args: &RebuildArgs, ctx: &Ctx, ui: &mut Ui, store: &dyn Store) -> anyhow::Result<bool> {
    let (request, target) = match parse(line) {
        Ok((request, target)) => (request, target),
        Err((request, refusal)) => {
            let asked = request.as_ref().map(asked);
            write_failure(&mut ui.out, asked, &Report::of(&refusal.into()).1)?;
            return Ok(false);
        }
    };
    let answer = rebuild_told(args, ctx, &ui.talk, store, &target).and_then(|rebuilt| {
        let selected = args.part().select(&rebuilt)?;
        Ok(ui.out.json_line(|out| selected.write_json(out))?)
    });
    let Err(error) = answer else { return Ok(true) };
    let (status, report) = Report::of(&error);
    let ends_all = matches!(status, ExitStatus::Interrupted | ExitStatus::Incomplete | ExitStatus::PipeClosed);
    if ends_all || error.is::<StdoutError>() {
        return Err(error);
    }
    write_failure(&mut ui.out, Some(asked(&request)), &report)?;
    Ok(false)
}

fn parse(line: &Line) -> Result<(Request, Target), (Option<Request>, Refusal)> {
    let text = match &line.text {
        Ok(text) => text,
        Err(reason) => return Err((None, bad_line(line, 0, reason))),
    };
    let request: Request = serde_json::from_slice(text).map_err(|error| {
        // serde_json ends its texts with a position in the line; the position in the input says more.
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(&text[..], |(reason, _)| reason);
        (None, bad_line(line, error.column().saturating_sub(1), reason))
    })?;
    let at = match &request.at {
        None | Some(Value::Null) => Ok(At::Head),
        Some(Value::Number(number)) => {
            let revision = number.as_u64().map(|index| At::Revision(Revision::of(OpIndex::new(index))));
            revision.ok_or_else(|| format!("\"at\": {number} is not a revision"))
        }
        Some(Value::String(text)) => At::parse_literal(text).map_err(|error| format!("\"at\": {error}")),
        Some(_) => Err("\"at\" is neither a number nor a text".to_owned()),
    };
    match at {
        Ok(at) => {
            let target = Target::literal(&request.document, request.scope.as_deref(), request.branch.as_deref(), at);
            Ok((request, target))
        }
        Err(reason) => Err((Some(request), bad_line(line, 0, &reason))),
    }
}

fn bad_line(line: &Line, column: usize, reason: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "bad-line",
        message: format!("line {}, byte {}: {reason}", line.number, line.offset + column as u64),
        hint: Some(r#"a line is {"document":ID} with "scope", "branch" and "at" as needed"#.to_owned()),
    }
}

fn asked(request: &Request) -> TargetView<'_> {
    let branch = request.branch.as_deref().unwrap_or("main");
    TargetView { document: &request.document, scope: request.scope.as_deref(), branch }
}

fn write_failure(out: &mut Out, target: Asked<'_>, error: &Report) -> Result<(), StdoutError> {
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

    fn at(text: &str) -> At {
        parse(&line(text)).unwrap().1.at
    }

    fn message(text: &str) -> String {
        parse(&line(text)).unwrap_err().1.message
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
        assert!(message(r#"{"document":"d","rev":1}"#).starts_with("line 3, byte 121: unknown field `rev`"));
        assert!(message("[1]").starts_with("line 3, byte 10"));
        assert!(message(r#"{"scope":"x"}"#).contains("missing field `document`"));
        assert_eq!(message(r#"{"document":"d","at":-1}"#), "line 3, byte 100: \"at\": -1 is not a revision");
        assert!(message(r#"{"document":"d","at":"x"}"#).contains("it is none of N, head"));
        assert!(message(r#"{"document":"d","at":[]}"#).contains("neither a number nor a text"));
    }
}
