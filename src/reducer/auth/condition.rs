//! The rules for conditions (`where`, `principal.match`): trees of operators over operands.

use super::Checked;
use crate::model::json::{Json, Object, Text};
use crate::reducer::coerce::text;

const MAX_DEPTH: usize = 10;
const MAX_NODES: usize = 100;

/// Checks one tree. `covered` is the scope that the grant's capability names, if it names one.
///
/// # Errors
/// The first problem, in the order in which the tree is written.
pub(super) fn check(condition: &Json<'_>, covered: Option<&Text<'_>>) -> Checked<()> {
    Walk { covered: covered.filter(|scope| **scope != *"*"), n_nodes: 0 }.condition(condition, 1)
}

struct Walk<'v> {
    covered: Option<&'v Text<'v>>,
    /// Conditions and operands met so far.
    n_nodes: usize,
}

impl Walk<'_> {
    /// Recurses at most [`MAX_DEPTH`] deep.
    fn condition(&mut self, value: &Json<'_>, depth: usize) -> Checked<()> {
        if depth > MAX_DEPTH {
            return Err("condition exceeds depth 10".into());
        }
        self.count()?;
        let object = value.as_object().ok_or("condition must be an object")?;
        let (operator, argument) = only_member(object).ok_or("condition must have exactly one operator")?;
        match operator.as_bytes() {
            b"eq" | b"ne" | b"lt" | b"lte" | b"gt" | b"gte" => match argument.as_array() {
                Some([left, right]) => {
                    self.operand(left)?;
                    self.operand(right)
                }
                _ => Err(text![operator, " requires a pair of operands"]),
            },
            b"in" | b"notIn" => match argument.as_array() {
                Some([operand, Json::Array(list)]) => {
                    self.operand(operand)?;
                    list.iter().try_for_each(|operand| self.operand(operand))
                }
                _ => Err(text![operator, " requires an operand and an operand list"]),
            },
            b"and" | b"or" => match argument.as_array() {
                Some(list) => list.iter().try_for_each(|condition| self.condition(condition, depth + 1)),
                None => Err(text![operator, " requires a condition list"]),
            },
            b"not" => self.condition(argument, depth + 1),
            b"exists" => self.operand(argument),
            _ => Err(text!["unknown condition operator \"", operator, "\""]),
        }
    }

    fn operand(&mut self, value: &Json<'_>) -> Checked<()> {
        self.count()?;
        let object = value.as_object().ok_or("operand must be an object")?;
        let (kind, argument) = only_member(object).ok_or("operand must have exactly one of attr or lit")?;
        match kind.as_bytes() {
            b"attr" => match argument {
                Json::String(path) if !path.is_empty() => self.path(path),
                _ => Err("attr must be a non-empty string".into()),
            },
            b"lit" => match argument {
                Json::Array(_) | Json::Object(_) => Err("lit must be a string, number, boolean, or null".into()),
                Json::Number(number) if !number.is_finite() => Err("lit must be a finite number".into()),
                Json::Number(number) if *number == 0.0 && number.is_sign_negative() => {
                    Err("lit must not be negative zero".into())
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
            },
            _ => Err(text!["unknown operand kind \"", kind, "\""]),
        }
    }

    /// A path into the document must stay in the scope that the capability covers.
    fn path(&self, path: &Text<'_>) -> Checked<()> {
        let Some((covered, inner)) = self.covered.zip(path.as_bytes().strip_prefix(b"doc.")) else {
            return Ok(());
        };
        let scope = inner.split(|&byte| byte == b'.').next().unwrap_or(inner);
        if scope == covered.as_bytes() {
            return Ok(());
        }
        let scope = Text::Shared(scope.into());
        Err(text![
            "condition path \"",
            path,
            "\" reads scope \"",
            scope,
            "\" but the capability covers only scope \"",
            covered,
            "\""
        ])
    }

    fn count(&mut self) -> Checked<()> {
        self.n_nodes += 1;
        if self.n_nodes > MAX_NODES { Err("condition exceeds 100 nodes".into()) } else { Ok(()) }
    }
}

fn only_member<'v, 'a>(object: &'v Object<'a>) -> Option<(&'v Text<'a>, &'v Json<'a>)> {
    object.iter().next().filter(|_| object.len() == 1)
}
