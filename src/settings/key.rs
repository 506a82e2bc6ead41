//! The settings there are. This table is the one place to add a setting: files, variables, flags, suggestions, `config`,
//! the help of the flags and the schema follow it.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use super::cache::{DiskWhen, WriteStrategy};
use super::value::{Age, ColorWhen, Folder, Kind, Location, ProgressWhen, Setting};
use crate::model::size::ByteSize;
use crate::reducer::generic::GenericKind;
use crate::reducer::{AliasStep, ModelId};
use crate::replay::Trust;

/// Where a store is.
pub static STORE_URL: Key<Option<Location>> = Key {
    name: "store.url",
    default: None,
    variable: "SNAPCTL_STORE",
    flag: Some("--store"),
    about: "The store: a path, or a URL such as sqlite:PATH",
};

/// How long to wait for another program.
pub static BUSY_TIMEOUT: Key<Duration> = Key {
    name: "store.busy-timeout",
    default: Duration::from_secs(5),
    variable: "SNAPCTL_BUSY_TIMEOUT",
    flag: Some("--busy-timeout"),
    about: "How long to wait for a store that another program has locked",
};

/// Which keyframes may serve as a base.
pub static TRUST: Key<Trust> = Key {
    name: "keyframes.trust",
    default: Trust::Verified,
    variable: "SNAPCTL_TRUST",
    flag: Some("--trust"),
    about: "Which keyframes a rebuild may start from",
};

/// How often appending writes a keyframe.
pub static KEYFRAMES_EVERY: Key<u64> = Key {
    name: "keyframes.every",
    default: 10,
    variable: "SNAPCTL_KEYFRAMES_EVERY",
    flag: None,
    about: "append writes a keyframe at every so many revisions of a scope; 0 for none",
};

/// How much keyframes may take.
pub static KEYFRAMES_GROWTH: Key<NonZeroU64> = Key {
    name: "keyframes.bytes-per-log-byte",
    default: NonZeroU64::MIN,
    variable: "SNAPCTL_KEYFRAMES_BYTES_PER_LOG_BYTE",
    flag: None,
    about: "But only while keyframes take at most so many bytes for each byte that the log grows",
};

/// When appending writes keyframes.
pub static KEYFRAMES_WRITE: Key<WriteStrategy> = Key {
    name: "keyframes.write",
    default: WriteStrategy::Behind,
    variable: "SNAPCTL_KEYFRAMES_WRITE",
    flag: None,
    about: "When append writes keyframes",
};

/// Whether the disk tier is used.
pub static CACHE_DISK: Key<DiskWhen> = Key {
    name: "cache.disk",
    default: DiskWhen::Auto,
    variable: "SNAPCTL_CACHE_DISK",
    flag: None,
    about: "When rebuilt states are kept in the cache file",
};

/// Where the file of the disk tier is.
pub static CACHE_DIR: Key<Option<Folder>> = Key {
    name: "cache.dir",
    default: None,
    variable: "SNAPCTL_CACHE_DIR",
    flag: None,
    about: "The folder of the cache file (snapctl in the user's cache directory unless set)",
};

/// The budget of the disk tier.
pub static CACHE_DISK_BYTES: Key<ByteSize> = Key {
    name: "cache.disk-bytes",
    default: ByteSize(512 << 20),
    variable: "SNAPCTL_CACHE_DISK_BYTES",
    flag: None,
    about: "How much the cache file keeps, of all stores together",
};

/// The most entries of the disk tier.
pub static CACHE_DISK_ENTRIES: Key<NonZeroU64> = Key {
    name: "cache.disk-entries",
    default: NonZeroU64::new(100_000).expect("it is not 0"),
    variable: "SNAPCTL_CACHE_DISK_ENTRIES",
    flag: None,
    about: "How many states the cache file keeps, of all stores together",
};

/// For how long the disk tier answers for heads.
pub static CACHE_TTL: Key<Option<Age>> = Key {
    name: "cache.ttl",
    default: None,
    variable: "SNAPCTL_CACHE_TTL",
    flag: None,
    about: "For how long the cache file answers for the head of a stream (as long as the store has not moved unless set)",
};

/// When appending writes to the disk tier.
pub static CACHE_WRITE: Key<WriteStrategy> = Key {
    name: "cache.write",
    default: WriteStrategy::Behind,
    variable: "SNAPCTL_CACHE_WRITE",
    flag: None,
    about: "When states go into the cache file",
};

/// The budget of the memory tier.
pub static CACHE_MEMORY_BYTES: Key<ByteSize> = Key {
    name: "cache.memory-bytes",
    default: ByteSize(50 << 20),
    variable: "SNAPCTL_CACHE_MEMORY_BYTES",
    flag: None,
    about: "How much memory a command that reads many states keeps them in; 0B for none",
};

/// The most streams of the memory tier.
pub static CACHE_MEMORY_STREAMS: Key<NonZeroU64> = Key {
    name: "cache.memory-streams",
    default: NonZeroU64::new(10_000).expect("it is not 0"),
    variable: "SNAPCTL_CACHE_MEMORY_STREAMS",
    flag: None,
    about: "Of how many streams states are kept in memory",
};

/// The states of one stream in the memory tier.
pub static CACHE_MEMORY_RING: Key<NonZeroU64> = Key {
    name: "cache.memory-ring",
    default: NonZeroU64::new(10).expect("it is not 0"),
    variable: "SNAPCTL_CACHE_MEMORY_RING",
    flag: None,
    about: "How many states of each stream are kept in memory",
};

/// When a command gives up.
pub static TIMEOUT: Key<Option<Duration>> = Key {
    name: "limits.timeout",
    default: None,
    variable: "SNAPCTL_TIMEOUT",
    flag: Some("--timeout"),
    about: "Stop after this long with exit code 5, for example 500ms, 10s, 2m",
};

/// How talk looks.
pub static COLOR: Key<ColorWhen> = Key {
    name: "output.color",
    default: ColorWhen::Auto,
    variable: "SNAPCTL_COLOR",
    flag: Some("--color"),
    about: "When to colour what is said on stderr",
};

/// How progress looks.
pub static PROGRESS: Key<ProgressWhen> = Key {
    name: "output.progress",
    default: ProgressWhen::Auto,
    variable: "SNAPCTL_PROGRESS",
    flag: Some("--progress"),
    about: "How to show progress on stderr; auto is a bar when stderr is a terminal",
};

/// All of them, in the order in which they are shown.
pub static KEYS: [&dyn AnyKey; 18] = [
    &STORE_URL,
    &BUSY_TIMEOUT,
    &TRUST,
    &KEYFRAMES_EVERY,
    &KEYFRAMES_GROWTH,
    &KEYFRAMES_WRITE,
    &CACHE_DISK,
    &CACHE_DIR,
    &CACHE_DISK_BYTES,
    &CACHE_DISK_ENTRIES,
    &CACHE_TTL,
    &CACHE_WRITE,
    &CACHE_MEMORY_BYTES,
    &CACHE_MEMORY_STREAMS,
    &CACHE_MEMORY_RING,
    &TIMEOUT,
    &COLOR,
    &PROGRESS,
];

/// What `[models."TYPE@VERSION"]` may say.
pub(super) static OF_VERSION: [Member; 2] = [
    Member::new::<ModelId>("same-as", "The model that serves this version, as TYPE@VERSION"),
    Member::new::<AliasStep>("upgrade", "How a state reaches this version (none unless set)"),
];

/// What `[models."TYPE"]` may say.
pub(super) static OF_TYPE: [Member; 1] =
    [Member::new::<GenericKind>("kind", "How actions change documents of this type, which hold any JSON")];

/// Variables that say which settings hold, and are none themselves.
pub const CONFIG_VARIABLE: &str = "SNAPCTL_CONFIG";
/// See [`CONFIG_VARIABLE`].
pub const PROFILE_VARIABLE: &str = "SNAPCTL_PROFILE";

/// A setting.
#[derive(Debug)]
pub struct Key<T> {
    name: &'static str,
    pub(super) default: T,
    variable: &'static str,
    flag: Option<&'static str>,
    about: &'static str,
}

/// A setting of any type.
pub trait AnyKey: Sync + fmt::Debug {
    /// `SECTION.NAME`, as in a file.
    fn name(&self) -> &'static str;
    /// The environment variable that sets it.
    fn variable(&self) -> &'static str;
    /// The flag of every command that sets it, if there is one.
    fn flag(&self) -> Option<&'static str>;
    /// What it does, in a line.
    fn about(&self) -> &'static str;
    /// What its values look like.
    fn kind(&self) -> Kind;
    /// Its value where nothing is said; `None` for nothing.
    fn default_text(&self) -> Option<String>;
    /// Whether it may be set to nothing, with an empty text.
    fn optional(&self) -> bool {
        self.check("").is_ok()
    }
    /// Whether a text is a value of it.
    ///
    /// # Errors
    /// What the text would have to be.
    fn check(&self, text: &str) -> Result<(), String>;

    /// The section of a file that it stands in, and its name there.
    fn place(&self) -> (&'static str, &'static str) {
        self.name().split_once('.').expect("the name of a setting is SECTION.NAME")
    }
}

impl<T: Setting> AnyKey for Key<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn variable(&self) -> &'static str {
        self.variable
    }

    fn flag(&self) -> Option<&'static str> {
        self.flag
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn kind(&self) -> Kind {
        T::kind()
    }

    fn default_text(&self) -> Option<String> {
        self.default.text()
    }

    fn check(&self, text: &str) -> Result<(), String> {
        T::parse(text).map(drop)
    }
}

/// A setting of each entry of `[models]`, `[keyframes.policies]`, `[cache.type]` or `[cache.rules]`. None of them has a variable, a flag or a default.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: fn() -> Kind,
    pub(super) check: fn(&str) -> Result<(), String>,
}

impl Member {
    pub(super) const fn new<T: Setting>(name: &'static str, about: &'static str) -> Self {
        Member { name, about, kind: T::kind, check: |text| T::parse(text).map(drop) }
    }

    /// What the entry of `[models]` that is called `model` may say.
    ///
    /// # Errors
    /// When that is neither a type nor a version of one.
    pub(super) fn of_model(model: &str) -> Result<&'static [Member], String> {
        // Types may have an @ of their own, as packages do; what could be meant as a version has to be one.
        let versioned = model.rsplit_once('@').is_some_and(|(_, version)| {
            version.is_empty() || version.starts_with(|first: char| first.is_ascii_digit() || "+-".contains(first))
        });
        if versioned {
            ModelId::parse(model).map(|_| &OF_VERSION[..])
        } else if model.is_empty() {
            Err("a model is named TYPE or TYPE@VERSION".to_owned())
        } else {
            Ok(&OF_TYPE)
        }
    }
}
