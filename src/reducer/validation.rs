//! Input validation with the texts of zod (reactor format §4.9).
//!
//! A [`Schema`] is a constant; [`check`] walks a value along it. The usual case, a valid value, costs no
//! allocation: the issues are collected only once it is known that there are some.

use crate::model::json::{Json, Text, write_text};

/// What a value must look like. Unknown members of objects are always allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Any string.
    Text,
    /// Any number.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of these strings; at least one.
    OneOf(&'static [&'static str]),
    /// An array of such items.
    List(&'static Schema),
    /// An object with these members, in the order in which issues are reported.
    Object(&'static [(&'static str, Schema)]),
    /// May be absent.
    Optional(&'static Schema),
    /// May be `null`.
    Nullable(&'static Schema),
    /// May be absent or `null`.
    Nullish(&'static Schema),
}

impl Schema {
    /// A string that may be absent or `null`.
    pub const NULLISH_TEXT: Schema = Schema::Nullish(&Schema::Text);

    /// Whether `value`, or its absence, is valid.
    #[must_use]
    pub fn accepts(&self, value: Option<&Json<'_>>) -> bool {
        match (self, value) {
            (Schema::Text, Some(Json::String(_)))
            | (Schema::Number, Some(Json::Number(_)))
            | (Schema::Bool, Some(Json::Bool(_)))
            | (Schema::Optional(_) | Schema::Nullish(_), None)
            | (Schema::Nullable(_) | Schema::Nullish(_), Some(Json::Null)) => true,
            (Schema::OneOf(allowed), Some(Json::String(text))) => allowed.iter().any(|allowed| *text == **allowed),
            (Schema::List(item), Some(Json::Array(items))) => items.iter().all(|value| item.accepts(Some(value))),
            (Schema::Object(members), Some(Json::Object(object))) => {
                members.iter().all(|(key, member)| member.accepts(object.get(key)))
            }
            (Schema::Optional(inner) | Schema::Nullable(inner) | Schema::Nullish(inner), _) => inner.accepts(value),
            _ => false,
        }
    }

    /// Appends what is wrong with `value`, outermost and first members first.
    fn issues(&self, value: Option<&Json<'_>>, path: &mut Vec<Step>, out: &mut Vec<Pretty>) {
        if self.accepts(value) {
            return;
        }
        match (self, value) {
            (Schema::List(item), Some(Json::Array(items))) => {
                for (at, value) in items.iter().enumerate() {
                    path.push(Step::Index(at));
                    item.issues(Some(value), path, out);
                    path.pop();
                }
            }
            (Schema::Object(members), Some(Json::Object(object))) => {
                for (key, member) in *members {
                    path.push(Step::Member(key));
                    member.issues(object.get(key), path, out);
                    path.pop();
                }
            }
            (Schema::Optional(inner) | Schema::Nullable(inner) | Schema::Nullish(inner), _) => {
                inner.issues(value, path, out);
            }
            (Schema::OneOf(allowed), _) => out.push(not_allowed(allowed, path)),
            (Schema::Text, _) => out.push(wrong_type("string", value, path)),
            (Schema::Number, _) => out.push(wrong_type("number", value, path)),
            (Schema::Bool, _) => out.push(wrong_type("boolean", value, path)),
            (Schema::List(_), _) => out.push(wrong_type("array", value, path)),
            (Schema::Object(_), _) => out.push(wrong_type("object", value, path)),
        }
    }
}

/// Checks `value` along `schema`.
///
/// # Errors
/// The text of zod's error: the list of issues as JSON, indented by two spaces.
pub fn check(schema: &Schema, value: &Json<'_>) -> Result<(), Text<'static>> {
    if schema.accepts(Some(value)) {
        return Ok(());
    }
    let mut issues = Vec::new();
    schema.issues(Some(value), &mut Vec::new(), &mut issues);
    let mut text = Vec::new();
    Pretty::List(issues).write(0, &mut text);
    Err(Text::Shared(text.into()))
}

/// The text of zod's error for a value that fits none of several schemas.
#[must_use]
pub fn union_error(options: &[Schema], value: &Json<'_>) -> Text<'static> {
    let errors = options.iter().map(|schema| {
        let mut issues = Vec::new();
        schema.issues(Some(value), &mut Vec::new(), &mut issues);
        Pretty::List(issues)
    });
    let issue = Pretty::Members(vec![
        ("code", Pretty::text("invalid_union")),
        ("errors", Pretty::List(errors.collect())),
        ("path", Pretty::List(Vec::new())),
        ("message", Pretty::text("Invalid input")),
    ]);
    let mut text = Vec::new();
    Pretty::List(vec![issue]).write(0, &mut text);
    Text::Shared(text.into())
}

/// One step from a value to a part of it.
#[derive(Clone, Copy)]
enum Step {
    Member(&'static str),
    Index(usize),
}

fn wrong_type(expected: &str, received: Option<&Json<'_>>, path: &[Step]) -> Pretty {
    let received = received.map_or("undefined", Json::type_name);
    Pretty::Members(vec![
        ("expected", Pretty::text(expected)),
        ("code", Pretty::text("invalid_type")),
        ("path", Pretty::path(path)),
        ("message", Pretty::Text(format!("Invalid input: expected {expected}, received {received}"))),
    ])
}

fn not_allowed(allowed: &[&str], path: &[Step]) -> Pretty {
    let quoted: Vec<String> = allowed.iter().map(|value| format!("\"{value}\"")).collect();
    let message = match &quoted[..] {
        [only] => format!("Invalid input: expected {only}"),
        several => format!("Invalid option: expected one of {}", several.join("|")),
    };
    Pretty::Members(vec![
        ("code", Pretty::text("invalid_value")),
        ("values", Pretty::List(allowed.iter().map(|value| Pretty::text(value)).collect())),
        ("path", Pretty::path(path)),
        ("message", Pretty::Text(message)),
    ])
}

/// JSON as `JSON.stringify(value, null, 2)` prints it: members keep their order.
enum Pretty {
    Text(String),
    Index(usize),
    List(Vec<Pretty>),
    Members(Vec<(&'static str, Pretty)>),
}

impl Pretty {
    fn text(text: &str) -> Self {
        Pretty::Text(text.to_owned())
    }

    fn path(path: &[Step]) -> Self {
        let step = |step: &Step| match step {
            Step::Member(key) => Pretty::text(key),
            Step::Index(at) => Pretty::Index(*at),
        };
        Pretty::List(path.iter().map(step).collect())
    }

    fn write(&self, indent: usize, out: &mut Vec<u8>) {
        match self {
            Pretty::Text(text) => write_text(&Text::from(text.as_str()), out),
            Pretty::Index(index) => out.extend_from_slice(index.to_string().as_bytes()),
            Pretty::List(items) if items.is_empty() => out.extend_from_slice(b"[]"),
            Pretty::List(items) => {
                write_lines(b"[]", indent, items, out, |item, out| item.write(indent + 2, out));
            }
            Pretty::Members(members) => write_lines(b"{}", indent, members, out, |(key, value), out| {
                write_text(&Text::from(*key), out);
                out.extend_from_slice(b": ");
                value.write(indent + 2, out);
            }),
        }
    }
}

/// Writes `items` between `brackets`, each on a line of its own and two spaces further in.
fn write_lines<T>(brackets: &[u8; 2], indent: usize, items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(brackets[0]);
    for (n, item) in items.iter().enumerate() {
        out.extend_from_slice(if n > 0 { b",\n" } else { b"\n" });
        out.resize(out.len() + indent + 2, b' ');
        write(item, out);
    }
    out.push(b'\n');
    out.resize(out.len() + indent, b' ');
    out.push(brackets[1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::parse;

    const ORDER: Schema = Schema::Object(&[
        ("order", Schema::List(&Schema::Text)),
        ("before", Schema::Nullable(&Schema::Number)),
        ("__typename", Schema::Optional(&Schema::OneOf(&["Order"]))),
    ]);

    fn message(input: &str) -> String {
        check(&ORDER, &parse(input.as_bytes()).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn absent_and_null_are_different_things() {
        assert!(check(&ORDER, &parse(br#"{"order":["a"],"before":null,"more":1}"#).unwrap()).is_ok());
        assert!(message(r#"{"order":[]}"#).contains("expected number, received undefined"));
        assert!(message(r#"{"order":[],"before":1,"__typename":null}"#).contains("expected \\\"Order\\\"\""));
    }

    #[test]
    fn the_path_leads_through_lists_by_number() {
        let expected = "[\n  {\n    \"expected\": \"string\",\n    \"code\": \"invalid_type\",\n    \"path\": [\n      \
                        \"order\",\n      1\n    ],\n    \"message\": \"Invalid input: expected string, received \
                        boolean\"\n  }\n]";
        assert_eq!(message(r#"{"order":["a",true],"before":null}"#), expected);
    }

    #[test]
    fn a_value_that_is_no_object_is_one_issue_with_an_empty_path() {
        let text = message("[]");
        assert!(text.contains("\"path\": [],\n"), "{text}");
        assert!(text.contains("expected object, received array"), "{text}");
    }
}
