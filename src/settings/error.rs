//! Why there are no settings.

use super::origin::{Origin, Position};
use crate::reducer::RegistryError;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("cannot read settings file {path}")]
    Unreadable {
        /// The file, and who named it.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{path}:{at}: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// Where.
        at: Position,
        /// What the parser says.
        reason: String,
    },
    /// A file has a key that means nothing.
    #[error("{path}:{at}: unknown key {key}")]
    UnknownKey {
        /// The file.
        path: String,
        /// Where.
        at: Position,
        /// The whole key, from the top of the file.
        key: String,
        /// The known key that may be meant, whole.
        meant: Option<String>,
    },
    /// A value is not what it has to be.
    #[error("{origin}: {key}: {reason}")]
    BadValue {
        /// Who says so.
        origin: Origin,
        /// The whole key, from the top of a file.
        key: String,
        /// What it has to be.
        reason: String,
    },
    /// No file has the profile that was asked for.
    #[error("{origin}: there is no profile \"{name}\"")]
    NoProfile {
        /// Who asks.
        origin: Origin,
        /// What for.
        name: String,
        /// Those there are, in ascending order.
        known: Vec<String>,
    },
    /// A model cannot be made known.
    #[error("{origin}: {key}")]
    Model {
        /// Who names it.
        origin: Origin,
        /// The whole key that names it.
        key: String,
        /// Why not.
        #[source]
        source: RegistryError,
    },
}
