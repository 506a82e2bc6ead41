//! The manual: examples and exit codes of every command, as `--help` and the man pages show them.
//!
//! Each leaf command has a [`Page`] in its own file. Help is written for the terminal by [`help`], man pages by [`roff`];
//! both take what they say from the definition of the command line and from here.

mod exits;
mod help;
mod roff;

pub(crate) use help::dress;
pub(crate) use roff::{man_page, page_name};

use super::commands::{
    append, cache, completions, config, explain, export, import, keyframe, log, ls, man, model, rebuild, schema, stats,
    store, verify, watch,
};

/// What the manual says of a command beside what its definition says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// The words that name the command, without `snapctl`; empty for the program itself.
    pub(crate) command: &'static str,
    /// At least two, the plainest first.
    pub(crate) examples: &'static [Example],
}

/// A command line that works as it stands in the folder `fixtures/`, with `SNAPCTL_STORE=drive.sqlite`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example {
    /// What it does: a line in the imperative without full stop. One that ends with `(exit N)` ends with that code.
    pub(crate) does: &'static str,
    /// What is typed: bash, no line longer than [`Example::WIDTH`].
    pub(crate) run: &'static str,
}

impl Example {
    /// Columns a line of an example may take, so that it fits 80 with its indentation.
    #[cfg(test)]
    const WIDTH: usize = 76;
}

/// A first session.
const PROGRAM: Page = Page {
    command: "",
    examples: &[
        Example { does: "What the store holds, and where it is", run: "snapctl store info" },
        Example { does: "Its documents, with names, heads and sizes", run: "snapctl ls -l" },
        Example { does: "The operations of a document, with what failed and why", run: "snapctl log field-notes" },
        Example { does: "The document as of its last operation", run: "snapctl rebuild field-notes" },
        Example {
            does: "What a part of it was after operation 6",
            run: "snapctl rebuild field-notes/global:6 --pointer /nodes/0/name",
        },
        Example {
            does: "The same answers for programs",
            run: "snapctl log field-notes/global --ndjson | jq -r .type | sort | uniq -c",
        },
    ],
};

/// The pages of all commands.
const PAGES: &[Page] = &[
    PROGRAM,
    ls::PAGE,
    log::PAGE,
    rebuild::PAGE,
    watch::PAGE,
    stats::PAGE,
    verify::PAGE,
    keyframe::WRITE_PAGE,
    keyframe::PRUNE_PAGE,
    keyframe::COMPACT_PAGE,
    keyframe::APPLY_PAGE,
    keyframe::HISTORY_PAGE,
    keyframe::UNDO_PAGE,
    keyframe::LIST_PAGE,
    keyframe::SHOW_PAGE,
    keyframe::PIN_PAGE,
    keyframe::UNPIN_PAGE,
    append::PAGE,
    cache::LIST_PAGE,
    cache::SHOW_PAGE,
    cache::STATS_PAGE,
    cache::WARM_PAGE,
    cache::DROP_PAGE,
    cache::PRUNE_PAGE,
    import::PAGE,
    export::PAGE,
    keyframe::tune::PAGE,
    cache::SIMULATE_PAGE,
    model::PAGE,
    explain::PAGE,
    store::INFO_PAGE,
    store::INIT_PAGE,
    store::CHECK_PAGE,
    store::MIGRATE_PAGE,
    config::PAGE,
    schema::PAGE,
    man::PAGE,
    completions::PAGE,
];

/// What comes before the examples of the program.
const FIRST_SESSION: &str = "A first session, with SNAPCTL_STORE naming the store";

/// The page of a command.
#[must_use]
pub(crate) fn page(command: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.command == command)
}

/// The words that name a built command, without `snapctl`.
#[must_use]
fn words(command: &clap::Command) -> &str {
    let name = command.get_bin_name().unwrap_or_default();
    name.strip_prefix("snapctl").unwrap_or(name).trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that do something, built, without `help`.
    fn leaves() -> Vec<clap::Command> {
        fn collect(command: &clap::Command, into: &mut Vec<clap::Command>) {
            if !command.has_subcommands() {
                into.push(command.clone());
            }
            for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
                collect(inner, into);
            }
        }
        let mut command = crate::cli::command();
        command.build();
        let mut leaves = Vec::new();
        collect(&command, &mut leaves);
        leaves
    }

    #[test]
    fn every_command_has_a_page_with_examples() {
        for command in leaves() {
            let words = words(&command);
            let page = page(words).unwrap_or_else(|| panic!("`{words}` has no page in `manual::PAGES`"));
            assert!(page.examples.len() >= 2, "`{words}` has {} examples", page.examples.len());
            assert!(page.examples.len() <= 6, "`{words}` has too many examples to be read");
        }
    }

    #[test]
    fn every_page_belongs_to_a_command() {
        let leaves = leaves();
        for page in PAGES {
            let known = page.command.is_empty() || leaves.iter().any(|command| words(command) == page.command);
            assert!(known, "`{}` is no command", page.command);
            assert_eq!(PAGES.iter().filter(|other| other.command == page.command).count(), 1, "{}", page.command);
        }
    }

    #[test]
    fn every_command_says_how_it_ends() {
        for command in leaves() {
            let words = words(&command);
            assert!(exits::is_known(words), "`{words}` is not in `manual/exits.rs`");
        }
    }

    #[test]
    fn examples_fit_80_columns_and_name_their_command() {
        for page in PAGES {
            for Example { does, run } in page.examples {
                assert!(run.lines().all(|line| line.len() <= Example::WIDTH), "{run}");
                assert!(run.contains(&format!("snapctl {}", page.command)), "{run}");
                assert!(does.len() <= Example::WIDTH && !does.ends_with('.'), "{does}");
                assert!(does.starts_with(char::is_uppercase), "{does}");
            }
        }
    }
}
