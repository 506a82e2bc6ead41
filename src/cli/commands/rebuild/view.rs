//! The result object of `rebuild`. Its members and their order are a contract.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cli::render::json::{ByScope, Members};
use crate::model::ids::{Revision, Scope};
use crate::model::json::{Json, Text, canonical, hash_canonical};
use crate::replay::{Base, Explain, Snapshot};

/// A rebuilt document.
// It describes what `write_document` writes a member at a time.
#[derive(JsonSchema)]
#[schemars(rename = "Rebuilt", rename_all = "camelCase")]
#[expect(dead_code, reason = "documents are written as they are made, never held as one value")]
pub(in crate::cli) struct DocumentView<'a> {
    /// What was rebuilt.
    target: TargetView<'a>,
    /// By scope, the index of the last operation that is included; `null` where the scope has none.
    revision: BTreeMap<String, Option<u64>>,
    /// The document type.
    document_type: String,
    /// The header of the document.
    header: BTreeMap<String, Value>,
    /// By scope, its state; members are in canonical order.
    state: BTreeMap<String, Value>,
    /// By scope, the hash of its state: SHA-1 of its canonical text, in base64.
    hash: BTreeMap<String, String>,
    /// Names the answer: two answers with one etag have the same states. With a scope it is the hash of its state, of a whole
    /// document the hash of `hash`.
    etag: String,
    /// Where the answer came from.
    source: SourceView,
    /// How the rebuild was done; there with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ExplainView")]
    explain: Option<ExplainView>,
}

/// What was rebuilt.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Target")]
pub(super) struct TargetView<'a> {
    /// The id of the document.
    pub(super) document: &'a str,
    /// The scope; `null` for a whole document.
    pub(super) scope: Option<&'a str>,
    /// The branch.
    pub(super) branch: &'a str,
}

/// Where the answer came from.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Source")]
struct SourceView {
    /// Where it started: in this process, in the disk cache, at a keyframe, or with the first operation.
    #[schemars(extend("enum" = ["memory", "disk", "keyframe", "replay"]))]
    tier: &'static str,
    /// Whether it may be out of date.
    stale: bool,
}

/// How the rebuild was done.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Explanation")]
struct ExplainView {
    /// What it started from.
    base: BaseView,
    /// Bases that were looked at and not used.
    considered: Vec<ConsideredView>,
    /// Rows of operations that were read.
    operations_read: u64,
    /// Operations that were applied.
    operations_applied: u64,
    /// Bytes of rows that were read.
    bytes_read: u64,
    /// Wall time in microseconds; the one field that differs from run to run.
    elapsed_us: u64,
}

/// What it started from.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Base")]
struct BaseView {
    /// The first operation, a keyframe, or what a tier of the cache had.
    #[schemars(extend("enum" = ["genesis", "keyframe", "disk", "memory"]))]
    kind: &'static str,
    /// The last operation it includes; `null` for genesis, and for what says that it includes none.
    revision: Option<u64>,
}

/// A base that was not used.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Considered")]
struct ConsideredView {
    /// What it is.
    #[schemars(extend("enum" = ["keyframe"]))]
    kind: &'static str,
    /// The last operation it includes.
    revision: u64,
    /// Why it was not used.
    reason: String,
    /// A command that would make it usable.
    remedy: Option<String>,
    /// The stream it belongs to, as a target.
    stream: String,
}

/// Writes a snapshot; with `elapsed`, also how it was made.
pub(super) fn write_document(out: &mut dyn Write, snapshot: &Snapshot, elapsed: Option<Duration>) -> io::Result<()> {
    let mut members = Members::open(out)?;
    members.member("target", &target(snapshot))?;
    members.member("revision", &revisions(snapshot))?;
    members.member("documentType", snapshot.document_type.as_str())?;
    members.raw("header", &canonical(&Json::Object(snapshot.header.clone())))?;
    let hashes = write_states(members.key("state")?, snapshot)?;
    members.member("hash", &hashes)?;
    members.member("etag", &etag_of(snapshot, &hashes))?;
    let tier = match snapshot.explain.base {
        Base::Genesis => "replay",
        Base::Tier(tier, _) => tier.as_str(),
        Base::Keyframe(_) | Base::EarlyKeyframe => "keyframe",
    };
    members.member("source", &SourceView { tier, stale: false })?;
    if let Some(elapsed) = elapsed {
        members.member("explain", &explain(&snapshot.explain, elapsed))?;
    }
    members.close()
}

/// An answer that the user has already.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NotModified")]
pub(in crate::cli) struct NotModifiedView {
    /// That it is what `--if-none-match` says.
    #[schemars(extend("const" = true))]
    pub(super) not_modified: bool,
    /// The etag of the answer.
    pub(super) etag: String,
}

/// The etag of a snapshot.
pub(super) fn etag(snapshot: &Snapshot) -> String {
    let hashes = match &snapshot.scope {
        // The others are not part of it.
        Some(scope) => [(scope.clone(), snapshot.state.hash(scope.as_str()).to_string())].into_iter().collect(),
        None => {
            scopes(snapshot).map(|scope| (scope.clone(), snapshot.state.hash(scope.as_str()).to_string())).collect()
        }
    };
    etag_of(snapshot, &hashes)
}

fn etag_of(snapshot: &Snapshot, hashes: &ByScope<String>) -> String {
    if let Some(scope) = &snapshot.scope {
        return hashes.iter().find(|(name, _)| **name == *scope).map(|(_, hash)| hash.clone()).unwrap_or_default();
    }
    let text = |text: &str| Json::String(Text::from(text).into_owned());
    let members = hashes.iter().map(|(scope, hash)| (Text::from(scope.as_str()).into_owned(), text(hash)));
    hash_canonical(Some(&canonical(&Json::Object(members.collect())))).to_string()
}

/// The scopes that have a hash: all that have a state, and all that were asked for.
pub(super) fn scopes(snapshot: &Snapshot) -> impl Iterator<Item = Scope> {
    snapshot.state.scopes().into_iter().chain(snapshot.revision.keys().cloned()).chain(snapshot.scope.clone())
}

fn target(snapshot: &Snapshot) -> TargetView<'_> {
    TargetView {
        document: snapshot.document.as_str(),
        scope: snapshot.scope.as_ref().map(Scope::as_str),
        branch: snapshot.branch.as_str(),
    }
}

fn revisions(snapshot: &Snapshot) -> ByScope<Option<u64>> {
    snapshot.revision.iter().map(|(scope, revision)| (scope.clone(), revision.map(Revision::get))).collect()
}

/// Writes `{scope: state}`, one scope at a time, and returns the hashes of the texts as they pass.
fn write_states(out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<ByScope<String>> {
    let scopes: ByScope<()> = scopes(snapshot).map(|scope| (scope, ())).collect();
    let mut hashes = Vec::new();
    let mut members = Members::open(out)?;
    for (scope, ()) in scopes.iter() {
        let text = snapshot.state.canonical(scope.as_str());
        if let Some(text) = &text {
            members.raw(scope.as_str(), text)?;
        }
        hashes.push((scope.clone(), hash_canonical(text.as_deref()).to_string()));
    }
    members.close()?;
    Ok(hashes.into_iter().collect())
}

fn explain(explain: &Explain, elapsed: Duration) -> ExplainView {
    let considered = explain.considered.iter().map(|considered| ConsideredView {
        kind: "keyframe",
        revision: considered.revision.get(),
        reason: considered.reason.clone(),
        remedy: considered.remedy.clone(),
        stream: considered.stream.to_string(),
    });
    ExplainView {
        base: match explain.base {
            Base::Genesis => BaseView { kind: "genesis", revision: None },
            Base::Keyframe(revision) => BaseView { kind: "keyframe", revision: Some(revision.get()) },
            Base::Tier(tier, revision) => BaseView { kind: tier.as_str(), revision: revision.map(Revision::get) },
            Base::EarlyKeyframe => BaseView { kind: "keyframe", revision: None },
        },
        considered: considered.collect(),
        operations_read: explain.operations_read,
        operations_applied: explain.operations_applied,
        bytes_read: explain.bytes_read,
        elapsed_us: elapsed.as_micros().try_into().unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OpIndex;
    use crate::model::json::parse;
    use crate::model::state::{JsonState, State};

    fn snapshot() -> Snapshot {
        let mut state = JsonState::default();
        state.set("global".into(), parse(br#"{"b":1,"a":"x"}"#).unwrap().into_owned());
        Snapshot {
            document: "d".into(),
            scope: None,
            branch: "main".into(),
            revision: [("global".into(), Some(Revision::of(OpIndex::FIRST))), ("local".into(), None)].into(),
            document_type: "t".into(),
            header: crate::object! { "name" => "n" },
            state: State::new(state),
            explain: Explain::default(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn members_come_in_the_order_of_the_contract() {
        let mut out = Vec::new();
        write_document(&mut out, &snapshot(), None).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"target":{"document":"d","scope":null,"branch":"main"},"revision":{"global":0,"local":null},"#
                .to_owned()
                + r#""documentType":"t","header":{"name":"n"},"state":{"global":{"a":"x","b":1}},"#
                + r#""hash":{"global":"9onEVqQC0ToBAx8gEk4e/EI5fp8=","local":"3Sns9SSwMKZSYeMFnEirnh7LJYU="},"#
                + r#""etag":"aBsThK/yGH/WtNbXEIWMOi+z3e0=","#
                + r#""source":{"tier":"replay","stale":false}}"#
        );
    }

    #[test]
    fn an_explanation_comes_last() {
        let mut out = Vec::new();
        write_document(&mut out, &snapshot(), Some(Duration::from_micros(7))).unwrap();
        let expected = r#","explain":{"base":{"kind":"genesis","revision":null},"considered":[],"operationsRead":0,"operationsApplied":0,"bytesRead":0,"elapsedUs":7}}"#;
        assert!(String::from_utf8(out).unwrap().ends_with(expected));
    }
}
