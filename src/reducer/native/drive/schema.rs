//! What the inputs of the drive's actions must look like (reactor format §7, last paragraph: issue order).

use crate::reducer::validation::Schema;

const TEXT: Schema = Schema::Text;
const NULLISH_TEXT: Schema = Schema::NULLISH_TEXT;
const NULLISH_LIST: Schema = Schema::Nullish(&Schema::List(&Schema::Text));

/// `ADD_FILE`.
pub(super) const ADD_FILE: Schema =
    Schema::Object(&[("documentType", TEXT), ("id", TEXT), ("name", TEXT), ("parentFolder", NULLISH_TEXT)]);

/// `ADD_FOLDER`.
pub(super) const ADD_FOLDER: Schema = Schema::Object(&[("id", TEXT), ("name", TEXT), ("parentFolder", NULLISH_TEXT)]);

/// `DELETE_NODE`.
pub(super) const DELETE_NODE: Schema = Schema::Object(&[("id", TEXT)]);

/// `UPDATE_FILE`.
pub(super) const UPDATE_FILE: Schema = Schema::Object(&[
    ("documentType", NULLISH_TEXT),
    ("id", TEXT),
    ("name", NULLISH_TEXT),
    ("parentFolder", NULLISH_TEXT),
]);

/// `UPDATE_NODE`.
pub(super) const UPDATE_NODE: Schema =
    Schema::Object(&[("id", TEXT), ("name", NULLISH_TEXT), ("parentFolder", NULLISH_TEXT)]);

/// `COPY_NODE`.
pub(super) const COPY_NODE: Schema = Schema::Object(&[
    ("srcId", TEXT),
    ("targetId", TEXT),
    ("targetName", NULLISH_TEXT),
    ("targetParentFolder", NULLISH_TEXT),
]);

/// `MOVE_NODE`.
pub(super) const MOVE_NODE: Schema = Schema::Object(&[("srcFolder", TEXT), ("targetParentFolder", NULLISH_TEXT)]);

/// `SET_DRIVE_NAME`.
pub(super) const SET_DRIVE_NAME: Schema = Schema::Object(&[("name", TEXT)]);

/// `SET_DRIVE_ICON`; up to 6.2.2-dev.55 the icon was a required string.
pub(super) const SET_DRIVE_ICON: Schema = Schema::Object(&[("icon", NULLISH_TEXT)]);

/// `SET_SHARING_TYPE`.
pub(super) const SET_SHARING_TYPE: Schema = Schema::Object(&[("type", TEXT)]);

/// `SET_AVAILABLE_OFFLINE`.
pub(super) const SET_AVAILABLE_OFFLINE: Schema = Schema::Object(&[("availableOffline", Schema::Bool)]);

/// `ADD_LISTENER`.
pub(super) const ADD_LISTENER: Schema = Schema::Object(&[("listener", LISTENER)]);

/// `REMOVE_LISTENER`.
pub(super) const REMOVE_LISTENER: Schema = Schema::Object(&[("listenerId", TEXT)]);

/// `ADD_TRIGGER`.
pub(super) const ADD_TRIGGER: Schema = Schema::Object(&[("trigger", TRIGGER)]);

/// `REMOVE_TRIGGER`.
pub(super) const REMOVE_TRIGGER: Schema = Schema::Object(&[("triggerId", TEXT)]);

const LISTENER: Schema = Schema::Object(&[
    ("block", Schema::Bool),
    (
        "callInfo",
        Schema::Nullish(&Schema::Object(&[
            ("data", NULLISH_TEXT),
            ("name", NULLISH_TEXT),
            ("transmitterType", Schema::Nullish(&TRANSMITTER)),
        ])),
    ),
    (
        "filter",
        Schema::Object(&[
            ("branch", NULLISH_LIST),
            ("documentId", NULLISH_LIST),
            ("documentType", NULLISH_LIST),
            ("scope", NULLISH_LIST),
        ]),
    ),
    ("label", NULLISH_TEXT),
    ("listenerId", TEXT),
    ("system", Schema::Bool),
]);

const TRANSMITTER: Schema =
    Schema::OneOf(&["Internal", "MatrixConnect", "PullResponder", "RESTWebhook", "SecureConnect", "SwitchboardPush"]);

const TRIGGER: Schema = Schema::Object(&[
    ("data", Schema::Nullish(&Schema::Object(&[("interval", TEXT), ("listenerId", TEXT), ("url", TEXT)]))),
    ("id", TEXT),
    ("type", Schema::OneOf(&["PullResponder"])),
]);
