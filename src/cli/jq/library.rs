//! The filters there are: those of jaq, what jq has besides, and none that reads the clock, the environment or more
//! input, or says something behind the answer.

use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{DataT, Error};
use jaq_json::{Num, Val};
use jaq_std::ValT as _;

use super::text::{read_value, write_value};
use super::value::{ValR, Value};

/// Filters of jq that do not exist here, and what to do instead.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("now", CLOCK),
    ("localtime", "it depends on the time zone of the machine: use gmtime"),
    ("strflocaltime", "it depends on the time zone of the machine: use strftime"),
    ("env", ENVIRONMENT),
    ("$ENV", ENVIRONMENT),
    ("get_search_list", ENVIRONMENT),
    ("input", INPUTS),
    ("inputs", INPUTS),
    ("input_filename", INPUTS),
    ("input_line_number", INPUTS),
    ("debug", SAYS),
    ("stderr", SAYS),
    ("halt", "use first(f) or limit(n; f) to take less, error(text) to fail"),
    ("halt_error", "use error(text) to fail"),
];

const CLOCK: &str = "no answer depends on the clock: write the time into the expression";
const ENVIRONMENT: &str = "an expression does not read the environment: write the value into the expression";
const INPUTS: &str = "an expression sees one value at a time: pipe --ndjson to jq for that";
const SAYS: &str = "stderr is not the expression's: pipe --json to jq for that";

/// Natives that stand behind what is refused, and one that is here otherwise: of several of a name the first counts.
const BEHIND: &[&str] = &["debug_empty", "stderr_empty", "implode"];

/// Definitions in the language itself; what comes later wins.
pub(super) fn definitions() -> Vec<Def<&'static str>> {
    let own = jaq_core::load::parse(include_str!("defs.jq"), |parser| parser.defs())
        .expect("the definitions are well formed");
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
    all.filter(|definition| is_allowed(definition.name)).collect()
}

/// Filters in Rust.
pub(super) fn natives<D>() -> impl Iterator<Item = Fun<D>>
where
    D: for<'a> DataT<V<'a> = Value>,
{
    let all = jaq_core::funs().chain(jaq_std::funs());
    all.filter(|(name, ..)| is_allowed(name) && !BEHIND.contains(name)).chain(own())
}

fn is_allowed(name: &str) -> bool {
    REFUSED.iter().all(|(refused, _)| *refused != name)
}

fn own<D>() -> impl Iterator<Item = Fun<D>>
where
    D: for<'a> DataT<V<'a> = Value>,
{
    let all: [jaq_core::native::Filter<jaq_core::RunPtr<D>>; 9] = [
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("tojson", v(0), |cv| bome(Ok(to_json(&cv.1)))),
        ("implode", v(0), |cv| bome(implode(&cv.1))),
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("contains", v(1), |cv| unary(cv, |value, part| Ok(contains(&value, &part)))),
        ("has", v(1), |cv| unary(cv, |value, key| has(&value, &key))),
        ("indices", v(1), |cv| unary(cv, |value, part| indices(&value, &part))),
        ("bsearch", v(1), |cv| unary(cv, |value, item| search(&value, &item))),
        ("escape_tsv", v(0), |cv| bome(escape_tsv(&cv.1))),
    ];
    all.into_iter().map(run::<D>)
}

fn text_of(value: &Value) -> Result<&[u8], Error<Value>> {
    value.as_bytes().ok_or_else(|| Error::typ(value.clone(), "string"))
}

fn from_json(value: &Value) -> ValR {
    read_value(text_of(value)?)
        .map_err(|bad| Error::str(format_args!("cannot read {value} as JSON: {} at byte {}", bad.reason, bad.offset)))
}

fn to_json(value: &Value) -> Value {
    let mut text = Vec::new();
    write_value(&value.inner, &mut text);
    Value::text(text)
}

/// What is no character becomes U+FFFD.
fn implode(value: &Value) -> ValR {
    let Val::Arr(items) = &value.inner else { return Err(Error::typ(value.clone(), "array")) };
    let character = |item: &Val| {
        let number = if let Val::Num(_) = item { item.as_f64() } else { None };
        let Some(number) = number.filter(|number| !number.is_nan()) else {
            return Err(Error::str(format_args!("cannot implode {value}: characters are numbers")));
        };
        #[expect(clippy::cast_possible_truncation, reason = "what is too large is no character either way")]
        let code = u32::try_from(number as i64).ok();
        Ok(code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER))
    };
    Ok(Value::from(items.iter().map(character).collect::<Result<String, _>>()?))
}

fn length(value: &Value) -> ValR {
    Ok(match &value.inner {
        Val::Null => Value::from(0_usize),
        Val::Num(Num::Int(number)) => {
            number.checked_abs().map_or_else(|| Value::from(value.as_f64().map_or(0.0, f64::abs)), Value::from)
        }
        Val::Num(_) => Value::from(value.as_f64().map_or(0.0, f64::abs)),
        Val::TStr(text) | Val::BStr(text) => Value::from(String::from_utf8_lossy(text).chars().count()),
        Val::Arr(items) => Value::from(items.len()),
        Val::Obj(members) => Value::from(members.len()),
        Val::Bool(_) => return Err(Error::str(format_args!("{value} has no length"))),
    })
}

fn contains(value: &Value, part: &Value) -> Value {
    fn within(value: &Val, part: &Val) -> bool {
        match (value, part) {
            (Val::TStr(value), Val::TStr(part)) => memchr::memmem::find(value, part).is_some(),
            (Val::Arr(value), Val::Arr(part)) => part.iter().all(|part| value.iter().any(|value| within(value, part))),
            (Val::Obj(value), Val::Obj(part)) => {
                part.iter().all(|(key, part)| value.get(key).is_some_and(|value| within(value, part)))
            }
            _ => value == part,
        }
    }
    Value::from(within(&value.inner, &part.inner))
}

fn has(value: &Value, key: &Value) -> ValR {
    match (&value.inner, &key.inner) {
        (Val::Obj(members), key @ Val::TStr(_)) => Ok(Value::from(members.contains_key(key))),
        (Val::Arr(items), Val::Num(_)) => {
            let at = key.as_isize().and_then(|at| usize::try_from(at).ok());
            Ok(Value::from(at.is_some_and(|at| at < items.len())))
        }
        _ => Err(Error::str(format_args!("cannot look for {key} in {value}"))),
    }
}

fn indices(value: &Value, part: &Value) -> ValR {
    let list = |found: Vec<usize>| found.into_iter().map(Value::from).collect();
    Ok(match (&value.inner, &part.inner) {
        (Val::Null, _) => Value::default(),
        (Val::TStr(_), Val::TStr(part)) if part.is_empty() => Value::default(),
        (Val::TStr(text), Val::TStr(part)) => {
            let starts = |text: &[u8]| text.starts_with(part);
            let text = String::from_utf8_lossy(text);
            let chars = text.char_indices().enumerate();
            list(chars.filter(|(_, (at, _))| starts(&text.as_bytes()[*at..])).map(|(n, _)| n).collect())
        }
        (Val::Arr(_), Val::Arr(part)) if part.is_empty() => Value::default(),
        (Val::Arr(items), Val::Arr(part)) => {
            let found = items.windows(part.len()).enumerate().filter(|(_, items)| *items == &part[..]);
            list(found.map(|(n, _)| n).collect())
        }
        (Val::Arr(items), item) => {
            list(items.iter().enumerate().filter(|(_, other)| *other == item).map(|(n, _)| n).collect())
        }
        _ => return Err(Error::index(value.clone(), part.clone())),
    })
}

fn search(value: &Value, item: &Value) -> ValR {
    let Val::Arr(items) = &value.inner else { return Err(Error::typ(value.clone(), "array")) };
    Ok(match items.binary_search(&item.inner) {
        Ok(at) => Value::from(at),
        Err(at) => Value::from(-1 - isize::try_from(at).unwrap_or(isize::MAX - 1)),
    })
}

fn escape_tsv(value: &Value) -> ValR {
    let mut out = Vec::new();
    for byte in text_of(value)? {
        match byte {
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte => out.push(*byte),
        }
    }
    Ok(Value::text(out))
}
