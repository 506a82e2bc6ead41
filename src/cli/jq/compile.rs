//! From the text of an expression to a filter, or to what is wrong with it and where.

use jaq_core::compile::Undefined;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, DataT, Filter};

use super::library::{self, REFUSED};
use super::value::Value;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::model::similar::nearest;

/// Longer expressions are refused, because jaq parses and compiles by recursion.
const MAX_BYTES: usize = 32 << 10;

/// Compiles an expression.
///
/// # Errors
/// Usage: the first thing that is wrong, with its place in the expression.
pub(super) fn compile<D>(expression: &str) -> Result<Filter<D>, Refusal>
where
    D: for<'a> DataT<V<'a> = Value>,
{
    if expression.len() > MAX_BYTES {
        let message = format!("--jq: the expression is longer than {MAX_BYTES} bytes");
        return Err(refusal(message, Some("pipe to jq for that: --json | jq -f FILE".to_owned())));
    }
    // As with jq, nothing at all changes nothing.
    let expression = if expression.trim().is_empty() { "." } else { expression };
    let definitions = library::definitions();
    let natives: Vec<_> = library::natives::<D>().collect();
    let mut known: Vec<(&str, usize)> = definitions.iter().map(|known| (known.name, known.args.len())).collect();
    known.extend(natives.iter().map(|(name, args, _)| (*name, args.len())));
    let arena = Arena::default();
    let modules = Loader::new(definitions).load(&arena, File { code: expression, path: () });
    let modules = modules.map_err(|errors| {
        let fault = errors.into_iter().next().map(|(_, error)| syntax(expression, error));
        fault.unwrap_or_else(|| refusal("--jq: the expression cannot be read".to_owned(), None))
    })?;
    Compiler::default().with_funs(natives).compile(modules).map_err(|errors| {
        let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
        first.map_or_else(
            || refusal("--jq: the expression cannot be compiled".to_owned(), None),
            |(name, kind)| undefined(expression, name, &kind, &known),
        )
    })
}

fn refusal(message: String, hint: Option<String>) -> Refusal {
    Refusal { exit: ExitStatus::Usage, code: "jq-invalid", message, hint }
}

/// Where a part of the expression is, and how it goes on from there.
fn place(expression: &str, part: &str) -> String {
    const SHOWN: usize = 24;
    let at = (part.as_ptr() as usize).checked_sub(expression.as_ptr() as usize).filter(|at| *at < expression.len());
    let Some(at) = at.filter(|_| !part.is_empty()) else { return "--jq, at the end".to_owned() };
    let rest = &expression[at..];
    let shown = rest.char_indices().nth(SHOWN).map_or(rest.to_owned(), |(end, _)| format!("{}…", &rest[..end]));
    format!("--jq, character {}, at `{shown}`", expression[..at].chars().count() + 1)
}

fn syntax(expression: &str, error: load::Error<&str>) -> Refusal {
    const QUOTES: &str = "write the expression in single quotes, so that the shell leaves it alone";
    match error {
        load::Error::Lex(errors) => {
            let (expected, found) = errors.into_iter().next().unwrap_or((load::lex::Expect::Token, expression));
            let message = format!("{}: a {} was expected", place(expression, found), expected.as_str());
            refusal(message, Some(QUOTES.to_owned()))
        }
        load::Error::Parse(errors) => {
            let (expected, found) = errors.into_iter().next().unwrap_or((load::parse::Expect::Term, ""));
            let expected = match expected.as_str() {
                "nothing" => "the end was expected".to_owned(),
                what => format!("{what} was expected"),
            };
            refusal(format!("{}: {expected}", place(expression, found)), Some(QUOTES.to_owned()))
        }
        load::Error::Io(errors) => {
            let path = errors.first().map_or("", |(path, _)| path);
            let message = format!("{}: there are no modules in --jq", place(expression, path));
            refusal(message, Some("pipe to jq for that".to_owned()))
        }
    }
}

fn undefined(expression: &str, name: &str, kind: &Undefined, known: &[(&str, usize)]) -> Refusal {
    let place = place(expression, name);
    if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return refusal(format!("{place}: {name} is not there in --jq"), Some((*instead).to_owned()));
    }
    let Undefined::Filter(n_arguments) = kind else {
        return refusal(format!("{place}: there is no {} {name}", kind.as_str()), None);
    };
    let mut counts: Vec<usize> = known.iter().filter(|(known, _)| *known == name).map(|(_, count)| *count).collect();
    counts.sort_unstable();
    counts.dedup();
    let hint = if counts.is_empty() {
        let mut names: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
        names.sort_unstable();
        let field = format!("a member is written .{name}, a text \"{name}\"");
        Some(nearest(name, &names).map_or(field, |nearest| format!("did you mean {nearest}?")))
    } else {
        let plural = if counts == [1] { "" } else { "s" };
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        Some(format!("{name} takes {} argument{plural}, separated by semicolons", counts.join(" or ")))
    };
    refusal(format!("{place}: there is no filter {name}/{n_arguments}"), hint)
}
