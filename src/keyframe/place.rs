//! A keyframe that was made, beside what the store has in its place.

use super::make::Made;
use crate::model::checksum::Checksum;
use crate::model::ids::NextIndex;
use crate::model::json::{Json, Object, canonical, parse};
use crate::store::records::Pin;
use crate::store::{Read, StoreError};

/// What is in the place of a keyframe that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Empty,
    /// The same, and recorded as found right.
    Sound,
    /// The same, of which that is not recorded.
    Unrecorded {
        /// Of its body.
        checksum: Checksum,
        /// Size of its body.
        body_bytes: u64,
        /// Its pin.
        pin: Option<Pin>,
    },
    /// Something else, or what cannot be read.
    Different,
}

impl Place {
    /// Looks at the place of a keyframe.
    ///
    /// # Errors
    /// `Unsupported` if our tables are of a newer version; `Busy`, `Unavailable`.
    pub(super) fn of(made: &Made, read: &dyn Read) -> Result<Self, StoreError> {
        let body = match read.keyframe_document(&made.stream, made.revision) {
            Ok(None) => return Ok(Place::Empty),
            Err(StoreError::Corrupt { .. }) => return Ok(Place::Different),
            body => body?.unwrap_or_default(),
        };
        if body != made.body && !differs_in_time(&body, made) {
            return Ok(Place::Different);
        }
        let checksum = Checksum::of(&body);
        let record = match read.records().keyframe_record(&made.stream, made.revision) {
            Err(StoreError::Corrupt { .. }) => None,
            record => record?,
        };
        let sound = record.as_ref().is_some_and(|record| {
            let with = record.check.as_ref().map(|check| &check.fingerprint);
            record.checksum == checksum && record.proof().is_some() && with == Some(&made.fingerprint)
        });
        let pin = record.and_then(|record| record.pin);
        Ok(if sound { Place::Sound } else { Place::Unrecorded { checksum, body_bytes: body.len() as u64, pin } })
    }
}

/// Whether a stored document is the one that was made, as it was stamped at an earlier time: the heads of the other scopes
/// and the time of the last change are of when it was written (reactor format §6.7).
fn differs_in_time(stored: &[u8], made: &Made) -> bool {
    let (Ok(stored), Ok(new)) = (parse(stored), parse(&made.body)) else { return false };
    let next = |document: &Json<'_>, scope: &str| {
        document.pointer("/header/revision")?.get(scope)?.as_number().and_then(NextIndex::from_number)
    };
    let own = made.stream.scope.as_str();
    if next(&stored, own).is_none() || next(&stored, own) != next(&new, own) {
        return false;
    }
    let Some(heads) = stored.pointer("/header/revision").and_then(Json::as_object) else { return false };
    let is_past = |scope: Option<&str>| scope.is_some_and(|scope| next(&stored, scope) <= next(&new, scope));
    heads.iter().all(|(scope, _)| is_past(scope.as_str())) && unstamped(stored) == unstamped(new)
}

/// A document without what its header was stamped with.
fn unstamped(document: Json<'_>) -> Vec<u8> {
    let Json::Object(mut document) = document.into_owned() else { return Vec::new() };
    if let Some(Json::Object(mut header)) = document.remove("header") {
        for member in ["revision", "lastModifiedAtUtcIso"] {
            header.remove(member);
        }
        document.insert("header".into(), Json::Object(header));
    }
    let document: Object<'static> = document;
    canonical(&Json::Object(document))
}
