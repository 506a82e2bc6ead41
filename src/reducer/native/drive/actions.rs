//! From an action to its rule.

use super::rules::NodeAction;
use super::schema;
use super::scope::ScopeState;
use super::settings::Setting;
use crate::model::json::Json;
use crate::reducer::native::engine::Failure;
use crate::reducer::validation::{Schema, check};

/// What an action of the model works on.
#[derive(Clone, Copy)]
enum Rule {
    Nodes(NodeAction),
    Setting(Setting),
}

/// Applies an action of type `kind` to the state of its scope. An unknown type changes nothing.
///
/// # Errors
/// The text that the operation records.
pub(super) fn apply(kind: &[u8], input: &Json<'_>, state: Option<&mut ScopeState>) -> Result<(), Failure> {
    let Some((schema, rule)) = lookup(kind) else {
        return Ok(());
    };
    check(schema, input)?;
    match rule {
        Rule::Nodes(action) => ScopeState::apply(state, action, input),
        Rule::Setting(setting) => setting.apply(input, state),
    }
}

fn lookup(kind: &[u8]) -> Option<(&'static Schema, Rule)> {
    let nodes = |schema, action| Some((schema, Rule::Nodes(action)));
    let setting = |schema, setting| Some((schema, Rule::Setting(setting)));
    match kind {
        b"ADD_FILE" => nodes(&schema::ADD_FILE, NodeAction::AddFile),
        b"ADD_FOLDER" => nodes(&schema::ADD_FOLDER, NodeAction::AddFolder),
        b"DELETE_NODE" => nodes(&schema::DELETE_NODE, NodeAction::Delete),
        b"UPDATE_FILE" => nodes(&schema::UPDATE_FILE, NodeAction::UpdateFile),
        b"UPDATE_NODE" => nodes(&schema::UPDATE_NODE, NodeAction::UpdateNode),
        b"COPY_NODE" => nodes(&schema::COPY_NODE, NodeAction::Copy),
        b"MOVE_NODE" => nodes(&schema::MOVE_NODE, NodeAction::Move),
        b"SET_DRIVE_NAME" => setting(&schema::SET_DRIVE_NAME, Setting::Name),
        b"SET_DRIVE_ICON" => setting(&schema::SET_DRIVE_ICON, Setting::Icon),
        b"SET_SHARING_TYPE" => setting(&schema::SET_SHARING_TYPE, Setting::SharingType),
        b"SET_AVAILABLE_OFFLINE" => setting(&schema::SET_AVAILABLE_OFFLINE, Setting::AvailableOffline),
        b"ADD_LISTENER" => setting(&schema::ADD_LISTENER, Setting::AddListener),
        b"REMOVE_LISTENER" => setting(&schema::REMOVE_LISTENER, Setting::RemoveListener),
        b"ADD_TRIGGER" => setting(&schema::ADD_TRIGGER, Setting::AddTrigger),
        b"REMOVE_TRIGGER" => setting(&schema::REMOVE_TRIGGER, Setting::RemoveTrigger),
        _ => None,
    }
}
