//! `stream_order.json`: the first pair of a stream whose times are out of order.

use snapctl::model::ids::{OpIndex, Scope};
use snapctl::model::json::{Json, parse};
use snapctl::model::operation::Retraction;
use snapctl::model::time::Timestamp;
use snapctl::verify::{DisorderKind, TimeOrder};

const VECTORS: &str = include_str!("../../fixtures/vectors/stream_order.json");

/// `index:skip@second`, or `index:skip@ISO`.
fn row(text: &str) -> (u64, u32, Timestamp) {
    let (slot, time) = text.split_once('@').unwrap();
    let (index, skip) = slot.split_once(':').unwrap();
    let time = match time.parse::<i64>() {
        Ok(second) => Timestamp::from_millis(1_735_689_600_000 + 1000 * second).unwrap(),
        Err(_) => Timestamp::parse(time).unwrap(),
    };
    (index.parse().unwrap(), skip.parse().unwrap(), time)
}

fn found(rows: &[(u64, u32, Timestamp)], scope: &Scope) -> Option<(String, String, String)> {
    let skips: Vec<Retraction> = rows
        .iter()
        .filter_map(|&(index, skip, _)| {
            let skip = skip.try_into().ok()?;
            Some(Retraction { index: OpIndex::new(index), skip, noop: false, denied: false })
        })
        .collect();
    let mut order = TimeOrder::new(scope, &skips);
    for &(index, skip, time) in rows {
        order.row(OpIndex::new(index), skip, time);
    }
    let disorder = order.found()?;
    let kind = match disorder.kind {
        DisorderKind::Descending => "descending",
        DisorderKind::Tied => "tied",
    };
    let slot = |(index, skip): (OpIndex, u32)| format!("{index}:{skip}");
    Some((kind.to_owned(), slot(disorder.previous), slot(disorder.current)))
}

#[test]
fn the_first_pair_out_of_order_is_the_reference_s() {
    let vectors = parse(VECTORS.as_bytes()).unwrap();
    let cases = vectors.get("vectors").and_then(Json::as_array).unwrap();
    assert!(cases.len() >= 12, "{}", cases.len());
    for case in cases {
        let text = |value: &Json<'_>, name: &str| value.get(name).unwrap().as_text().unwrap().to_string();
        let given = text(case, "in");
        let mut rows: Vec<_> = given.split_whitespace().map(row).collect();
        // A store visits them by index.
        rows.sort_by_key(|(index, skip, _)| (*index, *skip));
        for (member, scope) in [("loose", Scope::global()), ("strict", Scope::from("auth"))] {
            let expected = case.get(member).filter(|expected| !expected.is_null());
            let expected = expected.map(|pair| (text(pair, "kind"), text(pair, "previous"), text(pair, "current")));
            assert_eq!(found(&rows, &scope), expected, "{given}, {member}");
        }
    }
}
