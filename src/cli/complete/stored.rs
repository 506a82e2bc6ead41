//! What a store has to offer for a place on the command line.
//!
//! Everything here is bounded: by rows, and where finding out takes a row of each document, by time. So a slug is
//! offered when its document is among the first of the store, and an id always.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap_complete::engine::CompletionCandidate;

use crate::model::ids::{Branch, DocumentId, Scope, Span, StreamKey};
use crate::model::operation::{Action, OperationRow};
use crate::model::target::{Target, escape};
use crate::reducer::Registry;
use crate::replay::slug;
use crate::store::{Access, Detail, Options, Order, Read, Store, Stores, StreamHead};

/// Documents that are listed by id.
const MOST_IDS: usize = 200;
/// Documents whose slugs are looked at, and how long that may take.
const MOST_SLUGS: usize = 1000;
const PATIENCE: Duration = Duration::from_millis(20);
/// Operations, and keyframes, that are listed: the newest.
const MOST_ROWS: usize = 50;

/// What is asked: the words before the current one, and the store they name.
pub(super) struct Asked {
    words: Vec<String>,
    store: Option<String>,
    started: Instant,
    asked: AtomicBool,
}

type Candidates = Vec<CompletionCandidate>;

/// A target as far as it was typed.
struct Typed<'a> {
    document: &'a str,
    scope: Option<&'a str>,
    branch: Option<&'a str>,
    position: Option<&'a str>,
}

impl<'a> Typed<'a> {
    fn of(text: &'a str) -> Self {
        let split = |text: &'a str, mark| text.split_once(mark).map_or((text, None), |(a, b)| (a, Some(b)));
        let (stream, position) = split(text, ':');
        let (path, branch) = split(stream, '@');
        let (document, scope) = split(path, '/');
        Typed { document, scope, branch, position }
    }
}

/// A part of a target without its escapes.
fn literally(part: &str) -> Option<String> {
    part.parse::<Target>().ok().map(|target| target.document.as_str().to_owned())
}

fn plain(value: impl Into<String>) -> CompletionCandidate {
    CompletionCandidate::new(value.into())
}

fn told(value: impl Into<String>, help: impl Into<String>) -> CompletionCandidate {
    plain(value).help(Some(help.into().into()))
}

impl Asked {
    /// Takes the words before the current one, the program's name first.
    pub(super) fn new(words: &[String]) -> Self {
        Asked {
            words: words.to_vec(),
            store: store_named(words),
            started: Instant::now(),
            asked: AtomicBool::new(false),
        }
    }

    /// Notes that a value was asked for.
    pub(super) fn note(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether a value was asked for.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The words behind the program's name.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(String::as_str)
    }

    /// Parts of `DOC[/SCOPE][@BRANCH][:REV]`.
    pub(super) fn targets(&self, text: &str) -> Candidates {
        let typed = Typed::of(text);
        let before = |part: &str| &text[..text.len() - part.len()];
        let found = self.read(|read| match typed {
            Typed { position: Some(part), .. } => {
                let stream = self.stream(read, &typed)?;
                Some(begun(positions(read, &stream, part), before(part), part))
            }
            Typed { branch: Some(part), .. } => {
                let document = self.find(read, typed.document)?;
                let streams = read.streams(&document).ok()?;
                Some(begun(branches(&streams, typed.scope), before(part), part))
            }
            Typed { scope: Some(part), .. } => {
                let document = self.find(read, typed.document)?;
                let scopes = begun(scopes(&read.streams(&document).ok()?), before(part), part);
                Some(with_next(scopes, ":", "a position in it"))
            }
            Typed { document, .. } => Some(with_next(self.listed(read, document), "/", "one of its scopes")),
        });
        found.unwrap_or_default()
    }

    /// Ids and slugs.
    pub(super) fn documents(&self, text: &str) -> Candidates {
        self.read(|read| Some(self.listed(read, text))).unwrap_or_default()
    }

    /// Scopes of the document that the line names, or of any.
    pub(super) fn scopes(&self, text: &str) -> Candidates {
        let found = self.read(|read| {
            let streams = match self.named(read) {
                Some(document) => read.streams(&document).ok()?,
                None => {
                    self.ids(read, "").iter().take(MOST_ROWS).filter_map(|id| read.streams(id).ok()).flatten().collect()
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
            Registry::built_in().models().map(|(id, ..)| id.document_type.to_string()).collect();
        let _ = self.read(|read| {
            let mut seen = 0;
            read.documents("", &mut |entry| {
                types.insert(entry.document_type.to_string());
                self.go_on(&mut seen, MOST_IDS)
            })
            .ok()
        });
        begun(types.into_iter().map(plain).collect(), "", text)
    }

    /// Types of actions: those of the newest operations of the stream that the line names.
    pub(super) fn action_types(&self, text: &str) -> Candidates {
        let found = self.read(|read| {
            let words: Vec<&str> = self.words().filter(|word| !word.starts_with('-')).collect();
            let stream = words.into_iter().rev().find_map(|word| self.stream(read, &Typed::of(word)))?;
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

    /// Documents whose id or slug begins with what was typed: slugs first, since people type those.
    fn listed(&self, read: &dyn Read, text: &str) -> Candidates {
        let mut found = Candidates::new();
        for (id, slug) in self.slugs(read) {
            let slug = escape(&slug);
            if slug.starts_with(text) && found.len() < MOST_IDS {
                found.push(told(slug, id.to_string()));
            }
        }
        // What is typed escaped may end within an escape.
        let (whole, seen) = (text.split('%').next().unwrap_or_default(), &mut 0);
        let _ = read.documents(whole, &mut |entry| {
            let id = escape(entry.id.as_str());
            if id.starts_with(text) {
                found.push(told(id, entry.document_type.to_string()));
            }
            self.go_on(seen, MOST_IDS)
        });
        found
    }

    /// The slugs that can be found in time.
    fn slugs(&self, read: &dyn Read) -> Vec<(DocumentId, String)> {
        let mut found = Vec::new();
        for id in self.ids(read, "") {
            if self.started.elapsed() >= PATIENCE {
                break;
            }
            if let Ok(Some(slug)) = slug(read, &id) {
                found.extend(slug.as_str().filter(|slug| !slug.is_empty()).map(|slug| (id, slug.to_owned())));
            }
        }
        found
    }

    /// The first documents of the store.
    fn ids(&self, read: &dyn Read, prefix: &str) -> Vec<DocumentId> {
        let (mut ids, mut seen) = (Vec::new(), 0);
        let _ = read.documents(prefix, &mut |entry| {
            ids.push(entry.id);
            self.go_on(&mut seen, MOST_SLUGS)
        });
        ids
    }

    fn go_on(&self, seen: &mut usize, most: usize) -> ControlFlow<()> {
        *seen += 1;
        if *seen >= most || self.started.elapsed() >= PATIENCE {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// The one document that is meant: by id, by a prefix that fits one, or by a slug that can be found in time.
    fn find(&self, read: &dyn Read, text: &str) -> Option<DocumentId> {
        let text = literally(text)?;
        let id = DocumentId::from(text.as_str());
        if read.streams(&id).is_ok_and(|streams| !streams.is_empty()) {
            return Some(id);
        }
        let mut ids = Vec::new();
        let enough = |ids: &[_]| if ids.len() > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        read.documents(&text, &mut |entry| {
            ids.push(entry.id);
            enough(&ids)
        })
        .ok()?;
        if ids.is_empty() {
            ids = self.slugs(read).into_iter().filter(|(_, slug)| *slug == text).map(|(id, _)| id).collect();
        }
        ids.pop().filter(|_| ids.is_empty())
    }

    /// The stream that a target names so far.
    fn stream(&self, read: &dyn Read, typed: &Typed<'_>) -> Option<StreamKey> {
        let document = self.find(read, typed.document)?;
        let scope = typed.scope.map_or(Some(Scope::global()), |scope| literally(scope).map(Scope::from))?;
        let branch = typed.branch.map_or(Some(Branch::main()), |branch| literally(branch).map(Branch::from))?;
        Some(StreamKey { document, scope, branch })
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
    let mut words = words.iter().skip(1);
    let mut named = None;
    while let Some(word) = words.next() {
        let value = word.strip_prefix("--store=").or_else(|| word.strip_prefix("-s").filter(|rest| !rest.is_empty()));
        match value {
            Some(value) => named = Some(value.strip_prefix('=').unwrap_or(value).to_owned()),
            None if word == "--store" || word == "-s" => named = words.next().cloned(),
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
    named.map(here).or_else(|| std::env::var_os("SNAPCTL_STORE")?.into_string().ok()).or_else(store_of_settings)
}

/// The store that the settings name: layers of settings are to be asked here.
fn store_of_settings() -> Option<String> {
    None
}

/// Those that begin with `typed`, behind what was typed before it.
fn begun(candidates: Candidates, before: &str, typed: &str) -> Candidates {
    let fits = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with(typed);
    candidates.into_iter().filter(fits).map(|candidate| candidate.add_prefix(before)).collect()
}

/// When only one fits, it may also go on: without that the shell would take it for finished.
fn with_next(mut candidates: Candidates, mark: &str, what: &str) -> Candidates {
    if let [only] = &candidates[..] {
        let longer = format!("{}{mark}", only.get_value().to_string_lossy());
        candidates.push(told(longer, what));
    }
    candidates
}

fn scopes(streams: &[StreamHead]) -> Candidates {
    let mut found: Vec<(&str, String)> = Vec::new();
    for stream in streams {
        if !found.iter().any(|(scope, _)| *scope == stream.scope.as_str()) {
            found.push((stream.scope.as_str(), format!("head {}", stream.head)));
        }
    }
    found.into_iter().map(|(scope, help)| told(escape(scope), help)).collect()
}

fn branches(streams: &[StreamHead], scope: Option<&str>) -> Candidates {
    let fitting = streams.iter().filter(|stream| scope.is_none_or(|scope| escape(stream.scope.as_str()) == scope));
    let names: BTreeSet<&str> = fitting.map(|stream| stream.branch.as_str()).collect();
    names.into_iter().map(|name| plain(escape(name))).collect()
}

/// What an operation does, as far as that can be read.
fn action_type(row: &OperationRow<'_>) -> String {
    let action = Action::parse(row.action).ok();
    action.and_then(|action| action.kind.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What may follow the colon: the words, and with a beginning that asks for them, operations and times.
fn positions(read: &dyn Read, stream: &StreamKey, typed: &str) -> Candidates {
    if typed.starts_with("op:") {
        return newest(read, stream, |row| told(format!("op:{}", escape(row.id)), action_type(row)));
    }
    if typed.starts_with('@') {
        return newest(read, stream, |row| told(format!("@{}", row.timestamp), action_type(row)));
    }
    let streams = read.streams(&stream.document).unwrap_or_default();
    let fits = |known: &&StreamHead| known.scope == stream.scope && known.branch == stream.branch;
    let Some(head) = streams.iter().find(fits).map(|known| known.head) else { return Candidates::new() };
    if typed.starts_with("head~") {
        return (1..=head.next().get().min(9)).map(|distance| plain(format!("head~{distance}"))).collect();
    }
    let mut found = vec![
        told("head", format!("the newest: {head}")),
        told("initial", "before operation 0"),
        told("head~", "operations before the newest"),
        told(head.to_string(), "the newest"),
    ];
    let mut labels = Vec::new();
    let _ = read.keyframes(&stream.document, Detail::Label, &mut |keyframe| {
        if keyframe.stream == *stream && keyframe.label >= 0 {
            labels.push(keyframe.label);
        }
        ControlFlow::Continue(())
    });
    let newest = labels.iter().rev().take(MOST_ROWS);
    found.extend(newest.map(|label| told(format!("keyframe:{label}"), "the stored document")));
    found.extend([told("op:", "an operation by its id"), told("@", "a time")]);
    found
}

/// The newest operations of a stream, newest first.
fn newest<T>(read: &dyn Read, stream: &StreamKey, mut take: impl FnMut(&OperationRow<'_>) -> T) -> Vec<T> {
    let mut found = Vec::new();
    let _ = read.operations(stream, Span::ALL, Order::Backward, &mut |row| {
        found.push(take(row));
        if found.len() >= MOST_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}
