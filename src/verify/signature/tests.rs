use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};

use super::*;

const DOCUMENT: &str = "10ca3c29-6cda-4ac4-a917-3c66f750a5d4";

/// A key made of one byte.
fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

/// Its public half, as an app is named.
fn did(key: &SigningKey) -> String {
    let point = VerifyingKey::from(key).to_sec1_point(true);
    encoded(&[&[0x80, 0x24], point.as_bytes()].concat())
}

/// Bytes as a did:key.
fn encoded(bytes: &[u8]) -> String {
    let mut text = [0; 64];
    let n_bytes = bs58::encode(bytes).onto(&mut text[..]).unwrap();
    format!("did:key:z{}", std::str::from_utf8(&text[..n_bytes]).unwrap())
}

fn action() -> Value {
    json!({ "id": "a", "type": "ADD_FOLDER", "scope": "global", "timestampUtcMs": "2026-03-01T13:04:07.839Z",
        "input": { "name": "Vögel 🐦", "id": "f1", "parentFolder": null } })
}

/// The five texts that `key` makes of four.
fn tuple(key: &SigningKey, texts: [&str; 4]) -> Value {
    let [seconds, app, payload, state] = texts;
    let signed = message(&[seconds, app, payload, state, ""]);
    let pair: Pair = key.sign(&signed);
    json!([seconds, app, payload, state, format!("0x{pair:x}")])
}

/// The action, signed by all of `keys`; the signer is the app of the first.
fn signed(mut action: Value, keys: &[u8]) -> Value {
    let text = action.to_string();
    let payload = payload_hashes(DOCUMENT, &Action::parse(text.as_bytes()).unwrap()).unwrap().remove(0);
    let app = did(&key(keys[0]));
    let one =
        |seed: &u8| tuple(&key(*seed), ["1772370247", &did(&key(*seed)), &payload, "vyGp6PvFo4RvsFtPoIWeCReyIC8="]);
    let signatures: Vec<Value> = keys.iter().map(one).collect();
    action["context"] = json!({ "signer": {
        "user": { "address": "0xAA", "networkId": "eip155", "chainId": 1 },
        "app": { "name": "Connect", "key": app },
        "signatures": signatures,
    } });
    action
}

fn check_on(document: &str, action: &Value) -> Signature {
    check(document, &Action::parse(action.to_string().as_bytes()).unwrap())
}

/// What is said of the signed action after a change.
fn changed(change: impl FnOnce(&mut Value)) -> Signature {
    let mut action = signed(action(), &[7]);
    change(&mut action);
    check_on(DOCUMENT, &action)
}

/// The same after a change of one of the five texts.
fn with_text(nth: usize, text: impl Into<Value>) -> Signature {
    changed(|action| action["context"]["signer"]["signatures"][0][nth] = text.into())
}

fn mismatch(signature: Signature) -> Mismatch {
    match signature {
        Signature::Invalid { nth: 0, reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn malformation(signature: Signature) -> Malformation {
    match signature {
        Signature::Malformed { nth: 0, reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_message_is_that_of_the_format() {
    let texts = ["1", "did:key:zDn", "aGFzaA==", "", ""];
    assert_eq!(message(&texts), b"\x19Signed Operation:\n201did:key:zDnaGFzaA==");
    assert_eq!(message(&["é🐦", "", "", "", ""]), "\u{19}Signed Operation:\n3é🐦".as_bytes());
}

#[test]
fn the_payload_is_that_of_the_format() {
    let of = |text: &str| payload_hashes("d", &Action::parse(text.as_bytes()).unwrap());
    let hash = |text: &str| STANDARD.encode(Sha1::digest(text));
    let spaced = r#"{"type":"T","scope":"local","input": {"b": 1.0, "a": "\u00e9\ud800"}}"#;
    assert_eq!(of(spaced), Some(vec![hash(r#"dlocalT{"a":"é\ud800","b":1}"#)]));
    // An action without an input is stored without, or with `null`.
    assert_eq!(of(r#"{"type":"T"}"#), Some(vec![hash("dglobalTnull"), hash("dglobalT")]));
    assert_eq!(of(r#"{"type":"\ud800"}"#), None);
}

#[test]
fn a_signed_action_is_valid_as_often_as_it_is_signed() {
    assert_eq!(changed(|_| {}), Signature::Valid { n: 1 });
    let twice = signed(action(), &[7, 7]);
    assert_eq!(check_on(DOCUMENT, &twice), Signature::Valid { n: 2 });
    assert_eq!(check_on(DOCUMENT, &twice).to_string(), "all 2 signatures fit");
    let mut without = action();
    without["input"] = Value::Null;
    assert_eq!(check_on(DOCUMENT, &signed(without, &[7])), Signature::Valid { n: 1 });
}

#[test]
fn what_is_not_signed_may_change() {
    for (pointer, value) in [
        ("/id", json!("other")),
        ("/timestampUtcMs", json!("2020-01-01T00:00:00.000Z")),
        ("/context/signer/user/address", json!("0xBB")),
        ("/context/signer/app/name", json!("other")),
        ("/context/nonce", json!("n")),
    ] {
        let valid = changed(|action| match action.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => action["context"]["nonce"] = value,
        });
        assert_eq!(valid, Signature::Valid { n: 1 }, "{pointer}");
    }
    // The order of members is not part of a value.
    let text = signed(action(), &[7]).to_string();
    let turned = text.replace(r#""id":"f1","name":"Vögel 🐦""#, r#""name":"V\u00f6gel 🐦" , "id":"f1""#);
    assert_ne!(text, turned);
    assert_eq!(check(DOCUMENT, &Action::parse(turned.as_bytes()).unwrap()), Signature::Valid { n: 1 });
}

#[test]
fn what_is_signed_may_not_change() {
    for (pointer, value) in [
        ("/type", json!("ADD_FILE")),
        ("/scope", json!("local")),
        ("/input/name", json!("Vögel")),
        ("/input", json!(null)),
        ("/input/parentFolder", json!("f0")),
    ] {
        let reason = mismatch(changed(|action| *action.pointer_mut(pointer).unwrap() = value));
        assert!(matches!(reason, Mismatch::Payload { .. }), "{pointer}: {reason}");
    }
    let other = check_on("another", &signed(action(), &[7]));
    let Signature::Invalid { nth: 0, reason: Mismatch::Payload { signed, action } } = &other else {
        panic!("{other:?}")
    };
    assert_ne!(signed, action);
    assert_eq!(other.to_string(), format!("the payload hash in it is {signed}, that of the action is {action}"));
    assert_eq!(other.code(), Some(Code::SignatureInvalid));
    assert_eq!(other.compared().and_then(|compared| compared.stored).as_ref(), Some(signed));
}

#[test]
fn every_text_of_a_signature_counts() {
    let other = did(&key(8));
    assert_eq!(mismatch(with_text(0, "1772370248")), Mismatch::Forged);
    assert!(matches!(mismatch(with_text(1, other.clone())), Mismatch::Key { .. }));
    assert!(matches!(mismatch(with_text(2, "vyGp6PvFo4RvsFtPoIWeCReyIC8=")), Mismatch::Payload { .. }));
    assert_eq!(mismatch(with_text(3, "")), Mismatch::Forged);
    // The signer alone, or both: another key has not signed it.
    let key_of = |action: &mut Value, key: &str| action["context"]["signer"]["app"]["key"] = key.into();
    assert!(matches!(mismatch(changed(|action| key_of(action, &other))), Mismatch::Key { .. }));
    let both = changed(|action| {
        key_of(action, &other);
        action["context"]["signer"]["signatures"][0][1] = other.as_str().into();
    });
    assert_eq!((mismatch(both.clone()), both.compared()), (Mismatch::Forged, None));
    // Texts that are cut elsewhere are the same message, but not the same payload.
    let moved = changed(|action| {
        let texts = action["context"]["signer"]["signatures"][0].as_array_mut().unwrap();
        let payload = texts[2].as_str().unwrap().to_owned();
        (texts[2], texts[3]) = (payload[..27].into(), format!("={}", texts[3].as_str().unwrap()).into());
    });
    assert!(matches!(mismatch(moved), Mismatch::Payload { .. }));
}

#[test]
fn every_digit_of_a_signature_counts_but_not_its_case() {
    let good = signed(action(), &[7])["context"]["signer"]["signatures"][0][4].as_str().unwrap().to_owned();
    for at in [2, 3, 40, 65, 66, 67, 100, 129] {
        let mut digits = good.clone().into_bytes();
        digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(mismatch(with_text(4, String::from_utf8(digits).unwrap())), Mismatch::Forged, "{at}");
    }
    assert_eq!(with_text(4, format!("0x{}", good[2..].to_uppercase())), Signature::Valid { n: 1 });
    for beyond in [format!("0x{}", "0".repeat(128)), format!("0x{}", "f".repeat(128))] {
        assert_eq!(mismatch(with_text(4, beyond)), Mismatch::Forged);
    }
    for odd in [&good[2..], &good[..129], &format!("{good}0"), &good.replace('x', "X"), "0x", "", &format!("{good}00")]
    {
        assert_eq!(malformation(with_text(4, odd)), Malformation::Digits, "{odd}");
    }
    assert_eq!(malformation(with_text(4, format!("0x+{}", &good[3..]))), Malformation::Digits);
    assert_eq!(malformation(with_text(4, format!("0xé{}", &good[4..]))), Malformation::Digits);
}

#[test]
fn what_is_not_of_the_form_is_malformed() {
    let signer = |action: &mut Value, member: &str, value: Value| action["context"]["signer"][member] = value;
    let with = |member: &str, value: Value| changed(|action| signer(action, member, value));
    assert_eq!(malformation(with("signatures", json!("0x"))), Malformation::NoArray);
    assert_eq!(malformation(with("app", json!({}))), Malformation::NoKey);
    assert_eq!(malformation(with("app", json!({ "key": 1 }))), Malformation::NoKey);
    for list in [json!([""]), json!([[]]), json!([["", "", "", ""]]), json!([["", "", "", "", "", ""]]), json!([null])]
    {
        assert_eq!(malformation(with("signatures", list)), Malformation::NotFive);
    }
    assert_eq!(malformation(with_text(0, 1_772_370_247)), Malformation::NotFive);
    let keyed = |key: &str| {
        changed(|action| {
            action["context"]["signer"]["app"]["key"] = key.into();
            action["context"]["signer"]["signatures"][0][1] = key.into();
        })
    };
    let good = did(&key(7));
    let ed25519 = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    for odd in ["", "did:key:z", &good[..good.len() - 1], &good.replace("did:key", "did:web"), ed25519, "0xAA"] {
        assert_eq!(malformation(keyed(odd)), Malformation::Key, "{odd}");
    }
    // Only about half of all numbers are the x of a point on the curve.
    let of_x = |x: u8| {
        let mut bytes = [0; 35];
        bytes[..3].copy_from_slice(&[0x80, 0x24, 2]);
        bytes[34] = x;
        keyed(&encoded(&bytes))
    };
    let fates: Vec<Signature> = (0..8).map(of_x).collect();
    assert!(fates.contains(&Signature::Malformed { nth: 0, reason: Malformation::Key }));
    assert!(fates.contains(&Signature::Invalid { nth: 0, reason: Mismatch::Forged }));
    let text = signed(action(), &[7]).to_string().replace("ADD_FOLDER", r"\ud800");
    assert_eq!(malformation(check(DOCUMENT, &Action::parse(text.as_bytes()).unwrap())), Malformation::Unsignable);
}

#[test]
fn the_worst_of_several_is_told() {
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut action = signed(action(), &[7, 7, 7]);
        change(action["context"]["signer"]["signatures"].as_array_mut().unwrap());
        check_on(DOCUMENT, &action)
    };
    let odd = with(&|list| list[1] = json!(["0x"]));
    assert_eq!(odd, Signature::Malformed { nth: 1, reason: Malformation::NotFive });
    assert_eq!(odd.to_string(), "of signature 2: it is not five texts");
    let both = with(&|list| (list[1], list[2][0]) = (json!(["0x"]), json!("0")));
    assert_eq!(both, Signature::Invalid { nth: 2, reason: Mismatch::Forged });
    let many = with(&|list| *list = vec![list[0].clone(); MOST + 1]);
    assert_eq!(many, Signature::Malformed { nth: MOST, reason: Malformation::TooMany });
    assert_eq!(with(&|list| *list = vec![list[0].clone(); MOST]), Signature::Valid { n: MOST });
}

#[test]
fn without_signatures_an_action_is_not_signed() {
    assert_eq!(check_on(DOCUMENT, &action()), Signature::None);
    for context in [
        json!(null),
        json!({}),
        json!("x"),
        json!({ "signer": null }),
        json!({ "signer": {} }),
        json!({ "signer": { "signatures": [], "app": { "key": "" } } }),
        json!({ "signer": { "signatures": null } }),
    ] {
        let mut unsigned = action();
        unsigned["context"] = context;
        assert_eq!(check_on(DOCUMENT, &unsigned), Signature::None);
    }
}
