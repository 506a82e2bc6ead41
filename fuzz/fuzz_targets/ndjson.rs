//! Lines of JSON that are read as input. Each codec is a line in [`CODECS`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapctl::cache::trace::{AccessLine, BadAccess, Trace};
use snapctl::cli::batch_target;
use snapctl::model::target::{DocumentRef, Target};
use snapctl::store::{InsertedKeyframe, InsertedOperation, Serial};
use snapctl::transfer::{KeyframeRecord, OperationRecord, Record, decode, encode_keyframe, encode_operation};

/// What is asserted of a line, a codec each.
const CODECS: [fn(&[u8]); 3] = [batch, import, access];

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

/// A line of `import` that decodes is encoded as a line that decodes to the same row, and which is its own encoding; a
/// failure says at which byte of the line, and stays short.
fn import(line: &[u8]) {
    const LONGEST: usize = 500;
    match decode(line) {
        Ok(record) => {
            let encoded = encode(&record);
            assert!(!encoded.contains(&b'\n'), "a row is one line");
            let again = decode(&encoded).expect("a line that was encoded");
            assert_eq!(again, record);
            assert_eq!(encode(&again), encoded);
        }
        Err(problem) => {
            assert!(problem.byte <= line.len(), "{problem:?}");
            assert!(!problem.reason.is_empty() && problem.reason.len() < LONGEST, "{problem}");
        }
    }
}

/// A line of an access trace that is written again says the same; a failure says at which byte of the line, and stays short.
fn access(line: &[u8]) {
    const LONGEST: usize = 2000;
    match AccessLine::parse(line) {
        Ok(access) => {
            let written = serde_json::to_vec(&access).expect("a line can be written");
            let again = AccessLine::parse(&written).expect("a line that was written");
            assert_eq!(
                (&again.document, again.scope(), again.branch()),
                (&access.document, access.scope(), access.branch())
            );
            assert_eq!(
                (again.revision, again.access, again.size_bytes),
                (access.revision, access.access, access.size_bytes)
            );
            assert_eq!(Trace::default().add(&again), Trace::default().add(&access));
        }
        Err(BadAccess::Malformed { reason, byte }) => {
            assert!(byte <= line.len() + 1 && !reason.is_empty() && reason.len() < LONGEST, "{reason}");
        }
        Err(error) => panic!("{error}: it is not parsing that says so"),
    }
}

fn encode(record: &Record<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    match record {
        Record::Operation(operation) => {
            let row = inserted(operation);
            encode_operation(&row, &mut line).expect("what was decoded is UTF-8");
            assert_eq!(OperationRecord::of(&row).as_ref(), Ok(operation));
        }
        Record::Keyframe(keyframe) => {
            let row = InsertedKeyframe {
                serial: Serial::START,
                stream: &keyframe.stream,
                label: i64::try_from(keyframe.revision.get()).expect("labels are of 64 bits"),
                document_type: &keyframe.document_type,
                created: keyframe.created,
                document: &keyframe.document,
            };
            encode_keyframe(&row, &mut line);
            assert_eq!(KeyframeRecord::of(&row).as_ref(), Some(keyframe));
        }
    }
    line
}

/// The row as a store that took it shows it.
fn inserted<'a>(operation: &'a OperationRecord<'a>) -> InsertedOperation<'a> {
    let (new, previous) = operation.as_new();
    InsertedOperation {
        serial: Serial::START,
        stream: &operation.stream,
        row: new.row,
        previous,
        written: Some(new.written),
        job_id: Some(new.job_id),
    }
}
