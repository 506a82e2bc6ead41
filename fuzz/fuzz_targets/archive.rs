//! Archives: the bytes of a file as they come, and the texts in one, which mutations of compressed bytes hardly reach.
#![no_main]

use std::io::{Cursor, Write as _};

use libfuzzer_sys::fuzz_target;
use snapctl::model::archive::{Archive, Texts};
use snapctl::model::ids::{Span, StreamKey};
use snapctl::model::json::{Json, canonical, parse};
use snapctl::model::operation::Action;
use snapctl::model::progress::Silent;
use snapctl::model::state::{JsonState, State};
use snapctl::reducer::Registry;
use snapctl::reducer::archive::{Loader, load};
use snapctl::store::archive::{ArchiveError, ArchiveStore};
use snapctl::store::{Flow, Order, Read, Store as _, StoreError};
use snapctl::transfer::{Document, write_archive};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Messages are for people.
const LONGEST: usize = 1000;

fuzz_target!(|input: &[u8]| {
    match ArchiveStore::from_bytes("x.phd".to_owned(), input) {
        Ok(store) => opened(&store),
        Err(StoreError::BadArchive { source, .. }) => assert!(source.to_string().len() < LONGEST, "{source}"),
        Err(StoreError::NotAStore { reason, .. }) => assert!(reason.len() < LONGEST, "{reason}"),
        Err(error) => panic!("{error}"),
    }
    // Texts are apart by a byte that none of them holds.
    let mut parts = input.split(|byte| *byte == 0);
    if let (Some(header), Some(state), Some(operations)) = (parts.next(), parts.next(), parts.next()) {
        texts(Texts { header, state, operations });
    }
});

/// What the texts say is what a file with them says; a fault is at a byte of its text.
fn texts(texts: Texts<'_>) {
    let Texts { header, state, operations } = texts;
    let entries = [("header.json", header), ("state.json", state), ("operations.json", operations)];
    let archive = match Archive::read(texts) {
        Ok(archive) => archive,
        Err(fault) => {
            let (_, text) = entries.iter().find(|(name, _)| *name == fault.entry.name()).expect("an entry");
            assert!(fault.byte <= text.len(), "{fault}");
            assert!(fault.to_string().len() < LONGEST + text.len(), "{fault}");
            return;
        }
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name, options).expect("a name");
        zip.write_all(text).expect("memory");
    }
    let bytes = zip.finish().expect("an archive").into_inner();
    match ArchiveStore::from_bytes("x.phd".to_owned(), &bytes) {
        Ok(store) => {
            assert_eq!(*store.contents(), archive);
            opened(&store);
        }
        // The one thing that only rows need.
        Err(StoreError::BadArchive { source, .. }) if matches!(*source, ArchiveError::NoOrigin(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// Every row of a store is an operation, loaders end, and what is written of it is read again as the same rows.
fn opened(store: &ArchiveStore) {
    let archive = store.contents();
    for loader in [Loader::Plain, Loader::Checked, Loader::Versioned] {
        if let Ok(loaded) = load(archive, loader, &Registry::built_in(), &Silent) {
            for scope in loaded.state.scopes() {
                let text = loaded.state.canonical(scope.as_str()).expect("a scope that is listed");
                assert!(parse(&text).is_ok());
            }
        }
    }
    let read = store.read().expect("rows in memory");
    let state = || State::new(JsonState::from_iter(archive.state.iter().cloned()));
    let document = Document {
        id: archive.document.clone(),
        branch: archive.branch.clone(),
        header: archive.header.clone(),
        initial: state(),
        current: state(),
    };
    let written = write_archive(&*read, &document, &Silent).expect("small, and rows that are operations");
    let again = ArchiveStore::from_bytes("y.phd".to_owned(), &written.bytes).expect("what was written");
    assert_eq!(rows(&*again.read().expect("rows in memory"), &again), rows(&*read, store));
    // Numbers beyond all doubles are written as null.
    let header = |store: &ArchiveStore| canonical(&Json::Object(store.contents().header.clone()));
    assert_eq!(header(&again), header(store));
}

/// The rows, scope by scope.
fn rows(read: &dyn Read, store: &ArchiveStore) -> Vec<String> {
    let archive = store.contents();
    let mut rows = Vec::new();
    for head in read.streams(&archive.document).expect("streams") {
        let stream = StreamKey { document: archive.document.clone(), scope: head.scope, branch: head.branch };
        read.operations(&stream, Span::ALL, Order::Forward, &mut |row| {
            assert!(Action::parse(row.action).is_ok());
            rows.push(format!("{stream} {row:?}"));
            Flow::Continue(())
        })
        .expect("rows");
    }
    rows
}
