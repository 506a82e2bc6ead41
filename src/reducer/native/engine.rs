//! What the JavaScript engine says when a reducer sets a member of a value that has none (V8's texts), and how an
//! action's error text is put together. Reads and conversions are in `reducer::coerce`.

use crate::model::json::{Json, Text};
use crate::reducer::coerce::{Checked, to_text};

/// The text that a failed action records.
pub(super) type Failure = Text<'static>;

/// Joins parts to one text. Lone surrogates must not meet where two parts do; next to ASCII they cannot.
pub(super) fn failure(parts: &[&[u8]]) -> Failure {
    Text::Shared(parts.concat().into())
}

/// `on[member] = value` for a member that is no index; `None` is `undefined`.
///
/// # Errors
/// The `TypeError` for anything but an object.
pub(super) fn set_member(on: Option<&mut Json<'static>>, member: &'static str, value: Json<'static>) -> Checked<()> {
    match on {
        Some(Json::Object(object)) => {
            object.insert(member.into(), value);
            Ok(())
        }
        None => Err(cannot_set("undefined", member)),
        Some(Json::Null) => Err(cannot_set("null", member)),
        // The drafts that reducers work on refuse that.
        Some(Json::Array(_)) => Err("Only supports setting array indices and the 'length' property.".into()),
        Some(primitive) => Err(cannot_create(member, primitive)),
    }
}

/// A recursion did not end.
pub(super) fn stack_exceeded() -> Failure {
    Text::from("Maximum call stack size exceeded")
}

/// A property was set on `undefined` or `null`.
fn cannot_set(of: &str, property: &str) -> Failure {
    format!("Cannot set properties of {of} (setting '{property}')").into()
}

/// A property was set on a string, number or boolean.
fn cannot_create(property: &str, on: &Json<'_>) -> Failure {
    let (kind, value) = (on.type_name().as_bytes(), to_text(Some(on)).unwrap_or_else(|text| text));
    failure(&[b"Cannot create property '", property.as_bytes(), b"' on ", kind, b" '", value.as_bytes(), b"'"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_have_members_to_set() {
        let set = |mut on: Json<'static>| set_member(Some(&mut on), "name", Json::Null).map(|()| on);
        assert_eq!(set(5.0.into()), Err("Cannot create property 'name' on number '5'".into()));
        assert_eq!(set("s".into()), Err("Cannot create property 'name' on string 's'".into()));
        assert_eq!(set(Json::Null), Err("Cannot set properties of null (setting 'name')".into()));
        assert!(set(Json::Array(Vec::new())).is_err());
        assert!(set(crate::object! {}.into()).is_ok_and(|on| on.get("name") == Some(&Json::Null)));
        assert_eq!(set_member(None, "a", Json::Null), Err("Cannot set properties of undefined (setting 'a')".into()));
    }
}
