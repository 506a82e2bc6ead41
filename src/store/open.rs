//! Which backend opens a location.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use super::memory::MemoryStore;
use super::{BusyTimeoutMs, Capabilities, Store, StoreError, archive, sqlite};
use crate::model::similar::nearest;

/// How a store is opened. A location can say some of it: `sqlite:PATH?busy-timeout-ms=100`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the store is opened for.
    pub access: Access,
    /// How long to wait for another program.
    pub busy_timeout_ms: BusyTimeoutMs,
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For reading: nothing is created or changed, and [`Store::write`] fails as `ReadOnly`.
    Read,
    /// For reading and writing.
    Change,
}

impl Default for Options {
    /// For reading, waiting up to 5 s.
    fn default() -> Self {
        Options { access: Access::Read, busy_timeout_ms: NonZeroU64::new(5_000) }
    }
}

impl Options {
    /// Applies one `name=value` of a location.
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            BUSY_TIMEOUT => {
                let millis: u64 =
                    value.parse().map_err(|_| format!("option {name} is a number of milliseconds, not \"{value}\""))?;
                self.busy_timeout_ms = NonZeroU64::new(millis);
                Ok(())
            }
            _ => Err(format!("there is no option {name}")),
        }
    }
}

/// Option of every backend that can be locked.
pub const BUSY_TIMEOUT: &str = "busy-timeout-ms";

/// What stands after a scheme: the place, without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    /// The whole text, fit for messages: without options and passwords.
    pub shown: &'a str,
    /// What follows `SCHEME:`, as typed, with the password if there is one. Never show it.
    pub place: &'a str,
}

/// A kind of store.
pub struct Backend {
    /// What its locations start with, without the colon.
    pub scheme: &'static str,
    /// The form of its locations, for help: `sqlite:PATH`.
    pub form: &'static str,
    /// What its stores can do.
    pub capabilities: Capabilities,
    /// The options its locations may carry.
    pub options: &'static [&'static str],
    /// Opens a store.
    pub open: Box<Open>,
    /// Makes a new, empty store and opens it to be changed; `None` if stores of this kind are made elsewhere. Something
    /// that is there already is `Exists`, and untouched. When several processes make one store at once, one does it, and
    /// what is `Exists` for the others can be opened.
    pub create: Option<Box<Open>>,
}

/// Opens or makes what a location names.
pub type Open = dyn Fn(Location<'_>, &Options) -> Result<Arc<dyn Store>, StoreError> + Send + Sync;

/// The backends known, by scheme.
#[derive(Default)]
pub struct Stores {
    backends: Vec<Backend>,
}

impl Stores {
    /// Those of this program: `sqlite` (also for a bare path), `phd` (also for a path with the ending of an archive) and
    /// `memory`.
    #[must_use]
    pub fn built_in() -> Self {
        let mut stores = Stores::default();
        stores.register(Backend {
            scheme: SQLITE,
            form: "sqlite:PATH, or a path alone",
            capabilities: sqlite::CAPABILITIES,
            options: &[BUSY_TIMEOUT],
            open: Box::new(|location, options| {
                let path = path_of(location, SQLITE)?;
                Ok(Arc::new(sqlite::open_as(without_password(path), Path::new(path), options)?))
            }),
            create: Some(Box::new(|location, options| {
                let path = path_of(location, SQLITE)?;
                Ok(Arc::new(sqlite::create_as(without_password(path), Path::new(path), options)?))
            })),
        });
        stores.register(Backend {
            scheme: ARCHIVE,
            form: "phd:PATH, or a path alone that ends in .phd, .phdm, .phdd or .zip",
            capabilities: archive::CAPABILITIES,
            options: &[],
            open: Box::new(|location, options| {
                let path = path_of(location, ARCHIVE)?;
                Ok(Arc::new(archive::open_as(without_password(path), Path::new(path), options)?))
            }),
            create: Some(Box::new(|location, _| {
                Err(bad(location.shown, "an archive is no store to fill; `export DOC --to FILE` writes one"))
            })),
        });
        stores.register(Backend {
            scheme: "memory",
            form: "memory:",
            capabilities: super::memory::CAPABILITIES,
            options: &[BUSY_TIMEOUT],
            open: Box::new(memory_store),
            create: Some(Box::new(memory_store)),
        });
        stores
    }

    /// Adds a backend. It takes the place of one with the same scheme.
    pub fn register(&mut self, backend: Backend) {
        self.backends.retain(|known| known.scheme != backend.scheme);
        self.backends.push(backend);
        self.backends.sort_by_key(|backend| backend.scheme);
    }

    /// The backends, by scheme in ascending order.
    pub fn backends(&self) -> impl Iterator<Item = &Backend> {
        self.backends.iter()
    }

    /// Opens the store that `text` names: `SCHEME:PLACE`, with options after a question mark, or a path.
    /// An existing file is always meant, however it is called.
    ///
    /// # Errors
    /// `BadLocation` for an unknown scheme or option, naming the nearest one; what the backend says.
    pub fn open(&self, text: &str, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        let named = self.find(text, options)?;
        (named.backend.open)(Location { shown: &named.shown, place: named.place }, &named.options)
    }

    /// Makes the store that `text` names as [`Stores::open`] understands it, and opens it to be changed.
    ///
    /// # Errors
    /// `Exists` if anything is there; `BadLocation` as [`Stores::open`], and for a backend whose stores are not made
    /// here; what the backend says.
    pub fn create(&self, text: &str, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        let named = self.find(text, &Options { access: Access::Change, ..options.clone() })?;
        let Some(create) = &named.backend.create else {
            return Err(bad(&named.shown, &format!("stores of the kind {} are not made here", named.backend.scheme)));
        };
        create(Location { shown: &named.shown, place: named.place }, &named.options)
    }

    /// Which backend `text` names, where, and with which options.
    fn find<'t>(&self, text: &'t str, options: &Options) -> Result<Named<'_, 't>, StoreError> {
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if has_scheme(text) => (scheme, rest),
            _ if archive::has_archive_name(Path::new(text)) => (ARCHIVE, text),
            _ => (SQLITE, text),
        };
        let Some(backend) = self.backends.iter().find(|backend| backend.scheme.eq_ignore_ascii_case(scheme)) else {
            let schemes: Vec<&str> = self.backends.iter().map(|backend| backend.scheme).collect();
            let reason = match nearest(&scheme.to_ascii_lowercase(), &schemes) {
                Some(near) => format!("unknown scheme {scheme}; did you mean {near}:?"),
                None => format!("unknown scheme {scheme}"),
            };
            return Err(bad(&without_password(text), &reason));
        };
        let mut options = options.clone();
        // A path alone has no options, and a file may have a question mark in its name.
        let is_path = rest.len() == text.len() || Path::new(rest).exists();
        let (place, query) = if is_path { (rest, None) } else { split_query(rest) };
        let shown = without_password(&text[..text.len() - rest.len() + place.len()]);
        for option in query.into_iter().flat_map(|query| query.split('&')).filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if !backend.options.contains(&name) {
                let reason = match nearest(name, backend.options) {
                    Some(near) => format!("{scheme} has no option {name}; did you mean {near}?"),
                    None => format!("{scheme} has no option {name}"),
                };
                return Err(bad(&shown, &reason));
            }
            options.set(name, value).map_err(|reason| bad(&shown, &reason))?;
        }
        Ok(Named { backend, shown, place, options })
    }
}

/// What a text names.
struct Named<'b, 't> {
    backend: &'b Backend,
    /// Fit for messages.
    shown: String,
    place: &'t str,
    options: Options,
}

/// Whether a text has the form `SCHEME:PLACE`, whatever the scheme, and is not the name of a file that exists.
#[must_use]
pub fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) && !Path::new(text).exists()
}

fn path_of<'l>(location: Location<'l>, scheme: &str) -> Result<&'l str, StoreError> {
    file_path(location.place).ok_or_else(|| bad(location.shown, &format!("a file has no host; write {scheme}:PATH")))
}

fn memory_store(location: Location<'_>, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
    match location.place {
        "" => Ok(Arc::new(MemoryStore::new(options))),
        _ => Err(bad(location.shown, "a store in memory has no name; write memory:")),
    }
}

const SQLITE: &str = "sqlite";
const ARCHIVE: &str = "phd";

/// The path of the file that a location names, which may begin with the scheme of a file.
#[must_use]
pub fn location_path(location: &str) -> &Path {
    let schemes = [SQLITE, ARCHIVE];
    let path = schemes.into_iter().find_map(|scheme| location.strip_prefix(scheme)?.strip_prefix(':'));
    Path::new(path.unwrap_or(location))
}

fn bad(text: &str, reason: &str) -> StoreError {
    StoreError::BadLocation { text: text.into(), reason: reason.into() }
}

/// Two letters at least: a single one is a drive.
fn is_scheme(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
}

fn split_query(rest: &str) -> (&str, Option<&str>) {
    rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)))
}

/// A path, also one written as in a `file:` URL: `///path`. `None` for `//host`.
fn file_path(place: &str) -> Option<&str> {
    match place.strip_prefix("//") {
        Some(path) if path.starts_with('/') => Some(path),
        Some(_) if !Path::new(place).exists() => None,
        _ => Some(place),
    }
}

/// What a text that names a store means beside a folder other than the working directory: a relative path becomes one
/// that begins with `folder`, everything else stays as it is.
#[must_use]
pub fn relative_to(text: &str, folder: &Path) -> String {
    let (scheme, path) = match text.split_once(':') {
        Some((scheme, path)) if is_scheme(scheme) => (scheme, path),
        _ => ("", text),
    };
    let is_path = [SQLITE, ARCHIVE, ""].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !is_path || path.is_empty() || path.starts_with("//") || folder.as_os_str().is_empty() {
        return text.to_owned();
    }
    // An absolute path takes the place of the folder.
    let mut path = folder.join(path).to_string_lossy().into_owned();
    if path.contains(':') && Path::new(&path).is_relative() {
        // The name of a folder is no scheme.
        path.insert_str(0, "./");
    }
    if scheme.is_empty() { path } else { format!("{scheme}:{path}") }
}

/// The text without what stands between `USER:` and `@`, and without options, which may hold secrets too. An
/// existing file has its own name.
#[must_use]
pub fn without_password(text: &str) -> String {
    if Path::new(text).exists() {
        return text.into();
    }
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let start = if is_scheme(scheme) { scheme.len() + 1 } else { text.find("//").unwrap_or(0) };
    let slashes = text[start..].len() - text[start..].trim_start_matches('/').len();
    let (before, rest) = text.split_at(start + slashes);
    match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{before}{name}@{}", split_query(host).0)
        }
        _ if start > 0 => format!("{before}{}", split_query(rest).0),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Stores::built_in().open(text, &Options::default()).err().expect("refused").to_string()
    }

    #[test]
    fn a_misspelt_scheme_or_option_names_the_nearest() {
        assert_eq!(refusal("sqlit:a.db"), "cannot open \"sqlit:a.db\": unknown scheme sqlit; did you mean sqlite:?");
        assert_eq!(refusal("gopher:a"), "cannot open \"gopher:a\": unknown scheme gopher");
        assert_eq!(
            refusal("sqlite:a.db?busy-timeout=1"),
            "cannot open \"sqlite:a.db\": sqlite has no option busy-timeout; did you mean busy-timeout-ms?"
        );
        assert_eq!(
            refusal("memory:?busy-timeout-ms=soon"),
            "cannot open \"memory:\": option busy-timeout-ms is a number of milliseconds, not \"soon\""
        );
        assert_eq!(refusal("memory:x"), "cannot open \"memory:x\": a store in memory has no name; write memory:");
    }

    #[test]
    fn a_password_is_never_repeated() {
        for text in [
            "postgras://me:geheim@host/db",
            "postgras://me:ge@heim@host/db",
            "postgras://me:ge/heim@host/db?x=1",
            "postgras://me:ge?heim@host/db",
            "postgras://host/db?password=geheim",
            "sqlite://me:geheim@host/db",
            "sqlite://me:geheim@host/db?busy=1",
            "//me:geheim@host/db",
            "postgres//me:geheim@host/db",
            "postgres:/me:geheim@host/db",
        ] {
            let message = refusal(text);
            assert!(!message.contains("heim"), "{message}");
        }
    }

    #[test]
    fn a_relative_path_is_beside_its_folder() {
        for (text, whole) in [
            ("ops.db", "a/b/ops.db"),
            ("../ops.db", "a/b/../ops.db"),
            ("sqlite:ops.db?busy-timeout-ms=1", "sqlite:a/b/ops.db?busy-timeout-ms=1"),
            ("/ops.db", "/ops.db"),
            ("sqlite:/ops.db", "sqlite:/ops.db"),
            ("sqlite:///ops.db", "sqlite:///ops.db"),
            ("memory:", "memory:"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("", ""),
        ] {
            assert_eq!(relative_to(text, Path::new("a/b")), whole, "{text}");
        }
        assert_eq!(relative_to("ops.db", Path::new("")), "ops.db");
        assert_eq!(relative_to("ops.db", Path::new("old:b")), "./old:b/ops.db");
        assert_eq!(relative_to("./old:ops.db", Path::new("/a")), "/a/./old:ops.db");
    }

    #[test]
    fn a_path_is_a_path() {
        assert_eq!(refusal("C:\\none.db"), "C:\\none.db: no such store");
        assert_eq!(refusal("./sqlit:none.db"), "./sqlit:none.db: no such store");
        assert_eq!(refusal("sqlite:///none/a.db?busy-timeout-ms=1"), "/none/a.db: no such store");
        assert_eq!(
            refusal("sqlite://host/a.db"),
            "cannot open \"sqlite://host/a.db\": a file has no host; write sqlite:PATH"
        );
        assert_eq!(refusal("none?a=b"), "none?a=b: no such store");
    }

    #[test]
    fn a_registered_backend_is_asked() {
        let mut stores = Stores::built_in();
        stores.register(Backend {
            scheme: "echo",
            form: "echo:TEXT",
            capabilities: Capabilities::default(),
            options: &[],
            open: Box::new(|location, _| Err(bad(location.shown, &format!("asked for {}", location.place)))),
            create: None,
        });
        let error = stores.open("echo://u:p@h/x", &Options::default()).err().expect("refused");
        assert_eq!(error.to_string(), "cannot open \"echo://u@h/x\": asked for //u:p@h/x");
        let error = stores.create("echo:x", &Options::default()).err().expect("refused");
        assert_eq!(error.to_string(), "cannot open \"echo:x\": stores of the kind echo are not made here");
        assert!(stores.backends().map(|backend| backend.scheme).eq(["echo", "memory", "phd", "sqlite"]));
    }
}
