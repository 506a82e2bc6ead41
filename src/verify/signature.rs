//! The signatures of an action (reactor format §1.2): ECDSA with P-256 and SHA-256, as Web Crypto makes them.
//!
//! A signature says that whoever holds the app's key asked for this action on this document, after a state with the hash
//! that it names. It covers document, scope, type, input, the second it was made in, and that hash; not the action's id and
//! `timestampUtcMs`, not the user, and not the app's name.
//!
//! The scope that is signed is the one the *action* names: who signs knows of no row. That a row has the same scope is
//! another check, and so is whether the hash of the state before is the one that a replay gives.
//!
//! It costs about a quarter of a millisecond a signature. Bounds: [`MOST`] signatures an action.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature as Pair, VerifyingKey};
use sha1::{Digest as _, Sha1};

use super::code::Code;
use super::finding::Compared;
use crate::model::json::{Json, Text, canonical};
use crate::model::operation::Action;
use crate::reducer::auth::compressed_point;

/// More signatures of one action than this are not checked. The reference writes one.
pub const MOST: usize = 32;

/// What the signatures of an action are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It has none.
    None,
    /// It has `n`, and all fit.
    Valid {
        /// How many; at least one.
        n: usize,
    },
    /// One of them is not of this action, or not by the key of its signer; the first such.
    Invalid {
        /// Which one, from 0.
        nth: usize,
        /// Why.
        reason: Mismatch,
    },
    /// One of them cannot be checked, and none of the others is invalid; the first such.
    Malformed {
        /// Which one, from 0.
        nth: usize,
        /// Why.
        reason: Malformation,
    },
}

/// Why a signature does not fit its action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// What was signed is another action.
    #[error("the payload hash in it is {signed}, that of the action is {action}")]
    Payload {
        /// The hash that the signature names.
        signed: String,
        /// The hash of document, scope, type and input as they are.
        action: String,
    },
    /// The key in the signature is not the one of the signer.
    #[error("it names the app key {named}, and the signer's is {signer}")]
    Key {
        /// The key in the signature.
        named: String,
        /// The key of the signer's app.
        signer: String,
    },
    /// The key made no such signature of these texts.
    #[error("the app key did not sign this")]
    Forged,
}

/// Why a signature cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformation {
    /// The member `signatures` is something else than an array.
    #[error("the signatures are no array")]
    NoArray,
    /// One is something else than an array of five texts.
    #[error("it is not five texts")]
    NotFive,
    /// The signer has no app key.
    #[error("the signer names no app key")]
    NoKey,
    /// The app key is not a did:key of a point of P-256.
    #[error("the app key is no P-256 key as a did:key")]
    Key,
    /// The signature itself is not `0x` and 64 bytes in hexadecimal digits.
    #[error("the signature is not \"0x\" and 128 hexadecimal digits")]
    Digits,
    /// Scope or type of the action has half a surrogate pair in it, of which there is no UTF-8 to sign.
    #[error("the action's scope or type is no Unicode text")]
    Unsignable,
    /// There are more than [`MOST`].
    #[error("there are more than {MOST} signatures")]
    TooMany,
}

impl Signature {
    /// The code under which it is found, unless it is good or absent.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Signature::None | Signature::Valid { .. } => None,
            Signature::Invalid { .. } => Some(Code::SignatureInvalid),
            Signature::Malformed { .. } => Some(Code::SignatureMalformed),
        }
    }

    /// What it names, and what it should name, where those are two texts.
    #[must_use]
    pub fn compared(&self) -> Option<Compared> {
        let Signature::Invalid { reason, .. } = self else { return None };
        let (stored, replayed) = match reason {
            Mismatch::Payload { signed, action } => (signed, action),
            Mismatch::Key { named, signer } => (named, signer),
            Mismatch::Forged => return None,
        };
        Some(Compared { stored: Some(stored.clone()), replayed: Some(replayed.clone()), ..Compared::default() })
    }
}

impl fmt::Display for Signature {
    /// A sentence part: `the app key did not sign this`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nth, reason): (_, &dyn fmt::Display) = match self {
            Signature::None => return f.write_str("there is no signature"),
            Signature::Valid { n: 1 } => return f.write_str("the signature fits"),
            Signature::Valid { n } => return write!(f, "all {n} signatures fit"),
            Signature::Invalid { nth, reason } => (*nth, reason),
            Signature::Malformed { nth, reason } => (*nth, reason),
        };
        // Nearly always there is one.
        if nth > 0 {
            write!(f, "of signature {}: ", nth + 1)?;
        }
        reason.fmt(f)
    }
}

/// Checks all signatures of an action on `document`.
///
/// An action without a signer, or whose signer has an empty list of signatures, is not signed: [`Signature::None`].
#[must_use]
pub fn check(document: &str, action: &Action<'_>) -> Signature {
    let signer = action.context.as_ref().and_then(|context| context.get("signer"));
    let list = match signer.and_then(|signer| signer.get("signatures")) {
        None | Some(Json::Null) => return Signature::None,
        Some(Json::Array(list)) if list.is_empty() => return Signature::None,
        Some(Json::Array(list)) => list,
        Some(_) => return Signature::Malformed { nth: 0, reason: Malformation::NoArray },
    };
    let expected = Expected { key: signer.and_then(app_key), payload: payload_hashes(document, action) };
    let mut malformed = None;
    for (nth, signature) in list.iter().take(MOST).enumerate() {
        match expected.hold(signature) {
            Ok(()) => {}
            Err(Fault::Mismatch(reason)) => return Signature::Invalid { nth, reason },
            Err(Fault::Malformation(reason)) => malformed = malformed.or(Some((nth, reason))),
        }
    }
    if list.len() > MOST {
        malformed = malformed.or(Some((MOST, Malformation::TooMany)));
    }
    malformed.map_or(Signature::Valid { n: list.len() }, |(nth, reason)| Signature::Malformed { nth, reason })
}

fn app_key<'a>(signer: &'a Json<'_>) -> Option<&'a str> {
    signer.get("app")?.get("key")?.as_text()?.as_str()
}

/// What the signatures of an action are held against.
struct Expected<'a> {
    /// The key of the signer's app.
    key: Option<&'a str>,
    /// The payload hashes that are right.
    payload: Option<Vec<String>>,
}

/// What keeps a signature from being good.
enum Fault {
    Mismatch(Mismatch),
    Malformation(Malformation),
}

impl From<Mismatch> for Fault {
    fn from(reason: Mismatch) -> Self {
        Fault::Mismatch(reason)
    }
}

impl From<Malformation> for Fault {
    fn from(reason: Malformation) -> Self {
        Fault::Malformation(reason)
    }
}

impl Expected<'_> {
    /// Checks one signature.
    fn hold(&self, signature: &Json<'_>) -> Result<(), Fault> {
        let texts = five(signature).ok_or(Malformation::NotFive)?;
        let [_, named, hash, _, digits] = texts;
        let signer = self.key.ok_or(Malformation::NoKey)?;
        if named != signer {
            return Err(Mismatch::Key { named: named.to_owned(), signer: signer.to_owned() }.into());
        }
        let right = self.payload.as_ref().ok_or(Malformation::Unsignable)?;
        if let [action, ..] = &right[..]
            && !right.iter().any(|right| right == hash)
        {
            return Err(Mismatch::Payload { signed: hash.to_owned(), action: action.clone() }.into());
        }
        let point = compressed_point(named.as_bytes()).ok_or(Malformation::Key)?;
        let key = VerifyingKey::from_sec1_bytes(&point).map_err(|_| Malformation::Key)?;
        let numbers = numbers(digits).ok_or(Malformation::Digits)?;
        // Fails where one of the two is 0 or not below the order of the curve, which nobody can have made.
        let pair = Pair::from_slice(&numbers).map_err(|_| Mismatch::Forged)?;
        Ok(key.verify(&message(&texts), &pair).map_err(|_| Mismatch::Forged)?)
    }
}

/// Unix seconds, app key, payload hash, hash of the state before, and the signature of those four.
fn five<'a>(signature: &'a Json<'_>) -> Option<[&'a str; 5]> {
    let [seconds, key, payload, state, digits] = signature.as_array()? else { return None };
    let text = |value: &'a Json<'_>| value.as_text()?.as_str();
    Some([text(seconds)?, text(key)?, text(payload)?, text(state)?, text(digits)?])
}

/// The hashes that may stand for what the action asks: of document, scope, type and canonical input, one behind the other.
///
/// Where the input is `null`, a second one counts, in which nothing stands for it: that is how an action without an input is
/// signed, and stored it looks the same. `None` where a text has no UTF-8.
fn payload_hashes(document: &str, action: &Action<'_>) -> Option<Vec<String>> {
    let mut sha = Sha1::new();
    for text in [Some(document), action.scope.as_str(), action.kind.as_str()] {
        sha.update(text?);
    }
    let absent = action.input.is_null().then(|| sha.clone());
    // In it half a surrogate pair is an escape.
    sha.update(canonical(&action.input));
    Some([Some(sha), absent].into_iter().flatten().map(|sha| STANDARD.encode(sha.finalize())).collect())
}

/// What is signed, as bytes.
fn message([seconds, key, payload, state, _]: &[&str; 5]) -> Vec<u8> {
    let text = [*seconds, *key, *payload, *state].concat();
    format!("\u{19}Signed Operation:\n{}{text}", Text::from(text.as_str()).len_utf16()).into_bytes()
}

/// The two numbers of a signature, 32 bytes each, from `0x` and hexadecimal digits of any case.
fn numbers(text: &str) -> Option<[u8; 64]> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let mut numbers = [0; 64];
    if digits.len() != 2 * numbers.len() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in numbers.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests;
