//! What is asked: the place on the command line, and the store that the line names.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::stored::{
    self, Candidates, Typed, action_type, begun, branches, find, ids, listed, newest, plain, positions, scopes, stream,
    with_next,
};
use crate::cli::args::Global;
use crate::cli::settings;
use crate::model::ids::{Branch, DocumentId, Scope, StreamKey};
use crate::reducer::Registry;
use crate::settings::{STORE_URL, Settings};
use crate::store::{Access, Options, Read, Store, Stores};

/// What is asked: the words before the current one, and the store they name.
pub(super) struct Asked {
    words: Vec<String>,
    store: Option<String>,
    consulted: AtomicBool,
}

impl Asked {
    /// Takes the words before the current one, the program's name first.
    pub(super) fn new(words: &[String]) -> Self {
        Asked { words: words.to_vec(), store: store_named(words), consulted: AtomicBool::new(false) }
    }

    /// Notes that a value was asked for.
    pub(super) fn note(&self) {
        self.consulted.store(true, Ordering::Relaxed);
    }

    /// Whether a value was asked for.
    pub(super) fn was_asked(&self) -> bool {
        self.consulted.load(Ordering::Relaxed)
    }

    /// The words behind the program's name.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(String::as_str)
    }

    /// The settings that hold for the line, or else the defaults.
    pub(super) fn settings(&self) -> Settings {
        settings_for(&self.words).unwrap_or_else(|| settings::Gathered::default().settings)
    }

    /// Parts of `DOC[/SCOPE][@BRANCH][:REV]`.
    pub(super) fn targets(&self, text: &str) -> Candidates {
        let typed = Typed::of(text);
        let before = |part: &str| &text[..text.len() - part.len()];
        let found = self.read(|read| match typed {
            Typed { position: Some(part), .. } => {
                let stream = stream(read, &typed)?;
                Some(begun(positions(read, &stream, part), before(part), part))
            }
            Typed { branch: Some(part), .. } => {
                let document = find(read, typed.document)?;
                let streams = read.streams(&document).ok()?;
                Some(begun(branches(&streams, typed.scope), before(part), part))
            }
            Typed { scope: Some(part), .. } => {
                let document = find(read, typed.document)?;
                let scopes = begun(scopes(&read.streams(&document).ok()?), before(part), part);
                Some(with_next(scopes, ":", "a position in it"))
            }
            Typed { document, .. } => Some(with_next(listed(read, document), "/", "one of its scopes")),
        });
        found.unwrap_or_default()
    }

    /// Ids and slugs.
    pub(super) fn documents(&self, text: &str) -> Candidates {
        self.read(|read| Some(listed(read, text))).unwrap_or_default()
    }

    /// Scopes of the document that the line names, or of any.
    pub(super) fn scopes(&self, text: &str) -> Candidates {
        let found = self.read(|read| {
            let streams = match self.named(read) {
                Some(document) => read.streams(&document).ok()?,
                None => {
                    ids(read).iter().take(stored::MOST_ROWS).filter_map(|id| read.streams(id).ok()).flatten().collect()
                }
            };
            let names: BTreeSet<&str> = streams.iter().map(|stream| stream.scope.as_str()).collect();
            Some(begun(names.into_iter().map(plain).collect(), "", text))
        });
        found.unwrap_or_default()
    }

    /// Branches of the document that the line names.
    pub(super) fn branches(&self, text: &str) -> Candidates {
        let found = self.read(|read| {
            let streams = read.streams(&self.named(read)?).ok()?;
            let names: BTreeSet<&str> = streams.iter().map(|stream| stream.branch.as_str()).collect();
            Some(begun(names.into_iter().map(plain).collect(), "", text))
        });
        found.unwrap_or_default()
    }

    /// Positions in the stream that the line names.
    pub(super) fn positions(&self, text: &str) -> Candidates {
        let found = self.read(|read| {
            let option = |name: &str| self.option(name).map(str::to_owned);
            let scope = option("--scope").map_or(Scope::global(), Scope::from);
            let branch = option("--branch").map_or(Branch::main(), Branch::from);
            let stream = StreamKey { document: self.named(read)?, scope, branch };
            Some(begun(positions(read, &stream, text), "", text))
        });
        found.unwrap_or_default()
    }

    /// Types of documents: those in the store and those that have a model.
    pub(super) fn document_types(&self, text: &str) -> Candidates {
        let mut types: BTreeSet<String> =
            Registry::built_in().models().iter().map(|known| known.document_type.to_string()).collect();
        types.extend(self.read(|read| Some(stored::document_types(read))).unwrap_or_default());
        begun(types.into_iter().map(plain).collect(), "", text)
    }

    /// Types of actions: those of the newest operations of the stream that the line names.
    pub(super) fn action_types(&self, text: &str) -> Candidates {
        let found = self.read(|read| {
            let words: Vec<&str> = self.words().filter(|word| !word.starts_with('-')).collect();
            let stream = words.into_iter().rev().find_map(|word| stream(read, &Typed::of(word)))?;
            let types: BTreeSet<String> = newest(read, &stream, action_type).into_iter().collect();
            Some(begun(types.into_iter().map(plain).collect(), "", text))
        });
        found.unwrap_or_default()
    }

    /// Asks the store, if there is one to be had at once.
    fn read<T>(&self, ask: impl FnOnce(&dyn Read) -> Option<T>) -> Option<T> {
        let store: Arc<dyn Store> = Stores::built_in()
            .open(self.store.as_deref()?, &Options { access: Access::Read, busy_timeout_ms: None })
            .ok()?;
        let read = store.read().ok()?;
        ask(&*read)
    }

    /// The document that a word before the current one names by its id, as beside `--scope`.
    fn named(&self, read: &dyn Read) -> Option<DocumentId> {
        let ids = self.words().filter(|word| !word.starts_with('-')).map(DocumentId::from);
        ids.filter(|id| read.streams(id).is_ok_and(|streams| !streams.is_empty())).last()
    }

    /// The value that an option has on the line.
    fn option(&self, name: &str) -> Option<&str> {
        self.words.iter().skip_while(|word| *word != name).nth(1).map(String::as_str)
    }
}

/// The store that the line names, or else the environment.
fn store_named(words: &[String]) -> Option<String> {
    let mut rest = words.iter().skip(1);
    let mut named = None;
    while let Some(word) = rest.next() {
        let value = word.strip_prefix("--store=").or_else(|| word.strip_prefix("-s").filter(|rest| !rest.is_empty()));
        match value {
            Some(value) => named = Some(value.strip_prefix('=').unwrap_or(value).to_owned()),
            None if word == "--store" || word == "-s" => named = rest.next().cloned(),
            None => {}
        }
    }
    let here = |path: String| match path.strip_prefix("~/") {
        // A shell that hands over words as typed has not expanded it.
        Some(rest) => {
            std::env::var_os("HOME").map_or(path.clone(), |home| format!("{}/{rest}", home.to_string_lossy()))
        }
        None => path,
    };
    named.map(here).or_else(|| store_of_settings(words))
}

/// The store that the environment names, or else the settings files.
fn store_of_settings(words: &[String]) -> Option<String> {
    settings_for(words)?.get(&STORE_URL).map(|location| location.0)
}

/// The settings that hold for the line, unless something is wrong with them.
fn settings_for(words: &[String]) -> Option<Settings> {
    let value = |name: &str| words.iter().skip_while(|word| *word != name).nth(1).cloned();
    let global = Global::reading(value("--config").map(PathBuf::from), value("--profile"));
    settings::gather(&global).ok().map(|gathered| gathered.settings)
}
