//! The actions on other members than the nodes: name, icon, sharing, listeners, triggers.

use super::scope::ScopeState;
use crate::model::json::{Json, Object, Text};
use crate::reducer::coerce::read;
use crate::reducer::native::engine::{Failure, failure};

/// An action that needs no look at the nodes.
#[derive(Clone, Copy)]
pub(super) enum Setting {
    /// `SET_DRIVE_NAME`
    Name,
    /// `SET_DRIVE_ICON`
    Icon,
    /// `SET_SHARING_TYPE`
    SharingType,
    /// `SET_AVAILABLE_OFFLINE`
    AvailableOffline,
    /// `ADD_LISTENER`
    AddListener,
    /// `REMOVE_LISTENER`
    RemoveListener,
    /// `ADD_TRIGGER`
    AddTrigger,
    /// `REMOVE_TRIGGER`
    RemoveTrigger,
}

impl Setting {
    /// Applies the action; `input` is valid.
    ///
    /// # Errors
    /// The text that the operation records; the state is then as it was.
    pub(super) fn apply(self, input: &Json<'_>, state: Option<&mut ScopeState>) -> Result<(), Failure> {
        match self {
            Setting::Name => ScopeState::set(state, "name", copy_of(input, "name")),
            Setting::Icon => ScopeState::set(state, "icon", copy_of(input, "icon")),
            Setting::SharingType => ScopeState::set(state, "sharingType", copy_of(input, "type")),
            Setting::AvailableOffline => ScopeState::set(state, "availableOffline", copy_of(input, "availableOffline")),
            Setting::AddListener => ScopeState::edit_list(state, "listeners", "find", |listeners| {
                let listener = input.get("listener").unwrap_or(&Json::Null);
                add(listeners, "listenerId", b"A listener with Id: ", new_listener(listener))
            }),
            Setting::RemoveListener => ScopeState::edit_list(state, "listeners", "filter", |listeners| {
                remove(listeners, "listenerId", input.get("listenerId"))
            }),
            Setting::AddTrigger => ScopeState::edit_list(state, "triggers", "find", |triggers| {
                let trigger = input.get("trigger").unwrap_or(&Json::Null);
                add(triggers, "id", b"A trigger with Id: ", pick(trigger, ["id", "type", "data"]))
            }),
            Setting::RemoveTrigger => ScopeState::edit_list(state, "triggers", "filter", |triggers| {
                remove(triggers, "id", input.get("triggerId"))
            }),
        }
    }
}

/// Appends `item` unless its member `key` is taken.
fn add(items: &mut Vec<Json<'static>>, key: &str, who: &[u8], item: Object<'static>) -> Result<(), Failure> {
    let id = item.get(key);
    for other in &*items {
        if read(Some(other), key)? == id {
            let id = id.and_then(Json::as_text).map_or(&b""[..], Text::as_bytes);
            return Err(failure(&[who, id, b" already exists"]));
        }
    }
    items.push(item.into());
    Ok(())
}

/// Removes all items whose member `key` is `id`.
fn remove(items: &mut Vec<Json<'static>>, key: &str, id: Option<&Json<'_>>) -> Result<(), Failure> {
    for item in &*items {
        read(Some(item), key)?;
    }
    items.retain(|item| item.get(key) != id);
    Ok(())
}

fn new_listener(listener: &Json<'_>) -> Object<'static> {
    let mut new = pick(listener, ["listenerId", "label", "block", "system"]);
    let filter = listener.get("filter").unwrap_or(&Json::Null);
    new.insert("filter".into(), pick(filter, ["documentType", "documentId", "scope", "branch"]).into());
    let call = listener.get("callInfo").filter(|call| !call.is_null());
    new.insert("callInfo".into(), call.map(|call| pick(call, ["transmitterType", "name", "data"])).into());
    new
}

/// An object of the members `keys` of `from`, `null` where there is none.
fn pick<const N: usize>(from: &Json<'_>, keys: [&'static str; N]) -> Object<'static> {
    keys.iter().map(|key| (Text::from(*key), copy_of(from, key))).collect()
}

fn copy_of(from: &Json<'_>, key: &str) -> Json<'static> {
    from.get(key).map_or(Json::Null, Json::to_owned_json)
}
