//! From the texts of an archive to what they say.

use super::{Archive, ArchiveFault, ArchivedOperation, Entry, MAX_OPERATIONS, Texts};
use crate::model::ids::{Branch, DocumentId, DocumentType, OpIndex, Scope};
use crate::model::json::{
    Json, Object, ParseError, ParseErrorKind, Parser, Place, Text, operation_id, parse, write_compact,
};
use crate::model::operation::Action;
use crate::model::time::Timestamp;

type Checked<T> = Result<T, ArchiveFault>;

pub(super) fn archive(texts: Texts<'_>) -> Checked<Archive> {
    let header = header(texts.header)?;
    let member = |name: &'static str| -> Checked<Option<String>> {
        let value = header.get(name).filter(|value| !value.is_null());
        let text = value.map(|value| value.as_text().and_then(Text::as_str));
        let wrong = || whole(Entry::Header, format!("\"{name}\" is not Unicode text"));
        text.map(|text| text.map(str::to_owned).ok_or_else(wrong)).transpose()
    };
    let required = |name| member(name)?.ok_or_else(|| whole(Entry::Header, format!("it has no \"{name}\"")));
    let (document, document_type) = (DocumentId::from(required("id")?), DocumentType::from(required("documentType")?));
    let branch = member("branch")?.filter(|branch| !branch.is_empty()).map_or_else(Branch::main, Branch::from);
    let state = state(texts.state)?;
    let origin = Origin { document: &document, branch: &branch };
    let operations = operations(texts.operations, &origin)?;
    Ok(Archive { document, document_type, branch, header, state, operations })
}

/// What the ids of operations are derived from.
struct Origin<'a> {
    document: &'a DocumentId,
    branch: &'a Branch,
}

fn whole(entry: Entry, reason: String) -> ArchiveFault {
    ArchiveFault { entry, byte: 0, pointer: String::new(), reason }
}

fn header(text: &[u8]) -> Checked<Object<'static>> {
    match parse(text).map_err(|error| ArchiveFault::of_json(Entry::Header, error))?.into_owned() {
        Json::Object(header) => Ok(header),
        other => Err(whole(Entry::Header, format!("it is {}, not an object", article(&other)))),
    }
}

fn state(text: &[u8]) -> Checked<Vec<(Scope, Json<'static>)>> {
    let mut scopes = Vec::new();
    each_member(Entry::State, text, &mut |parser, name| {
        scopes.push((name, parser.value()?.into_owned()));
        Ok(())
    })?;
    enumerated(Entry::State, scopes)
}

/// Visits the members of the object that a text holds.
fn each_member<'a>(
    entry: Entry,
    text: &'a [u8],
    member: &mut dyn FnMut(&mut Parser<'a>, Text<'a>) -> Result<(), ParseError>,
) -> Checked<()> {
    let failed = |error| ArchiveFault::of_json(entry, error);
    if let Err(error) = std::str::from_utf8(text) {
        return Err(failed(ParseError { offset: error.valid_up_to(), kind: ParseErrorKind::InvalidUtf8 }));
    }
    let mut parser = Parser::new(text);
    let mut n_members = 0;
    let mut counted = |parser: &mut Parser<'a>, name: Text<'a>| {
        n_members += 1;
        if n_members > MAX_SCOPES {
            return Err(ParseError { offset: parser.offset(), kind: ParseErrorKind::Unexpected });
        }
        member(parser, name)
    };
    let read = parser.members(&mut counted);
    if n_members > MAX_SCOPES {
        return Err(whole(entry, format!("it has more than {MAX_SCOPES} scopes")));
    }
    if !read.map_err(failed)? {
        let value = parser.value().map_err(failed)?;
        return Err(whole(entry, format!("it is {}, not an object of scopes", article(&value))));
    }
    parser.end().map_err(failed)
}

/// Scopes in the order in which JavaScript enumerates the members of an object: numbers first, ascending, then the rest
/// as they come up; of equal names the last value counts, at the first place.
fn enumerated<T>(entry: Entry, members: Vec<(Text<'_>, T)>) -> Checked<Vec<(Scope, T)>> {
    let mut scopes: Vec<(Scope, T)> = Vec::new();
    for (name, value) in members {
        let Some(name) = name.as_str() else {
            return Err(whole(entry, "the name of a scope holds a lone surrogate".to_owned()));
        };
        match scopes.iter_mut().find(|(scope, _)| *scope == *name) {
            Some((_, known)) => *known = value,
            None => scopes.push((name.into(), value)),
        }
    }
    scopes.sort_by_key(|(scope, _)| as_number(scope.as_str()).map_or((1, 0), |number| (0, number)));
    Ok(scopes)
}

/// Documents have five scopes or so.
const MAX_SCOPES: usize = 1000;

/// The number that a name is to JavaScript (an array index, ECMA-262 §6.1.7).
fn as_number(name: &str) -> Option<u32> {
    let plain = name == "0" || !name.starts_with(['0', '+']);
    name.parse().ok().filter(|number| plain && *number < u32::MAX)
}

/// One operation of a list, not looked at.
struct Raw<'a> {
    text: &'a [u8],
    value: &'a [u8],
    scope: &'a str,
    nth: usize,
}

fn operations(text: &[u8], origin: &Origin<'_>) -> Checked<Vec<(Scope, Vec<ArchivedOperation>)>> {
    let entry = Entry::Operations;
    let (mut lists, mut no_list, mut n_operations) = (Vec::new(), None, 0);
    each_member(entry, text, &mut |parser, name| {
        let byte = parser.offset();
        let mut list = Vec::new();
        let is_list = parser.items(&mut |parser| {
            n_operations += 1;
            if n_operations > MAX_OPERATIONS {
                return Err(ParseError { offset: parser.offset(), kind: ParseErrorKind::Unexpected });
            }
            let start = parser.offset();
            // An action may be as deep here as in a store.
            if !parser.members(&mut |parser, _| parser.raw().map(drop))? {
                parser.raw()?;
            }
            list.push(&text[start..parser.offset()]);
            Ok(())
        })?;
        if !is_list {
            let reason = format!("it is {}, not an array of operations", article(&parser.value()?));
            no_list.get_or_insert(ArchiveFault { entry, byte, pointer: pointer(&name, None, ""), reason });
        }
        lists.push((name, list));
        Ok(())
    })
    .map_err(|fault| {
        let most = format!("there are more than {MAX_OPERATIONS} operations");
        if n_operations > MAX_OPERATIONS { ArchiveFault { reason: most, ..fault } } else { fault }
    })?;
    if let Some(fault) = no_list {
        return Err(fault);
    }
    let read = |(scope, list): (Scope, Vec<&[u8]>)| {
        let one = |(nth, value)| operation(&Raw { text, value, scope: scope.as_str(), nth }, origin);
        let list = list.into_iter().enumerate().map(one).collect::<Checked<_>>()?;
        Ok((scope, list))
    };
    enumerated(entry, lists)?.into_iter().map(read).collect()
}

const MEMBERS: [&str; 8] = ["index", "action", "skip", "id", "timestampUtcMs", "hash", "error", "deniedReason"];

fn operation(raw: &Raw<'_>, origin: &Origin<'_>) -> Checked<ArchivedOperation> {
    let mut found: [Option<&[u8]>; MEMBERS.len()] = [None; MEMBERS.len()];
    let is_object = Parser::new(raw.value).members(&mut |parser, name| {
        let value = parser.raw()?;
        if let Some(at) = MEMBERS.iter().position(|known| name == **known) {
            found[at] = Some(value).filter(|value| *value != b"null");
        }
        Ok(())
    });
    if !matches!(is_object, Ok(true)) {
        return Err(raw.fault(raw.value, "", "it is not an operation".to_owned()));
    }
    let [index, action, skip, id, time, hash, error, denied] = found;
    let missing = |name: &str| raw.fault(raw.value, "", format!("it has no \"{name}\""));
    let text = |value: Option<&[u8]>, name| value.map(|value| raw.text(value, name)).transpose();
    let index = index.ok_or_else(|| missing("index"))?;
    let index = OpIndex::new(raw.number(index, "index", i64::MAX.unsigned_abs())?);
    let skip = skip.map_or(Ok(0), |skip| raw.number(skip, "skip", u32::MAX.into()))?;
    let action_text = action.ok_or_else(|| missing("action"))?;
    // What it asks for is parsed when it is replayed.
    let action =
        Action::parse_head(action_text).map_err(|error| raw.fault(action_text, "action", error.to_string()))?;
    let timestamp = match time {
        Some(time) => raw.time(time)?,
        None => action
            .timestamp
            .as_str()
            .and_then(Timestamp::parse)
            .filter(|time| time.is_writable())
            .ok_or_else(|| missing("timestampUtcMs"))?,
    };
    let id = match text(id, "id")?.filter(|id| !id.is_empty()) {
        Some(id) => id,
        None if action.id.is_empty() => return Err(missing("id")),
        None => {
            let (document, branch) = (origin.document.as_str(), origin.branch.as_str());
            operation_id(document, raw.scope, branch, action.id.to_string_lossy().as_bytes()).into()
        }
    };
    let mut compact = Vec::with_capacity(action_text.len());
    write_compact(action_text, &mut compact);
    let not_empty = |text: Option<Box<str>>| text.filter(|text| !text.is_empty());
    Ok(ArchivedOperation {
        index,
        skip: u32::try_from(skip).ok().and_then(std::num::NonZeroU32::new),
        id,
        timestamp,
        hash: text(hash, "hash")?.unwrap_or_default(),
        error: not_empty(text(error, "error")?),
        denied: not_empty(text(denied, "deniedReason")?),
        action: compact.into(),
    })
}

impl Raw<'_> {
    /// What is wrong with a value of the operation, the one that `member` names.
    fn fault(&self, value: &[u8], member: &str, reason: String) -> ArchiveFault {
        let pointer = pointer(&self.scope.into(), Some(self.nth), member);
        let byte = value.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        ArchiveFault { entry: Entry::Operations, byte, pointer, reason }
    }

    fn text(&self, value: &[u8], member: &str) -> Checked<Box<str>> {
        let json = parse(value).unwrap_or_default();
        let text = json.as_text().and_then(Text::as_str).map(Into::into);
        text.ok_or_else(|| self.fault(value, member, "it is not Unicode text".to_owned()))
    }

    /// A whole number from 0 to `most`.
    fn number(&self, value: &[u8], member: &str, most: u64) -> Checked<u64> {
        let digits = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        digits
            .filter(|number| *number <= most)
            .ok_or_else(|| self.fault(value, member, format!("it is not a whole number from 0 to {most}")))
    }

    fn time(&self, value: &[u8]) -> Checked<Timestamp> {
        let time = match parse(value).unwrap_or_default() {
            Json::String(text) => text.as_str().and_then(Timestamp::parse),
            _ => {
                std::str::from_utf8(value).ok().and_then(|millis| millis.parse().ok()).and_then(Timestamp::from_millis)
            }
        };
        time.filter(|time| time.is_writable()).ok_or_else(|| {
            self.fault(value, "timestampUtcMs", "it is not a time like \"2025-01-31T12:00:00.000Z\"".to_owned())
        })
    }
}

/// Where a member of the `nth` operation of a scope is.
fn pointer(scope: &Text<'_>, nth: Option<usize>, member: &str) -> String {
    let mut place = Place::default();
    place.enter_member(scope);
    if let Some(nth) = nth {
        place.enter_item(nth);
    }
    if !member.is_empty() {
        place.enter_member(&member.into());
    }
    place.pointer().to_string()
}

/// What a value is, for messages.
fn article(value: &Json<'_>) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Array(_) | Json::Object(_) => format!("an {}", value.type_name()),
        _ => format!("a {}", value.type_name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"id":"d","documentType":"t","revision":{"global":9}}"#;

    fn read(header: &str, state: &str, operations: &str) -> Checked<Archive> {
        let [header, state, operations] = [header, state, operations].map(str::as_bytes);
        archive(Texts { header, state, operations })
    }

    fn fault(header: &str, state: &str, operations: &str) -> String {
        read(header, state, operations).unwrap_err().to_string()
    }

    #[test]
    fn what_is_absent_follows_from_the_rest() {
        let action = r#"{ "id" : "a", "type": "X", "timestampUtcMs": "2025-01-01T00:00:00Z", "input": [ 1.50 ] }"#;
        let operations = format!(
            r#"{{"global":[{{"index":0,"action":{action},"resultingState":"[","error":"","hash":null}},
                {{"index":3,"skip":2,"id":"o","timestampUtcMs":7,"hash":"h","error":"e","deniedReason":"r","action":{action}}}]}}"#
        );
        let archive = read(HEADER, "{}", &operations).unwrap();
        assert_eq!((archive.branch.as_str(), archive.header.len()), ("main", 3));
        let [first, second] = archive.operations_of(&Scope::global()) else { panic!("not two") };
        assert_eq!(first.timestamp.to_string(), "2025-01-01T00:00:00.000Z");
        assert_eq!(&*first.id, operation_id("d", "global", "main", b"a"));
        assert_eq!((&*first.hash, &first.error, first.skip), ("", &None, None));
        assert_eq!(&*first.action, br#"{"id":"a","type":"X","timestampUtcMs":"2025-01-01T00:00:00Z","input":[1.50]}"#);
        assert_eq!((second.index.get(), second.skip.unwrap().get(), &*second.id), (3, 2, "o"));
        assert_eq!((second.error.as_deref(), second.denied.as_deref()), (Some("e"), Some("r")));
        assert_eq!((&*second.hash, second.timestamp.as_millis()), ("h", 7));
    }

    #[test]
    fn scopes_come_as_javascript_enumerates_them() {
        let archive = read(HEADER, r#"{"b":1,"10":2,"a":3,"9":4,"b":5,"01":6}"#, r#"{"z":[],"2":[],"a":[]}"#).unwrap();
        let order: Vec<_> = archive.state.iter().map(|(scope, _)| scope.as_str()).collect();
        assert_eq!(order, ["9", "10", "b", "a", "01"]);
        assert_eq!(archive.state[2].1, Json::Number(5.0), "the last of equal names counts");
        let order: Vec<_> = archive.operations.iter().map(|(scope, _)| scope.as_str()).collect();
        assert_eq!(order, ["2", "z", "a"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(fault("[]", "{}", "{}"), "header.json, byte 0: it is an array, not an object");
        assert_eq!(fault("{}", "{}", "{}"), "header.json, byte 0: it has no \"id\"");
        assert_eq!(fault(r#"{"id":1}"#, "{}", "{}"), "header.json, byte 0: \"id\" is not Unicode text");
        assert_eq!(fault(HEADER, "{\"a\":}", "{}"), "state.json, byte 5: unexpected character in JSON text");
        assert_eq!(fault(HEADER, "7", "{}"), "state.json, byte 0: it is a number, not an object of scopes");
        assert_eq!(
            fault(HEADER, r#"{"\ud800":1}"#, "{}"),
            "state.json, byte 0: the name of a scope holds a lone surrogate"
        );
        assert_eq!(fault(HEADER, "{}", "{} {}"), "operations.json, byte 3: text after the JSON value");
        assert_eq!(
            fault(HEADER, "{}", r#"{"a/b":{}}"#),
            "operations.json, byte 7, /a~1b: it is an object, not an array of operations"
        );
        let operation = |members: &str| fault(HEADER, "{}", &format!(r#"{{"s":[{members}]}}"#));
        assert_eq!(operation("1"), "operations.json, byte 6, /s/0: it is not an operation");
        assert_eq!(operation("{}"), "operations.json, byte 6, /s/0: it has no \"index\"");
        assert_eq!(
            operation(r#"{"index":-1}"#),
            "operations.json, byte 15, /s/0/index: it is not a whole number from 0 to 9223372036854775807"
        );
        assert_eq!(operation(r#"{"index":0,"action":null}"#), "operations.json, byte 6, /s/0: it has no \"action\"");
        let action = r#""action":{"type":"X","id":"a","timestampUtcMs":"soon"}"#;
        assert_eq!(
            operation(&format!(r#"{{"index":0,{action}}}"#)),
            "operations.json, byte 6, /s/0: it has no \"timestampUtcMs\""
        );
        let error = operation(&format!(r#"{{"index":0,"timestampUtcMs":"x",{action}}}"#));
        assert!(error.ends_with("/s/0/timestampUtcMs: it is not a time like \"2025-01-31T12:00:00.000Z\""), "{error}");
        let error = operation(&format!(r#"{{"index":0,"timestampUtcMs":0,"hash":1,{action}}}"#));
        assert!(error.ends_with("/s/0/hash: it is not Unicode text"), "{error}");
        let error = operation(r#"{"index":0,"action":{"type":1}}"#);
        assert!(error.ends_with("/s/0/action: member \"type\" of the action is not a string"), "{error}");
    }

    #[test]
    fn an_action_may_be_nested_as_deeply_as_in_a_store_and_no_more() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            let action = format!(r#"{{"type":"X","id":"a","timestampUtcMs":"2025-01-01","input":{open}{close}}}"#);
            read(HEADER, "{}", &format!(r#"{{"s":[{{"index":0,"action":{action}}}]}}"#))
        };
        assert!(nested(crate::model::json::MAX_DEPTH - 1).is_ok());
        assert!(nested(crate::model::json::MAX_DEPTH).unwrap_err().reason.contains("deeper than"));
        assert!(nested(1_000_000).unwrap_err().reason.contains("deeper than"));
    }

    #[test]
    fn there_is_an_end_to_scopes_and_operations() {
        let scopes = |n: usize| {
            let members: Vec<String> = (0..n).map(|n| format!("\"s{n}\":[]")).collect();
            read(HEADER, "{}", &format!("{{{}}}", members.join(",")))
        };
        assert!(scopes(MAX_SCOPES).is_ok());
        assert_eq!(scopes(MAX_SCOPES + 1).unwrap_err().reason, "it has more than 1000 scopes");
        let many = format!(r#"{{"s":[{}0]}}"#, "0,".repeat(MAX_OPERATIONS));
        let fault = read(HEADER, "{}", &many).unwrap_err();
        assert_eq!((fault.reason.as_str(), fault.byte), ("there are more than 500000 operations", 1_000_006));
    }
}
