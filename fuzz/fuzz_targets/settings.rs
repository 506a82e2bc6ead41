//! Settings files: an error names the place and stays short, and what parses lays itself over the defaults as said.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use snapctl::reducer::Registry;
use snapctl::settings::{Entry, File, KEYS, Origin, Said, Settings, SettingsError};

fuzz_target!(|text: &[u8]| {
    let file = match File::parse(text, Path::new("s.toml")) {
        Ok(file) => file,
        Err(error) => return judge(&error, text),
    };
    let comment = [text, b"\n# a comment"].concat();
    let commented = File::parse(&comment, Path::new("s.toml")).expect("a comment is no setting");
    for profile in profiles(&file) {
        let lay = |files: &[File]| {
            let profile = profile.clone().map(|name| (name, FLAG));
            Settings::of(&Said { files, profile, ..Said::default() })
        };
        let settings = match lay(std::slice::from_ref(&file)) {
            Ok(settings) => settings,
            Err(error) => {
                judge(&error, text);
                continue;
            }
        };
        let entries: Vec<Entry<'_>> = settings.entries().collect();
        for other in [[commented.clone(), file.clone()], [file.clone(), commented.clone()]] {
            let again = lay(&other).expect("the same settings, twice");
            assert_eq!(entries, again.entries().collect::<Vec<_>>(), "a file over itself changes nothing");
        }
        if let Err(error) = settings.register(&mut Registry::built_in()) {
            judge(&error, text);
        }
        parse_back(&settings, &entries);
    }
});

const FLAG: Origin = Origin::Flag("--profile");

/// None, and some of the profiles of a file, which it names when asked for one that it does not have.
fn profiles(file: &File) -> Vec<Option<String>> {
    const MOST: usize = 3;
    let absent = "\u{10ffff}".to_owned();
    let said = Said { files: std::slice::from_ref(file), profile: Some((absent, FLAG)), ..Said::default() };
    let known = match Settings::of(&said) {
        Err(SettingsError::NoProfile { known, .. }) => known,
        _ => Vec::new(),
    };
    std::iter::once(None).chain(known.into_iter().take(MOST).map(Some)).collect()
}

/// Every entry can be found by its key, and stands for itself in a file of its own.
fn parse_back(settings: &Settings, entries: &[Entry<'_>]) {
    let mut text = String::new();
    for entry in entries.iter().filter(|entry| !entry.masked) {
        let found = settings.find(&entry.key).expect("a key that was shown").expect("it has a value or a default");
        assert_eq!(found.value, entry.value, "{}", entry.key);
        let Some(value) = &entry.value else { continue };
        if let Some(key) = KEYS.iter().find(|key| key.name() == entry.key) {
            assert_eq!(key.check(value), Ok(()));
        }
        text += &line(&entry.key, value);
    }
    let file = File::parse(text.as_bytes(), Path::new("t.toml"));
    let file = [file.unwrap_or_else(|error| panic!("{error} in {text}"))];
    let again = Settings::of(&Said { files: &file, ..Said::default() }).expect("the same settings");
    let plain = |entry: &Entry<'_>| (!entry.masked).then(|| (entry.key.clone(), entry.value.clone()));
    let again: Vec<_> = again.entries().filter_map(|entry| plain(&entry)).collect();
    for entry in entries.iter().filter_map(plain) {
        assert!(again.contains(&entry), "{entry:?} is lost in {text}");
    }
}

/// A setting as a line of a file: most are strings, and numbers and what is true or false stand there bare.
fn line(key: &str, value: &str) -> String {
    let line = format!("{key} = {}\n", quoted(value));
    if File::parse(line.as_bytes(), Path::new("t.toml")).is_ok() { line } else { format!("{key} = {value}\n") }
}

/// An error names the file, and a line and column that are there, and is not longer than one reads.
fn judge(error: &SettingsError, text: &[u8]) {
    const LONGEST: usize = 1000;
    let said = error.to_string();
    assert!(said.len() < LONGEST, "{} bytes: {said}", said.len());
    let place = said.strip_prefix("s.toml:").expect("the name of the file");
    let (line, rest) = place.split_once(':').expect("a line");
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (line, column): (usize, usize) = (line.parse().expect("a number"), rest[..digits].parse().expect("a number"));
    let line = text.split(|&byte| byte == b'\n').nth(line - 1).expect("a line that is there");
    assert!((1..=line.len() + 1).contains(&column), "{said}");
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|char| match char {
        '"' | '\\' => format!("\\{char}"),
        char if char.is_control() => format!("\\u{:04x}", u32::from(char)),
        char => char.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
