//! What there are JSON Schemas of (draft 2020-12): every answer, what is said on stderr, requests, and the settings.
//!
//! Schemas are open: a later version may add members, and a validator that was built with an earlier schema has to
//! accept them. The tests close them, so no member is printed that is not described.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::commands::{
    append, cache, completions, config, explain, export, import, keyframe, log, ls, man, model, rebuild, stats, store,
    verify, watch,
};
use super::progress::Event;
use super::ui::{FailureLine, Remark};
use crate::cache::trace::AccessLine;

/// Something there is a schema of.
pub(crate) struct Entry {
    /// A command as it is typed, or what else it is.
    pub(crate) name: &'static str,
    /// What the schema describes.
    pub(crate) about: &'static str,
    way: Way,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Whether snapctl writes it or reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Out,
    In,
}

/// Something there is a schema of, as `schema` lists it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Described")]
pub(crate) struct EntryView {
    /// What to give to `schema`.
    pub(crate) name: &'static str,
    /// What the schema describes.
    pub(crate) about: &'static str,
}

/// All there is, by name. A command whose name is missing here fails a test.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "access-line",
        about: "a line of an access trace, which cache simulate and keyframe tune --trace read",
        way: Way::In,
        schema: of::<AccessLine<'_>>,
    },
    out("append", "a line an action", of::<append::LineView>),
    Entry {
        name: "append-line",
        about: "a line that append --documents reads",
        way: Way::In,
        schema: of::<append::AppendLine<'_>>,
    },
    out("append-summary", "what append says on stderr at the end, with --json and --ndjson", of::<append::SummaryView>),
    out("cache drop", "what was dropped, or would be", of::<cache::DroppedView>),
    out("cache list", "states in the cache file, an array; a line of --ndjson is an item", of::<Vec<cache::EntryView>>),
    out("cache prune", "what was done to the cache file", of::<cache::PrunedView>),
    out("cache show", "what a state in the cache file depends on", of::<cache::ShownView>),
    out(
        "cache simulate",
        "what became of a trace in each configuration, an array; a line of --ndjson is an item",
        of::<Vec<cache::ConfigurationView>>,
    ),
    out("cache stats", "what the tiers were asked, had, and hold", of::<cache::StatsView>),
    out("cache warm", "what was put into the cache file", of::<cache::WarmedView>),
    out("completions", "a script (completions --json)", of::<completions::ScriptView<'_>>),
    out(
        "config",
        "settings, an array, whose items are the lines of --ndjson; of one KEY an object",
        of::<config::Answer<'_>>,
    ),
    out(
        "config-files",
        "settings files (config --files), an array; a line of --ndjson is an item",
        of::<Vec<config::FileView>>,
    ),
    out("error", "the last line on stderr after a failure, with --json and --ndjson", of::<FailureLine<'_>>),
    out(
        "explain",
        "codes of findings, an array, whose items are the lines of --ndjson; of one CODE an object",
        of::<explain::Answer>,
    ),
    out("export", "a line of an export, always one a line; import reads the same", line),
    out("export-file", "what export --to FILE answers", of::<export::FileView<'_>>),
    out("import", "what has become of the rows (import, and export --to STORE)", of::<import::ReportView>),
    Entry { name: "import-line", about: "a line that import reads", way: Way::In, schema: line },
    out("keyframe apply", "what was done, or would be", of::<keyframe::ReportView>),
    out("keyframe compact", "what was done, or would be", of::<keyframe::ReportView>),
    out(
        "keyframe history",
        "runs that changed keyframes, or the changes of one, an array; a line of --ndjson is an item",
        of::<Vec<keyframe::HistoryItem>>,
    ),
    out("keyframe list", "keyframes, an array; a line of --ndjson is an item", of::<Vec<keyframe::KeyframeView>>),
    out(
        "keyframe pin",
        "keyframes that are pinned, an array; a line of --ndjson is an item",
        of::<Vec<keyframe::PinnedView>>,
    ),
    out("keyframe prune", "what was done, or would be", of::<keyframe::ReportView>),
    out("keyframe show", "a keyframe, and what came of its check", of::<keyframe::ShownView>),
    out("keyframe tune", "what keyframes at each spacing would bring", of::<keyframe::tune::TuneView>),
    out("keyframe undo", "what was taken back", of::<keyframe::UndoneView>),
    out(
        "keyframe unpin",
        "keyframes that are no longer pinned, an array; a line of --ndjson is an item",
        of::<Vec<keyframe::UnpinnedView>>,
    ),
    out("keyframe write", "what was written", of::<keyframe::WrittenView>),
    out(
        "keyframe-gaps",
        "streams with revisions that take too long a replay (keyframe list --gaps), an array; a line of --ndjson is an item",
        of::<Vec<keyframe::GapView>>,
    ),
    out(
        "keyframe-line",
        "a line of keyframe prune, compact or apply --ndjson: streams, and what they come to at the end",
        of::<keyframe::LineView>,
    ),
    out("keyframe-plan", "a line of a plan (keyframe prune --plan FILE)", of::<keyframe::PlanLineView>),
    out(
        "keyframe-written",
        "a line of keyframe write --ndjson: streams, and what it came to at the end",
        of::<keyframe::WrittenLine>,
    ),
    out("log", "operations, an array; a line of --ndjson is an item", of::<Vec<log::OperationView>>),
    out("ls", "documents, an array; a line of --ndjson is an item", of::<Vec<ls::DocumentView<'_>>>),
    out("ls-tree", "the folders of a drive (ls --tree)", of::<ls::TreeView>),
    out("man", "a page (man --json)", of::<man::PageView<'_>>),
    out(
        "man-files",
        "pages that were written (man --dir), an array; a line of --ndjson is an item",
        of::<Vec<man::FileView>>,
    ),
    out("model list", "models, an array; a line of --ndjson is an item", of::<Vec<model::ModelView>>),
    out("progress", "a line on stderr with --progress json", of::<Event>),
    out(
        "rebuild",
        "a document; of several targets an array, whose items are the lines of --ndjson",
        of::<rebuild::Answer<'_>>,
    ),
    out("rebuild-batch", "a line on stdout of rebuild --batch", of::<rebuild::BatchAnswer<'_>>),
    out("rebuild-hash", "the hashes of rebuild --hash", of::<rebuild::HashAnswer>),
    Entry {
        name: "rebuild-request",
        about: "a line on stdin of rebuild --batch",
        way: Way::In,
        schema: of::<rebuild::BatchRequest>,
    },
    out("rebuild-state", "the state of rebuild --state", of::<rebuild::StateAnswer>),
    out("schema", "what there are schemas of, an array; a line of --ndjson is an item", of::<Vec<EntryView>>),
    Entry { name: "settings", about: "a settings file (snapctl.toml), read as TOML", way: Way::In, schema: settings },
    out("stats", "what a store holds, in figures", of::<stats::StatsView>),
    out("store check", "what the file of the store is like", of::<store::CheckView>),
    out("store info", "the store", of::<store::InfoView>),
    out("store init", "the store that was made, or was there", of::<store::InitView>),
    out("store migrate", "what has become of snapctl's own tables", of::<store::MigrateView>),
    out("talk", "a line on stderr beside an answer, with --json and --ndjson", of::<Remark<'_>>),
    out("verify", "what was checked, with what was found", of::<verify::WholeView<'_>>),
    out("verify-line", "a line of verify --ndjson: findings, and what was checked at the end", of::<verify::LineView>),
    out("watch", "a line an event", of::<watch::EventView>),
    out("watch-summary", "what watch says on stderr at the end, with --json and --ndjson", of::<watch::SummaryView>),
];

const fn out(name: &'static str, about: &'static str, schema: fn(&mut SchemaGenerator) -> Schema) -> Entry {
    Entry { name, about, way: Way::Out, schema }
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    // Named types are described where they stand, so that the top has their properties.
    T::json_schema(generator)
}

/// What the settings say of themselves.
fn settings(_: &mut SchemaGenerator) -> Schema {
    written(crate::settings::schema())
}

/// What a line of an export says of itself.
fn line(_: &mut SchemaGenerator) -> Schema {
    written(crate::transfer::line_schema())
}

/// A schema that was written by hand.
fn written(schema: Value) -> Schema {
    Schema::try_from(schema).expect("a schema is an object")
}

impl Entry {
    /// The whole schema.
    #[must_use]
    pub(crate) fn schema(&self) -> Value {
        let settings = SchemaSettings::draft2020_12();
        let settings = if self.way == Way::In { settings.for_deserialize() } else { settings.for_serialize() };
        let mut generator = settings.into_generator();
        let mut schema = (self.schema)(&mut generator);
        schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        schema.insert("$id".to_owned(), format!("urn:snapctl:schema:{}", self.name.replace(' ', "-")).into());
        schema.insert("title".to_owned(), format!("snapctl {}", self.name).into());
        schema.insert("description".to_owned(), self.about.into());
        let definitions = generator.take_definitions(true);
        if !definitions.is_empty() {
            schema.insert("$defs".to_owned(), definitions.into());
        }
        schema.to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands() {
            let path = format!("{path}{}{}", if path.is_empty() { "" } else { " " }, sub.get_name());
            if sub.has_subcommands() { leaves(sub, &path, found) } else { found.push(path) }
        }
    }

    #[test]
    fn every_command_has_a_schema() {
        let mut found = Vec::new();
        leaves(&crate::cli::command(), "", &mut found);
        for command in &found {
            assert!(ENTRIES.iter().any(|entry| entry.name == *command), "{command} is missing in ENTRIES");
        }
    }

    #[test]
    fn names_are_sorted() {
        assert!(ENTRIES.is_sorted_by_key(|entry| entry.name));
    }
}
