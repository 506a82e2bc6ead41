//! A stored keyframe beside the replay at its label.

use super::code::Code;
use super::finding::{Compared, Finding};
use super::paths::Paths;
use super::spine::Spine;
use crate::model::ids::{NextIndex, OpIndex, Revision, Scope, StreamKey};
use crate::model::json::{Json, Object, StateHash, Text, canonical, hash_canonical, parse};
use crate::model::state::State;
use crate::reducer::protocol::Header;

/// The replay at a keyframe's label.
pub(super) struct Replayed<'a> {
    /// The state after the operation that the label names.
    pub(super) state: &'a State,
    /// The state before it; older releases filed a state one too high.
    pub(super) before: Option<&'a State>,
    /// The state that undos go back to.
    pub(super) initial: &'a State,
    /// The header, without next indices and the time of the last change.
    pub(super) header: &'a Header,
    /// What the document scope says.
    pub(super) spine: &'a Spine,
    /// Where the next operation of each scope goes.
    pub(super) heads: &'a [(Scope, NextIndex)],
}

/// What is known of a keyframe after it was looked at.
pub(super) struct Checked {
    /// What is wrong with it, and what is odd.
    pub(super) findings: Vec<Finding>,
    /// The canonical text of its own scope's state, if it has a state.
    own: Option<OwnText>,
}

/// A canonical text; `None` is the state of a scope that is absent.
type OwnText = Option<Vec<u8>>;

impl Checked {
    /// The hash of its own scope's state.
    pub(super) fn hash(&self) -> Option<StateHash> {
        self.own.as_ref().map(|own| hash_canonical(own.as_deref()))
    }
}

/// Which operations a keyframe says it includes, by what releases have written (reactor format §2.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Convention {
    /// Header and label agree.
    Present,
    /// The header's next index is the label: the state is the one before the label.
    Count,
    /// The header's next index is beyond the label: it names the head of the store as of then.
    Positional,
}

/// Looks at a keyframe of `stream` with the label `label`.
pub(super) fn check(stream: &StreamKey, label: Revision, body: &[u8], replayed: &Replayed<'_>) -> Checked {
    let mut looked = Look { stream, label, replayed, findings: Vec::new() };
    let own = match parse(body) {
        Ok(document) => looked.document(&document),
        Err(error) => {
            looked.note(Code::KeyframeCorrupt, format!("keyframe {label}: its document is not JSON: {error}"), None);
            None
        }
    };
    Checked { findings: looked.findings, own }
}

struct Look<'a> {
    stream: &'a StreamKey,
    label: Revision,
    replayed: &'a Replayed<'a>,
    findings: Vec<Finding>,
}

impl Look<'_> {
    fn document(&mut self, document: &Json<'_>) -> Option<OwnText> {
        let label = self.label;
        let member = |name: &str| document.get(name).and_then(Json::as_object);
        let (Some(header), Some(state)) = (member("header"), member("state")) else {
            let absent = if member("header").is_none() { "header" } else { "state" };
            let message = format!("keyframe {label}: its document has no object \"{absent}\"");
            self.note(Code::KeyframeCorrupt, message, None);
            return None;
        };
        let next = |scope: &Scope| NextIndex::from_number(header.get("revision")?.get(scope.as_str())?.as_number()?);
        let (own, spine) = (next(&self.stream.scope), next(&Scope::document()));
        for (scope, next) in [(&self.stream.scope, own), (&Scope::document(), spine)] {
            if next.is_none() && (*scope == self.stream.scope || self.replayed.spine.created) {
                let message = format!("keyframe {label}: its header carries no {scope} revision");
                self.note(Code::KeyframeCorrupt, message, None);
            }
        }
        let text = state.get(self.stream.scope.as_str()).map(canonical);
        if !self.findings.is_empty() {
            return Some(text);
        }
        self.look_ahead(header.get("revision"));
        let (Some(own), spine) = (own, spine.unwrap_or_default()) else { return Some(text) };
        if self.replayed.spine.last_inline.is_some_and(|upgrade| upgrade >= spine.index()) && !self.is_spine() {
            let message = format!("keyframe {label}: operation {} of the document scope came after it", spine.get());
            self.note(Code::KeyframeSuperseded, message, None);
            return Some(text);
        }
        let Some(convention) = self.convention(own, text.as_deref()) else { return Some(text) };
        let expected = match (convention, self.replayed.before) {
            (Convention::Count, Some(before)) => before,
            _ => self.replayed.state,
        };
        self.states((state, text.as_deref()), expected, spine);
        self.header(header);
        if let Some(initial) = document.get("initialState").and_then(Json::as_object) {
            self.initial(initial);
        }
        if self.findings.is_empty() {
            self.note_convention(convention, own);
        }
        Some(text)
    }

    /// Looks for scopes of which the header names operations that the log does not have.
    fn look_ahead(&mut self, revision: Option<&Json<'_>>) {
        let label = self.label;
        for (scope, next) in revision.and_then(Json::as_object).into_iter().flat_map(Object::iter) {
            let (Some(scope), Some(next)) = (scope.as_str(), next.as_number().and_then(NextIndex::from_number)) else {
                continue;
            };
            let head = self.replayed.heads.iter().find(|(known, _)| *known == *scope).map(|(_, next)| *next);
            let head = head.unwrap_or_default();
            if next > head && self.stream.scope != *scope {
                let stream = StreamKey { scope: scope.into(), ..self.stream.clone() };
                let message = format!(
                    "keyframe {label} of {} was written when {stream} had {} operations, and it has {}",
                    self.stream,
                    next.get(),
                    head.get()
                );
                self.findings.push(Finding::new(Code::KeyframeAhead, &stream, Some(head.index()), message));
            }
        }
    }

    /// Which convention label and header follow; `None` if there is none that does.
    fn convention(&mut self, next: NextIndex, own: Option<&[u8]>) -> Option<Convention> {
        let (label, stream) = (self.label, self.stream);
        if next == label.next() {
            return Some(Convention::Present);
        }
        if next > label.next() {
            return Some(Convention::Positional);
        }
        let is_count = next.index() == label.last() && label.get() > 0;
        if is_count && !same_scope(own, self.replayed.state, &stream.scope) {
            return Some(Convention::Count);
        }
        let message = format!("keyframe {label}: readers go on from operation {}, which is in it already", next.get());
        let (stored, replayed) = (next.get().to_string(), label.next().get().to_string());
        let compared = Compared { stored: Some(stored), replayed: Some(replayed), ..Compared::default() };
        self.note(Code::KeyframeLabel, message, Some(compared));
        None
    }

    fn note_convention(&mut self, convention: Convention, next: NextIndex) {
        let label = self.label;
        let message = match convention {
            Convention::Present => return,
            Convention::Count => {
                format!("keyframe {label} is filed one too high: it is of revision {}", next.get() - 1)
            }
            Convention::Positional => {
                format!("keyframe {label}: its header names {} as the next operation", next.get())
            }
        };
        self.note(Code::KeyframeConvention, message, None);
    }

    /// Compares the states of all scopes; `text` is that of the keyframe's own one.
    fn states(&mut self, (stored, text): (&Object<'_>, Option<&[u8]>), expected: &State, spine: NextIndex) {
        let label = self.label;
        let mut scopes: Vec<Scope> = stored.iter().filter_map(|(scope, _)| scope.as_str()).map(Scope::from).collect();
        scopes.extend(expected.scopes());
        scopes.sort_unstable();
        scopes.dedup();
        for scope in scopes {
            let (own, value) = (scope == self.stream.scope, stored.get(scope.as_str()));
            let same = match value {
                _ if own => same_scope(text, expected, &scope),
                value => same_scope(value.map(canonical).as_deref(), expected, &scope),
            };
            if same {
                continue;
            }
            let mut replayed = expected.scope(scope.as_str()).unwrap_or_default();
            if scope == Scope::document() && !self.is_spine() {
                self.replayed.spine.undelete(&mut replayed, spine);
                if value == Some(&replayed) {
                    continue;
                }
            }
            let paths = Paths::of(value.unwrap_or(&Json::Null), &replayed);
            let hash = |value: &Json<'_>| Some(hash_canonical(Some(&canonical(value))).to_string());
            let compared = paths.compared(&format!("/state/{scope}"), value.and_then(hash), hash(&replayed));
            let (code, whose) = if own {
                (Code::KeyframeState, String::new())
            } else {
                (Code::KeyframeOtherScope, format!("the state of scope {scope} in "))
            };
            let message = format!("{whose}keyframe {label} differs from the replay{}", at_paths(&compared));
            self.note(code, message, Some(compared));
        }
    }

    fn header(&mut self, stored: &Object<'_>) {
        // A header has these as of when it was written.
        const OF_THEN: [&str; 2] = ["revision", "lastModifiedAtUtcIso"];
        let mut replayed = self.replayed.header.to_object();
        let mut stored: Object<'_> = stored.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let unsigned = (!self.replayed.spine.signed).then_some("createdAtUtcIso");
        for member in OF_THEN.into_iter().chain(unsigned) {
            replayed.remove(member);
            stored.remove(member);
        }
        self.whole(Code::KeyframeHeader, "header", "/header", &stored.into(), &replayed.into());
    }

    fn initial(&mut self, stored: &Object<'_>) {
        let initial = self.replayed.initial;
        let value = |scope: &Scope| Some((Text::from(scope.as_str()).into_owned(), initial.scope(scope.as_str())?));
        let replayed: Object<'_> = initial.scopes().iter().filter_map(value).collect();
        let stored: Object<'_> = stored.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        self.whole(Code::KeyframeInitial, "initial state", "/initialState", &stored.into(), &replayed.into());
    }

    fn whole(&mut self, code: Code, what: &str, root: &str, stored: &Json<'_>, replayed: &Json<'_>) {
        let paths = Paths::of(stored, replayed);
        if !paths.is_empty() {
            let compared = paths.compared(root, None, None);
            let message =
                format!("the {what} of keyframe {} differs from the replay{}", self.label, at_paths(&compared));
            self.note(code, message, Some(compared));
        }
    }

    fn is_spine(&self) -> bool {
        self.stream.scope == Scope::document()
    }

    fn note(&mut self, code: Code, message: String, compared: Option<Compared>) {
        let finding = Finding::new(code, self.stream, Some(self.label.last()), message);
        self.findings.push(Finding { compared, ..finding });
    }
}

/// Whether a stored state of a scope, as canonical text, has the hash of the replayed one.
fn same_scope(stored: Option<&[u8]>, state: &State, scope: &Scope) -> bool {
    let replayed = state.canonical(scope.as_str());
    stored == replayed.as_deref() || hash_canonical(stored) == hash_canonical(replayed.as_deref())
}

fn at_paths(compared: &Compared) -> String {
    let Some(first) = compared.paths.first() else { return String::new() };
    match compared.n_paths {
        0 | 1 => format!(" at {first}"),
        n => format!(" at {first} and {} more", n - 1),
    }
}

/// The finding for a keyframe that no replay reaches.
pub(super) fn unreached(stream: &StreamKey, label: i64, head: Option<Revision>) -> Finding {
    let first = u64::try_from(label).ok().map(OpIndex::new);
    match (head, first) {
        (None, _) => Finding::new(
            Code::KeyframeOrphan,
            stream,
            first,
            format!("keyframe {label} is of a stream without operations"),
        ),
        (Some(_), None) => {
            Finding::new(Code::KeyframeLabel, stream, None, format!("keyframe {label} has a negative label"))
        }
        (Some(head), Some(_)) => Finding::new(
            Code::KeyframeAhead,
            stream,
            first,
            format!("keyframe {label} is past the head, which is {head}"),
        ),
    }
}
