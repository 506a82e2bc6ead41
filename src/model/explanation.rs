//! What a finding is about, for whoever owns the store.

/// What a code of a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In a few words.
    pub title: &'static str,
    /// What was compared with what, and what follows.
    pub means: &'static str,
    /// How such data comes to be.
    pub happens: &'static str,
    /// What to do; commands are in backquotes.
    pub todo: &'static str,
}
