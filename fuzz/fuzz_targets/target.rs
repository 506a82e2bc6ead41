//! Targets, positions and times: what is displayed parses back, and an error names a part of the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapctl::model::target::{At, Target};
use snapctl::model::time::Timestamp;

fuzz_target!(|text: &str| {
    match text.parse::<Target>() {
        Ok(target) => assert_eq!(target.to_string().parse(), Ok(target)),
        Err(error) => {
            assert_eq!(error.text, text);
            assert!(text.contains(&error.offending) && !error.reason.is_empty(), "{error}");
        }
    }
    if let Ok(at) = At::parse_literal(text) {
        let target = Target::literal("d", Some("s"), None, at);
        let again: Target = target.to_string().parse().expect("a target that is displayed");
        assert_eq!(again.at, target.at);
    }
    if let Some(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        assert_eq!(Timestamp::from_millis(time.as_millis()), Some(time));
    }
});
