//! Which backend opens a location.

/// A backend.
pub struct Backend;
/// Options.
pub struct Options;
/// The backends known.
pub struct Stores;
