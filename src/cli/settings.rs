//! Where settings come from: files that are looked for, the environment, and flags. Only here are they read.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::args::Global;
use super::ui::Talk;
use crate::settings::{
    CONFIG_VARIABLE, FILE_NAME, File, KEYS, Origin, PROFILE_VARIABLE, Said, Settings, SettingsError, VARIABLE_PREFIX,
    strangers,
};

/// What holds, and where it was looked for.
pub(crate) struct Gathered {
    /// What holds.
    pub(crate) settings: Settings,
    /// The files, the strongest first.
    pub(crate) looked: Vec<Looked>,
    variables: Vec<(String, String)>,
}

/// A settings file that was looked for.
pub(crate) struct Looked {
    /// Where.
    pub(crate) path: PathBuf,
    /// Why there.
    pub(crate) place: Place,
    /// Whether it is there, and so was read.
    pub(crate) found: bool,
}

/// Why a settings file is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The user named it.
    Named,
    /// It is in the working directory or above.
    Project,
    /// It is in the user's configuration directory.
    User,
}

/// Reads what there is.
///
/// # Errors
/// When a file cannot be read, or anything that is said is wrong.
pub(crate) fn gather(global: &Global) -> Result<Gathered, SettingsError> {
    let variables = variables()?;
    let looked = match named(global, &variables) {
        Some((path, asked)) => {
            let file = read(&path).map_err(|source| unreadable(format!("{}{asked}", path.display()), source))?;
            vec![(Looked { path, place: Place::Named, found: true }, Some(file?))]
        }
        None => look()?,
    };
    let (looked, mut files): (Vec<Looked>, Vec<Option<File>>) = looked.into_iter().unzip();
    files.reverse();
    let files: Vec<File> = files.into_iter().flatten().collect();
    let profile = profile(global, &variables);
    let said = Said { files: &files, profile, variables: &variables, flags: global.settings() };
    Ok(Gathered { settings: Settings::of(&said)?, looked, variables })
}

impl Default for Gathered {
    /// Nothing is set.
    fn default() -> Self {
        let settings = Settings::of(&Said::default()).expect("nothing that is said is nothing wrong");
        Gathered { settings, looked: Vec::new(), variables: Vec::new() }
    }
}

impl Gathered {
    /// Says what may not have been meant.
    pub(crate) fn warn(&self, talk: &Talk) {
        for stranger in strangers(&self.variables) {
            let meant = stranger.meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            talk.warning(format!("the environment variable {} means nothing{meant}", stranger.name));
        }
    }
}

/// The variables that are about settings.
fn variables() -> Result<Vec<(String, String)>, SettingsError> {
    let mut variables = Vec::new();
    for (name, text) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else { continue };
        match text.into_string() {
            Ok(text) => variables.push((name.to_owned(), text)),
            Err(text) => variables.push((name.to_owned(), refuse_if_known(name, &text)?)),
        }
    }
    variables.sort();
    Ok(variables)
}

/// A variable that is not text sets nothing. One that means nothing is shown as far as it is text.
fn refuse_if_known(name: &str, text: &OsStr) -> Result<String, SettingsError> {
    let keys = KEYS.iter().map(|key| (key.variable(), key.name()));
    let mut known = keys.chain([(CONFIG_VARIABLE, "--config"), (PROFILE_VARIABLE, "--profile")]);
    match known.find(|(variable, _)| *variable == name) {
        Some((variable, key)) => {
            let (origin, reason) = (Origin::Variable(variable), "it is not UTF-8 text".to_owned());
            Err(SettingsError::BadValue { origin, key: key.to_owned(), reason })
        }
        None => Ok(text.to_string_lossy().into_owned()),
    }
}

/// The file that the user named, and how the user did that.
fn named(global: &Global, variables: &[(String, String)]) -> Option<(PathBuf, String)> {
    if let Some(path) = &global.config {
        return Some((path.clone(), String::new()));
    }
    let variable = value_of(variables, CONFIG_VARIABLE);
    variable.map(|path| (PathBuf::from(path), format!(" ({CONFIG_VARIABLE})")))
}

fn profile(global: &Global, variables: &[(String, String)]) -> Option<(String, Origin)> {
    let flag = global.profile.as_ref().map(|name| (name.clone(), Origin::Flag("--profile")));
    let variable = || {
        let name = value_of(variables, PROFILE_VARIABLE)?;
        Some((name.to_owned(), Origin::Variable(PROFILE_VARIABLE)))
    };
    flag.or_else(variable)
}

fn value_of<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    variables.iter().find(|(known, text)| known == name && !text.is_empty()).map(|(_, text)| text.as_str())
}

/// The nearest file in the working directory and above, then that of the user.
fn look() -> Result<Vec<(Looked, Option<File>)>, SettingsError> {
    let mut looked: Vec<(Looked, Option<File>)> = Vec::new();
    // Where there is no working directory, there is nothing to find in it.
    let here = std::env::current_dir().unwrap_or_default();
    for folder in here.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        looked.push(look_at(folder.join(FILE_NAME), Place::Project)?);
        if looked.last().is_some_and(|(_, file)| file.is_some()) {
            break;
        }
    }
    if let Ok(strategy) = etcetera::choose_base_strategy() {
        let path = strategy.config_dir().join("snapctl").join(FILE_NAME);
        if looked.iter().all(|(other, _)| other.path != path) {
            looked.push(look_at(path, Place::User)?);
        }
    }
    Ok(looked)
}

fn look_at(path: PathBuf, place: Place) -> Result<(Looked, Option<File>), SettingsError> {
    let failed = |source| unreadable(path.display().to_string(), source);
    let file = if is_there(&path).map_err(failed)? { Some(read(&path).map_err(failed)??) } else { None };
    Ok((Looked { found: file.is_some(), path, place }, file))
}

/// Whether a file is there that can be read without waiting for anybody. What a directory hides from the user is not
/// there for the user.
fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => {}
        Err(error) => {
            use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
            let absent = matches!(error.kind(), NotFound | NotADirectory | PermissionDenied);
            return if absent { Ok(false) } else { Err(error) };
        }
    }
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if metadata.is_file() {
        Ok(true)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

/// The file's settings, if it can be read.
fn read(path: &Path) -> io::Result<Result<File, SettingsError>> {
    const MAX_BYTES: u64 = 256 << 10;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 256 KiB, as no settings are"));
    }
    Ok(File::parse(&bytes, path))
}

fn unreadable(path: String, source: io::Error) -> SettingsError {
    SettingsError::Unreadable { path, source }
}
