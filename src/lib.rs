//! snapctl as a library (the map; being built).

pub mod model;
pub mod reducer;
pub mod replay;
pub mod settings;
pub mod store;
