//! What stands on stdin, as requests.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::clock;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::lines::{Line as Read, Lines};
use crate::executor::{Expected, Request};
use crate::model::ids::{Branch, DocumentId, Scope};
use crate::model::json::Json;
use crate::model::operation::Action;

/// A line of `append --documents`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppendLine")]
pub(in crate::cli) struct Line<'a> {
    /// The exact id of the document.
    document: String,
    /// The branch; `main` without one.
    branch: Option<String>,
    /// The action: an object with a `type`, and `id`, `input`, `scope`, `timestampUtcMs` and `context` as needed.
    #[serde(borrow)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    action: &'a RawValue,
}

/// Where actions go.
pub(super) enum Destination {
    /// To one document; with a scope, that alone.
    One { document: DocumentId, scope: Option<Scope>, branch: Branch },
    /// Each line says so.
    ByLine,
}

/// A request, or why there is none.
pub(super) struct Pending {
    /// Where it stands on stdin, counted from 1; `None` if it does not.
    pub(super) line: Option<u64>,
    pub(super) request: Result<Request<'static>, Refusal>,
}

/// Requests in order.
pub(super) struct Input<'a> {
    destination: Destination,
    new_id: &'a dyn Fn() -> String,
    /// What comes before the lines.
    before: VecDeque<Request<'static>>,
    /// `None` if they are not read.
    lines: Option<Lines>,
    expect: Expected,
    is_ended: bool,
}

impl<'a> Input<'a> {
    pub(super) fn new(destination: Destination, undo: bool, new_id: &'a dyn Fn() -> String) -> Self {
        let mut before = VecDeque::new();
        if let (true, Destination::One { document, scope: Some(scope), branch }) = (undo, &destination) {
            let now = clock::now();
            before.push_back(Request {
                document: document.clone(),
                branch: branch.clone(),
                action: Action {
                    id: new_id().into(),
                    kind: "UNDO".into(),
                    scope: scope.as_str().to_owned().into(),
                    timestamp: now.to_string().into(),
                    input: Json::Null,
                    context: None,
                },
                time: now,
                expect: Expected::Anywhere,
            });
        }
        let lines = (!undo).then(Lines::of_stdin);
        Input { destination, new_id, before, lines, expect: Expected::Anywhere, is_ended: false }
    }

    /// The branch that all go to.
    pub(super) fn branch(&self) -> Branch {
        match &self.destination {
            Destination::One { branch, .. } => branch.clone(),
            Destination::ByLine => Branch::main(),
        }
    }

    /// Puts requests before all that stand on stdin.
    pub(super) fn put(&mut self, requests: Vec<Request<'static>>) {
        self.before.extend(requests);
    }

    /// Says where the stream of the first action has to be.
    pub(super) fn expect(&mut self, expect: Expected) {
        self.expect = expect;
    }

    /// Waits for the next `most` requests, or what there are; `None` at the end.
    ///
    /// # Errors
    /// When stdin cannot be read, or the wait was stopped.
    pub(super) fn batch(&mut self, most: usize, ctx: &Ctx) -> anyhow::Result<Option<Vec<Pending>>> {
        let mut batch = Vec::new();
        // What makes a document goes with the first action, so that there is never one half.
        for request in self.before.drain(..) {
            batch.push(Pending { line: None, request: Ok(request) });
        }
        let mut n_lines = 0;
        while !self.is_ended && n_lines < most {
            let Some(lines) = &mut self.lines else { break };
            let Some(line) = lines.next(&|| ctx.check())? else {
                self.is_ended = true;
                break;
            };
            if line.is_blank() {
                continue;
            }
            n_lines += 1;
            let request = self.request(&line);
            batch.push(Pending { line: Some(line.number), request });
        }
        if let Some(first) = batch.iter_mut().find_map(|pending| pending.request.as_mut().ok()) {
            first.expect = std::mem::take(&mut self.expect);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn request(&self, line: &Read) -> Result<Request<'static>, Refusal> {
        let text = line.text.as_ref().map_err(|reason| bad_line(line, reason))?;
        let (document, branch, scope, action) = match &self.destination {
            Destination::One { document, scope, branch } => {
                (document.clone(), branch.clone(), scope.as_ref(), &text[..])
            }
            Destination::ByLine => {
                let Line { document, branch, action } =
                    serde_json::from_slice(text).map_err(|error| bad_line(line, &error.to_string()))?;
                let branch = branch.map_or_else(Branch::main, Branch::from);
                (document.into(), branch, None, action.get().as_bytes())
            }
        };
        let action = Action::parse(action).map_err(|error| bad_line(line, &error.to_string()))?.into_owned();
        if let Some(scope) = scope
            && action.scope != *scope.as_str()
        {
            let reason = format!("the action is for scope {}, and the target is {scope}", action.scope);
            return Err(bad_line(line, &reason));
        }
        Request::of(document, branch, action, self.new_id, clock::now())
            .map_err(|error| bad_line(line, &error.to_string()))
    }
}

fn bad_line(line: &Read, reason: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "bad-line",
        message: format!("line {}: {reason}", line.number),
        hint: Some("`snapctl append --help` shows a line that will do".to_owned()),
    }
}
