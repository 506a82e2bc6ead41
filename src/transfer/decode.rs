//! From lines to rows.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::ids::{Branch, OpIndex, Revision, Scope, StreamKey};
use crate::model::json::Text;
use crate::model::json::operation_id;
use crate::model::operation::Action;
use crate::model::similar::nearest;
use crate::model::time::Timestamp;
use crate::store::skip_from;

use super::record::{KeyframeRecord, OperationRecord, Record};
use super::{IMPORT_JOB_ID, KEYFRAME_MEMBERS, OPERATION_MEMBERS};

/// Members of a line: those of an operation, what is only there to be passed over, and what has members of its own.
const LINE_MEMBERS: [&str; 17] = {
    let mut names = ["keyframe"; 17];
    let mut at = 0;
    while at < OPERATION_MEMBERS.len() {
        names[at] = OPERATION_MEMBERS[at];
        at += 1;
    }
    names[at] = "id";
    names
};

/// Why a line is no row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Problem {
    /// Bytes of the line before the place that is wrong.
    pub byte: usize,
    /// What is wrong, and with which member.
    pub reason: String,
}

/// Reads a line (without its line break) as a row. Members that are `null` count as absent; `id` is ignored, because
/// the store that takes the row numbers it.
///
/// An operation has to have `documentId`, `documentType`, `index` and `action`. Of the others, `branch` is `main`, `skip`
/// 0, `hash` empty, `scope` and `timestampUtcMs` those of the action, `writeTimestampUtcMs` is `timestampUtcMs`, `opId` is
/// derived from the action's id (reactor format §3.4), and `prevOpId` is left to the store. `action` is an object, which
/// has to be an action and is kept byte for byte, or a string, which is taken for the text of the action, whatever it is.
///
/// A keyframe has to have `documentId`, `documentType`, `revision`, `createdAt` and `document`; its `scope` is `global`.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn decode(line: &[u8]) -> Result<Record<'_>, Problem> {
    if let Some(reason) = other_format(line) {
        return Err(Problem { byte: 0, reason: reason.to_owned() });
    }
    let line = std::str::from_utf8(line)
        .map_err(|error| Problem { byte: error.valid_up_to(), reason: "the line is not UTF-8".to_owned() })?;
    let members = Members::read(line, line, &LINE_MEMBERS, "operation")?;
    match members.get("keyframe") {
        None => operation(&members).map(Record::Operation),
        Some(keyframe) => {
            if let Some(other) = LINE_MEMBERS.iter().find(|name| **name != "keyframe" && members.get(name).is_some()) {
                let beside = members.get(other).unwrap_or(keyframe);
                return Err(members.wrong(beside, other, "it stands beside \"keyframe\", which is a line of its own"));
            }
            let names: [&str; 8] = std::array::from_fn(|at| KEYFRAME_MEMBERS.get(at).copied().unwrap_or("id"));
            self::keyframe(&Members::read(line, keyframe.get(), &names, "keyframe")?).map(Record::Keyframe)
        }
    }
}

/// Why the time of an action does not stand in for that of its row.
fn instead_of_time(timestamp: &Text<'_>) -> &'static str {
    if timestamp.is_empty() {
        "and the action has no timestampUtcMs to take instead"
    } else {
        "and the action's timestampUtcMs is no time like 2025-01-31T12:00:00.000Z to take instead"
    }
}

/// What the input is instead of lines of objects, and what makes such lines of it.
fn other_format(line: &[u8]) -> Option<&'static str> {
    match line.trim_ascii() {
        [0x1f, 0x8b, ..] => Some("this is compressed: pipe it through `gunzip -c`"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("this is UTF-16: pipe it through `iconv -f UTF-16 -t UTF-8`"),
        [b'[', ..] => Some("this is an array, not lines of objects: `jq -c '.[]'` makes lines of it"),
        b"{" => Some("the object goes on behind the line: `jq -c .` puts each on a line of its own"),
        _ => None,
    }
}

fn operation<'a>(members: &Members<'a, '_>) -> Result<OperationRecord<'a>, Problem> {
    let document = members.required("documentId", Members::text)?;
    let document_type = members.required("documentType", Members::text)?;
    let index = members.required("index", Members::position)?;
    let action = members.required("action", Members::action)?;
    let scope = members.optional("scope", Members::text)?;
    let time = members.optional("timestampUtcMs", Members::time)?;
    let id = members.optional("opId", Members::text)?;
    let branch = members.optional("branch", Members::text)?.map_or_else(Branch::main, |branch| (*branch).into());
    let filled;
    let (scope, timestamp, id) = match (scope, time, id) {
        (Some(scope), Some(time), Some(id)) => (Scope::from(&*scope), time, id),
        (scope, time, id) => {
            filled = members.parsed_action(&action)?;
            let scope = match scope {
                Some(scope) => Scope::from(&*scope),
                None => filled
                    .scope
                    .as_str()
                    .map(Scope::from)
                    .ok_or_else(|| members.missing("scope", "and the action's scope has a lone surrogate in it"))?,
            };
            let from_action = || filled.timestamp.as_str().and_then(Timestamp::parse).filter(|time| time.is_writable());
            let time = time
                .or_else(from_action)
                .ok_or_else(|| members.missing("timestampUtcMs", instead_of_time(&filled.timestamp)))?;
            let id = match id {
                Some(id) => id,
                None if filled.id.is_empty() => {
                    return Err(members.missing("opId", "and the action has no id to derive it from"));
                }
                None => {
                    let action_id = filled.id.to_string_lossy();
                    operation_id(&document, scope.as_str(), branch.as_str(), action_id.as_bytes()).into()
                }
            };
            (scope, time, id)
        }
    };
    Ok(OperationRecord {
        stream: StreamKey { document: (*document).into(), scope, branch },
        index: OpIndex::new(index),
        skip: skip_from(members.optional("skip", Members::skip)?.unwrap_or(0)),
        id,
        previous_id: members.optional("prevOpId", Members::text)?,
        document_type,
        timestamp,
        written: members.optional("writeTimestampUtcMs", Members::time)?.unwrap_or(timestamp),
        job_id: members.optional("jobId", Members::text)?.unwrap_or(IMPORT_JOB_ID.into()),
        hash: members.optional("hash", Members::text)?.unwrap_or_default(),
        error: members.optional("error", Members::text)?,
        denied: members.optional("deniedReason", Members::text)?,
        action,
    })
}

fn keyframe<'a>(members: &Members<'a, '_>) -> Result<KeyframeRecord<'a>, Problem> {
    let document = members.required("documentId", Members::text)?;
    let scope = members.optional("scope", Members::text)?.map_or_else(Scope::global, |scope| (*scope).into());
    let branch = members.optional("branch", Members::text)?.map_or_else(Branch::main, |branch| (*branch).into());
    Ok(KeyframeRecord {
        stream: StreamKey { document: (*document).into(), scope, branch },
        revision: Revision::of(OpIndex::new(members.required("revision", Members::position)?)),
        document_type: members.required("documentType", Members::text)?,
        created: members.required("createdAt", Members::time)?,
        document: members.required("document", Members::object)?,
    })
}

/// The members of an object, unread.
struct Members<'a, 'n> {
    /// The whole line.
    line: &'a str,
    /// The object in it.
    object: &'a str,
    names: &'n [&'static str],
    values: [Option<&'a RawValue>; 17],
}

type Read<'a, T> = Result<T, String>;

impl<'a, 'n> Members<'a, 'n> {
    /// Reads `object`, which is a part of `line`, and refuses members that are not among `names`.
    fn read(line: &'a str, object: &'a str, names: &'n [&'static str], what: &str) -> Result<Self, Problem> {
        let start = offset(line, object);
        let mut json = serde_json::Deserializer::from_str(object);
        let mut found = Found { names, what, values: [None; 17], wrong: None };
        let read = json.deserialize_map(&mut found).and_then(|()| json.end());
        if let Some((value, reason)) = found.wrong {
            return Err(Problem { byte: offset(line, value), reason });
        }
        read.map_err(|error| {
            // serde_json ends its texts with a position of its own.
            let text = error.to_string();
            let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason).to_owned();
            Problem { byte: start + error.column().saturating_sub(1).min(object.len()), reason }
        })?;
        Ok(Members { line, object, names, values: found.values })
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.values[at].filter(|value| value.get() != "null")
    }

    fn optional<T>(&self, name: &'static str, read: fn(&'a str) -> Read<'a, T>) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value.get()).map(Some).map_err(|reason| self.wrong(value, name, &reason))
    }

    fn required<T>(&self, name: &'static str, read: fn(&'a str) -> Read<'a, T>) -> Result<T, Problem> {
        self.optional(name, read)?.ok_or_else(|| self.missing(name, ""))
    }

    fn wrong(&self, value: &RawValue, name: &str, reason: &str) -> Problem {
        Problem { byte: offset(self.line, value.get()), reason: format!("\"{name}\": {reason}") }
    }

    fn missing(&self, name: &str, why: &str) -> Problem {
        let reason = format!("\"{name}\" is missing {why}").trim_end().to_owned();
        Problem { byte: offset(self.line, self.object), reason }
    }

    /// The action, to fill in what the line does not say.
    fn parsed_action<'t>(&self, text: &'t str) -> Result<Action<'t>, Problem> {
        Action::parse_head(text.as_bytes()).map_err(|error| match self.get("action") {
            Some(value) => self.wrong(value, "action", &error.to_string()),
            None => self.missing("action", ""),
        })
    }

    fn text(value: &'a str) -> Read<'a, Cow<'a, str>> {
        let plain = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match plain {
            None => Err(format!("it is {}, not a string", kind(value))),
            Some(plain) if memchr::memchr(b'\\', plain.as_bytes()).is_none() => Ok(plain.into()),
            Some(_) => serde_json::from_str::<String>(value).map(Cow::Owned).map_err(|error| {
                let text = error.to_string();
                format!(
                    "it is not Unicode text: {}",
                    text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason)
                )
            }),
        }
    }

    fn position(value: &'a str) -> Read<'a, u64> {
        whole(value, i64::MAX.unsigned_abs())
    }

    fn skip(value: &'a str) -> Read<'a, u32> {
        whole(value, u32::MAX.into()).map(|skip| u32::try_from(skip).unwrap_or(u32::MAX))
    }

    fn time(value: &'a str) -> Read<'a, Timestamp> {
        let time = if value.starts_with('"') {
            Timestamp::parse(&Self::text(value)?)
        } else {
            value.parse().ok().and_then(Timestamp::from_millis)
        };
        time.filter(|time| time.is_writable()).ok_or_else(|| {
            format!("{} is not a time, written like \"2025-01-31T12:00:00.000Z\" or in milliseconds", shown(value))
        })
    }

    fn action(value: &'a str) -> Read<'a, Cow<'a, str>> {
        let text = Self::object(value)?;
        if value.starts_with('{') {
            Action::parse_head(value.as_bytes()).map_err(|error| error.to_string())?;
        }
        Ok(text)
    }

    /// An object, or a string that holds any text.
    fn object(value: &'a str) -> Read<'a, Cow<'a, str>> {
        match value.as_bytes().first() {
            Some(b'{') => Ok(value.into()),
            Some(b'"') => Self::text(value),
            _ => Err(format!("it is {}, neither an object nor a string with its text", kind(value))),
        }
    }
}

/// A whole number from 0 to `most`.
fn whole(value: &str, most: u64) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("{} is not a whole number from 0 to {most}", shown(value)))
}

/// Bytes of `line` before its part `part`.
fn offset(line: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(line.as_ptr().addr())
}

/// What a JSON text is, for messages.
fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A JSON text for messages, short.
fn shown(value: &str) -> Cow<'_, str> {
    const MOST: usize = 60;
    match value.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &value[..end]).into(),
        None => value.into(),
    }
}

/// Collects members.
struct Found<'a, 'n> {
    names: &'n [&'static str],
    /// What the object describes, for messages.
    what: &'n str,
    values: [Option<&'a RawValue>; 17],
    /// The first member that may not be there, by its value, and why.
    wrong: Option<(&'a str, String)>,
}

impl<'a> Visitor<'a> for &mut Found<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an object with the members of {}",
            if self.what == "keyframe" { "a keyframe" } else { "an operation" }
        )
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key_seed(Name(self.names))? {
            let value: &'a RawValue = map.next_value()?;
            let reason = match name {
                Ok(at) => match self.values[at].replace(value) {
                    None => continue,
                    Some(_) => format!("\"{}\" is there twice", self.names[at]),
                },
                Err(unknown) => {
                    let near = nearest(&unknown, self.names);
                    let meant = near.map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
                    format!("there is no member \"{}\" in a line{meant}", shown(&unknown))
                }
            };
            self.wrong = Some((value.get(), reason));
            return Err(M::Error::custom("told by `wrong`"));
        }
        Ok(())
    }
}

/// The name of a member: where it is among the known ones, or what it is.
struct Name<'n>(&'n [&'static str]);

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == name).ok_or_else(|| name.to_owned()))
    }
}
