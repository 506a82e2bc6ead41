//! What a replay tells of an operation, as `log` shows it.

use std::io;

use schemars::JsonSchema;
use serde_json::Value;

use crate::cli::render::json::Members;
use crate::cli::render::table::{cut, one_line};
use crate::history::{Change, Edit};
use crate::model::json::{Json, Text, canonical};

/// What a replay tells of an operation; nothing unless it was asked for.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// What became of the operation.
    pub(super) made: Option<Made<'a>>,
    /// A pointer, and what the operation did to the value there.
    pub(super) value: Option<(&'a str, Edit<'a>)>,
}

/// What the replay adds to an operation.
// It describes what `Told::write` writes.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is written a member at a time")]
pub(super) struct ToldView {
    /// With `--patch`: what it did to the state of its scope (RFC 6902); `null` if it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Vec<ChangeView>>,
    /// With `--patch`: how it ended in the replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = ["applied", "failed", "denied"]))]
    outcome: Option<String>,
    /// With `--patch`: the text of the reducer, if it failed in the replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_error: Option<String>,
    /// With `--pointer`: the value before it; `null` also where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// With `--pointer`: the value after it; `null` also where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    /// With `--pointer`: what happened to the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = ["add", "remove", "replace"]))]
    change: Option<String>,
}

/// A step of a JSON Patch.
#[derive(JsonSchema)]
#[schemars(rename = "Change")]
#[expect(dead_code, reason = "it is written a member at a time")]
struct ChangeView {
    /// What to do.
    #[schemars(extend("enum" = ["add", "remove", "replace"]))]
    op: String,
    /// Where: a JSON pointer.
    path: String,
    /// The new value; absent if it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

/// What became of an operation.
pub(super) struct Made<'a> {
    pub(super) patch: Vec<Change<'a>>,
    pub(super) fate: Fate<'a>,
}

/// How an operation ended in the replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate<'a> {
    Applied,
    /// With the reducer's text, or `None` if the replay passes over it because the log says that it failed.
    Failed(Option<&'a Text<'a>>),
    Denied,
}

/// Before every line that belongs to a row.
const INDENT: &str = "    ";

impl Told<'_> {
    /// The lines below a row that stores `error` and `denied`. Long values are shortened to a terminal's `width`.
    pub(super) fn lines(&self, error: Option<&str>, denied: Option<&str>, width: Option<u16>) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((pointer, edit)) = &self.value {
            let text = |value: Option<&Json<'_>>| value.map_or("(nothing)".to_owned(), shown);
            lines.push(line("", pointer, vec![text(edit.before()), text(edit.after())], width));
        }
        let Some(Made { patch, fate }) = &self.made else { return lines };
        for said in fate.said(error, denied) {
            let mut said = format!("{INDENT}! {}", one_line(&said));
            cut(&mut said, width);
            lines.push(said);
        }
        lines.extend(patch.iter().map(|Change { path, edit }| {
            let (sign, values) = match edit {
                Edit::Add(after) => ("+ ", vec![shown(after)]),
                Edit::Remove(before) => ("- ", vec![shown(before)]),
                Edit::Replace { before, after } => ("~ ", vec![shown(before), shown(after)]),
            };
            line(sign, &path.to_string_lossy(), values, width)
        }));
        if patch.is_empty() {
            lines.push(format!("{INDENT}(no change)"));
        }
        lines
    }

    /// Writes the members that come last. They and their order are a contract.
    pub(super) fn write(&self, members: &mut Members<'_>) -> io::Result<()> {
        if let Some(Made { patch, fate }) = &self.made {
            match fate {
                // A new version of the model may take effect at a denied operation, and changes the state.
                Fate::Denied if patch.is_empty() => members.raw("patch", b"null")?,
                _ => write_patch(members, patch)?,
            }
            members.member("outcome", fate.name())?;
            members.raw("replayError", &fate.error().map_or(b"null".to_vec(), text_json))?;
        }
        if let Some((_, edit)) = &self.value {
            let json = |value: Option<&Json<'_>>| value.map_or(b"null".to_vec(), canonical);
            members.raw("before", &json(edit.before()))?;
            members.raw("after", &json(edit.after()))?;
            members.member("change", edit.op())?;
        }
        Ok(())
    }
}

impl Fate<'_> {
    fn name(self) -> &'static str {
        match self {
            Fate::Applied => "applied",
            Fate::Failed(_) => "failed",
            Fate::Denied => "denied",
        }
    }

    fn error(&self) -> Option<&Text<'_>> {
        match self {
            Fate::Failed(error) => *error,
            Fate::Applied | Fate::Denied => None,
        }
    }

    /// Why it was not applied, and what the log says where that is something else.
    fn said(self, error: Option<&str>, denied: Option<&str>) -> Vec<String> {
        let failed = |text: &str| format!("failed: {text}");
        match (self, error) {
            (Fate::Denied, _) => vec![format!("denied: {}", denied.unwrap_or_default())],
            (Fate::Applied, None) => vec![],
            (Fate::Applied, Some(stored)) => vec![format!("applied, but the log says {}", failed(stored))],
            (Fate::Failed(None), stored) => vec![failed(stored.unwrap_or_default())],
            (Fate::Failed(Some(text)), Some(stored)) if *text == *stored => vec![failed(stored)],
            (Fate::Failed(Some(text)), stored) => {
                let stored = stored.map_or("ok".to_owned(), failed);
                vec![failed(&text.to_string_lossy()), format!("but the log says {stored}")]
            }
        }
    }
}

fn write_patch(members: &mut Members<'_>, patch: &[Change<'_>]) -> io::Result<()> {
    let out = members.key("patch")?;
    out.write_all(b"[")?;
    for (n, Change { path, edit }) in patch.iter().enumerate() {
        if n > 0 {
            out.write_all(b",")?;
        }
        let mut change = Members::open(out)?;
        change.member("op", edit.op())?;
        change.raw("path", &text_json(path))?;
        if let Some(after) = edit.after() {
            change.raw("value", &canonical(after))?;
        }
        change.close()?;
    }
    out.write_all(b"]")
}

fn text_json(text: &Text<'_>) -> Vec<u8> {
    canonical(&Json::String(text.clone()))
}

fn shown(value: &Json<'_>) -> String {
    String::from_utf8_lossy(&canonical(value)).into_owned()
}

/// A line with one value, or with a value and what it became.
fn line(sign: &str, pointer: &str, mut values: Vec<String>, width: Option<u16>) -> String {
    /// No value is cut to less than this.
    const LEAST: usize = 8;
    let pointer = if pointer.is_empty() { "\"\"" } else { pointer };
    let start = format!("{INDENT}{sign}{}  ", one_line(pointer));
    if let Some(width) = width {
        let room = usize::from(width).saturating_sub(start.chars().count() + 4 * (values.len() - 1));
        let lengths: Vec<usize> = values.iter().map(|value| value.chars().count()).collect();
        let half = room / values.len();
        for (value, n) in values.iter_mut().zip(0..) {
            // What a short value leaves is for the other.
            let others: usize = lengths.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, length)| *length).sum();
            let most = room.saturating_sub(others).max(half).max(LEAST);
            cut(value, Some(u16::try_from(most).unwrap_or(u16::MAX)));
        }
    }
    let mut line = start + &one_line(&values.join(" -> "));
    cut(&mut line, width);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::diff;
    use crate::model::json::parse;

    fn lines(before: &str, after: &str, width: Option<u16>) -> Vec<String> {
        let (before, after) = (parse(before.as_bytes()).unwrap(), parse(after.as_bytes()).unwrap());
        let made = Made { patch: diff(Some(&before), Some(&after)), fate: Fate::Applied };
        Told { made: Some(made), value: None }.lines(None, None, width)
    }

    #[test]
    fn only_a_terminal_shortens_values() {
        let long = |letter: &str| format!(r#"{{"a":"{}","b":[1]}}"#, letter.repeat(60));
        let (before, after) = (long("x"), long("y"));
        assert_eq!(lines(&before, &after, None)[0].len(), 4 + 2 + 4 + 62 + 4 + 62);
        assert_eq!(lines(&before, &after, Some(40)), [r#"    ~ /a  "xxxxxxxxxxx… -> "yyyyyyyyyyy…"#]);
        let (before, after) = (r#"{"a":1}"#, long("y"));
        assert_eq!(lines(before, &after, Some(40)), [r#"    ~ /a  1 -> "yyyyyyyyyyyyyyyyyyyyyyy…"#, "    + /b  [1]"]);
        assert_eq!(lines(before, before, None), ["    (no change)"]);
    }

    #[test]
    fn the_log_is_quoted_where_it_says_something_else() {
        let text = Text::from("no");
        for (fate, stored, said) in [
            (Fate::Applied, None, &[][..]),
            (Fate::Applied, Some("no"), &["applied, but the log says failed: no"]),
            (Fate::Failed(Some(&text)), Some("no"), &["failed: no"]),
            (Fate::Failed(Some(&text)), Some("yes"), &["failed: no", "but the log says failed: yes"]),
            (Fate::Failed(Some(&text)), None, &["failed: no", "but the log says ok"]),
            (Fate::Failed(None), Some("no"), &["failed: no"]),
            (Fate::Denied, Some("no"), &["denied: why"]),
        ] {
            assert_eq!(fate.said(stored, Some("why")), said, "{fate:?} {stored:?}");
        }
    }
}
