//! `snapctl man`, and `man/`.
//!
//! With `SNAPCTL_BLESS=1` the pages of `man/` are written instead of compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::TestEnv;
use crate::support::tools::{self, Workshop};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

/// The files of a folder by their names.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The pages as snapctl writes them now.
fn written(env: &TestEnv) -> BTreeMap<String, String> {
    let run = env.run(&["man", "--dir", "pages"]);
    let pages = files(&env.path("pages"));
    assert_eq!(run.ok().lines().count(), pages.len());
    pages
}

#[test]
fn the_pages_in_the_repository_are_current() {
    let pages = written(&TestEnv::new());
    if std::env::var_os("SNAPCTL_BLESS").is_some() {
        let _ = std::fs::remove_dir_all(folder());
        std::fs::create_dir(folder()).unwrap();
        for (name, page) in &pages {
            std::fs::write(folder().join(name), page).unwrap();
        }
    }
    let kept = files(&folder());
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&pages), "`SNAPCTL_BLESS=1 cargo test man` writes man/");
    for (name, page) in &pages {
        assert!(kept[name] == *page, "man/{name} is stale; `SNAPCTL_BLESS=1 cargo test man` writes it");
    }
}

#[test]
fn a_page_is_printed_or_written_or_json() {
    let env = TestEnv::new();
    let pages = written(&env);
    let page = env.run(&["man", "store", "info"]);
    assert_eq!(page.ok(), pages["snapctl-store-info.1"]);
    assert_eq!(env.run(&["man"]).ok(), pages["snapctl.1"]);
    let json = env.run(&["man", "store", "info", "--json"]).json();
    assert_eq!((&json["name"], &json["section"]), (&"snapctl-store-info".into(), &1.into()));
    assert_eq!(json["roff"], page.stdout);
    let listed = env.run(&["man", "--dir", "pages", "--ndjson"]).lines();
    assert_eq!(listed.len(), pages.len());
    assert_eq!(listed[0]["sizeBytes"], pages["snapctl.1"].len());
}

#[test]
fn a_page_has_the_examples_of_help_and_the_usual_sections() {
    let env = TestEnv::new();
    let page = env.run(&["man", "rebuild"]);
    let titles: Vec<_> = page.ok().lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    let usual = ["NAME", "SYNOPSIS", "DESCRIPTION", "ARGUMENTS", "OPTIONS", "\"GLOBAL OPTIONS\"", "EXAMPLES"];
    assert_eq!(titles, [&usual[..], &["\"EXIT STATUS\"", "ENVIRONMENT", "FILES", "\"SEE ALSO\""]].concat());
    let version = concat!("\"snapctl ", env!("CARGO_PKG_VERSION"), "\"");
    assert!(page.ok().contains(version), "{}", page.ok().lines().nth(2).unwrap());
    assert!(page.ok().contains("\\fBsnapctl rebuild field\\-notes/global:6 \\-\\-pointer /nodes/0/name\\fR\n"));
    assert!(page.ok().contains("SNAPCTL_STORE"));
}

#[test]
fn a_page_of_no_command_and_a_folder_that_cannot_be_are_refused() {
    let env = TestEnv::with_store(|_| {});
    assert!(env.run(&["man", "rebuid"]).fails(2).contains("there is no command `snapctl rebuid`"));
    assert!(env.run(&["man", "--dir", "ops.db"]).fails(3).starts_with("error: cannot make ops.db\n"));
    assert_eq!(env.run(&["man", "ls", "--dir", "d"]).status, 2);
}

/// What a typesetter says of every page: nothing.
#[test]
fn typesetters_have_nothing_to_say() {
    let shop = Workshop::new();
    for (program, args) in [("groff", &["-ww", "-man", "-Tutf8", "-z"][..]), ("mandoc", &["-Tlint", "-W", "warning"])] {
        if !tools::has(program) {
            continue;
        }
        for name in files(&folder()).keys() {
            let output = shop.command(program).args(args).arg(folder().join(name)).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert!(output.status.success() && said.is_empty(), "{name}: {}", String::from_utf8_lossy(&said));
        }
    }
}
