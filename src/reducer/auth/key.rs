//! Whether an action was signed by the key in the document's header.
//!
//! The signature itself is never verified by a rebuild; only the names of the two keys are compared.
//! A check of signatures reads the same names, by [`compressed_point`].

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::{Checked, Owner};
use crate::model::json::{Json, Text};
use crate::reducer::coerce::{not_a_function, read, text, unreadable};

/// A P-256 key in a did:key: the multicodec prefix, then the compressed point
/// (<https://w3c-ccg.github.io/did-key-spec/>, SEC 1 §2.3.3).
const PREFIX: [u8; 2] = [0x80, 0x24];
const COORDINATE: usize = 32;

/// The key that a policy names as its creator: `None` where the header names none.
///
/// # Errors
/// The recorded text when the header names a key and the action was not signed by it, or when one of the two is
/// malformed enough to make the reference fail on the way.
pub(super) fn creator(context: Option<&Json<'_>>, owner: &Owner<'_>) -> Checked<Option<Text<'static>>> {
    let signer = context.and_then(|context| context.get("signer")).filter(|signer| !signer.is_null());
    let signer_key = signer.map_or(Ok(None), |signer| read(signer.get("app"), "key"))?;
    let Some(owner_key) = owner.public_key else {
        return Ok(None);
    };
    if owner_key.is_null() {
        return Err(unreadable("null", "kty"));
    }
    if ["kty", "x", "y"].iter().all(|part| filled(owner_key.get(part)).is_none()) {
        return Ok(None);
    }
    let matching = match filled(signer_key) {
        None => None,
        Some(Json::String(did)) => is_same_key(did, owner_key)?.then_some(did),
        Some(_) => return Err(not_a_function("signerKey", "startsWith")),
    };
    match matching {
        Some(did) => Ok(Some(did.to_owned_text())),
        None => {
            Err(text!["INITIALIZE_AUTH for document ", owner.document_id, " must be signed by the document creator"])
        }
    }
}

/// Whether a did:key and a JWK are the same point. The JWK's `kty` and `crv` do not matter, nor does more of its `y`
/// than the last bit.
fn is_same_key(did: &Text<'_>, jwk: &Json<'_>) -> Checked<bool> {
    let Some([parity, point_x @ ..]) = compressed_point(did.as_bytes()) else {
        return Ok(false);
    };
    let Some((x, y)) = filled(jwk.get("x")).zip(filled(jwk.get("y"))) else {
        return Ok(false);
    };
    let (x, y) = (decode(x)?, decode(y)?);
    let is_odd = y.last().map(|byte| byte & 1);
    Ok(x == point_x && y.len() == COORDINATE && is_odd == Some(parity & 1))
}

/// The point that a did:key names, if it is one of P-256: its compressed form, 2 or 3 by the parity of y and then x
/// (SEC 1 §2.3.3). Whether there is such a point on the curve is not looked at.
pub(crate) fn compressed_point(did: &[u8]) -> Option<[u8; 1 + COORDINATE]> {
    let encoded = did.strip_prefix(b"did:key:z")?;
    let mut bytes = [0; PREFIX.len() + 1 + COORDINATE];
    // Fails, without more work, on a key that is too long.
    let n_bytes = bs58::decode(encoded).onto(&mut bytes).ok()?;
    let point: [u8; 1 + COORDINATE] = bytes.get(..n_bytes)?.strip_prefix(&PREFIX)?.try_into().ok()?;
    matches!(point, [2 | 3, ..]).then_some(point)
}

/// A coordinate of a JWK, as the reference decodes it: both base64 alphabets, `=` added up to a multiple of four
/// characters, then `atob` (<https://infra.spec.whatwg.org/#forgiving-base64-decode>) with the texts of Node 20.
fn decode(coordinate: &Json<'_>) -> Checked<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, CONFIG);
    let Json::String(text) = coordinate else {
        return Err(not_a_function("input", "replace"));
    };
    let invalid = || Err("Invalid character".into());
    let missing = text.len_utf16().next_multiple_of(4) - text.len_utf16();
    let mut digits = Vec::with_capacity(text.as_bytes().len());
    let mut n_padding = 0;
    for &byte in text.as_bytes().iter().chain(std::iter::repeat_n(&b'=', missing)) {
        match byte {
            b'\t' | b'\n' | b'\x0C' | b'\r' | b' ' => {}
            b'=' => n_padding += 1,
            _ if n_padding > 0 => return invalid(),
            b'-' => digits.push(b'+'),
            b'_' => digits.push(b'/'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' => digits.push(byte),
            _ => return invalid(),
        }
    }
    if n_padding > 2 {
        return invalid();
    }
    let whole = n_padding == 0 || (digits.len() + n_padding).is_multiple_of(4);
    let bytes = ENGINE.decode(&digits).ok().filter(|_| whole);
    bytes.ok_or_else(|| "The string to be decoded is not correctly encoded.".into())
}

/// The value, unless JavaScript treats it as false.
fn filled<'v, 'a>(value: Option<&'v Json<'a>>) -> Option<&'v Json<'a>> {
    value.filter(|value| !value.is_falsy())
}
