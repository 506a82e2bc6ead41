//! Stamps: what tells whether a store has moved.

/// A store's answer to "has anything moved?": when two stamps of one store are equal, nothing did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(pub String);
