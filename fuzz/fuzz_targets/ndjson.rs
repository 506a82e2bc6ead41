//! Lines of JSON that are read as input. Each codec is a line in [`CODECS`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapctl::cli::batch_target;
use snapctl::model::target::{DocumentRef, Target};

/// What is asserted of a line, a codec each.
const CODECS: [fn(&[u8]); 1] = [batch];

fuzz_target!(|input: &[u8]| {
    for line in input.split(|&byte| byte == b'\n') {
        CODECS.iter().for_each(|codec| codec(line));
    }
});

/// A request of `rebuild --batch` names a document by its exact id, and can be written as a target; a failure says at
/// which byte of the line.
fn batch(line: &[u8]) {
    match batch_target(line) {
        Ok(target) => {
            assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
            let DocumentRef::Literal(document) = &target.document else { panic!("a prefix") };
            let named = [
                Some(document.as_str()),
                target.scope.as_ref().map(|scope| scope.as_str()),
                Some(target.branch.as_str()),
            ];
            if named.into_iter().flatten().any(str::is_empty) {
                return;
            }
            let typed: Target = target.to_string().parse().expect("a target that is displayed");
            assert_eq!(typed.document.as_str(), document.as_str());
            assert_eq!((typed.scope, typed.branch, typed.at), (target.scope, target.branch, target.at));
        }
        Err(said) => {
            let byte = said.strip_prefix("line 1, byte ").and_then(|rest| rest.split(':').next());
            let byte: usize = byte.and_then(|byte| byte.parse().ok()).expect("the place of the fault");
            assert!(byte <= line.len(), "{said}");
        }
    }
}
