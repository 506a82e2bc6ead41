//! Archives, made and unmade.

use std::io::{Cursor, Read as _, Write as _};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A zip archive of these entries.
pub(crate) fn zip_of<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>, method: CompressionMethod) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(name, options).expect("an entry");
        zip.write_all(text).expect("memory");
    }
    zip.finish().expect("an archive").into_inner()
}

/// An archive of these texts.
pub(crate) fn archive_of(header: &str, state: &str, operations: &str) -> Vec<u8> {
    let entries = [("header.json", header), ("state.json", state), ("operations.json", operations)];
    zip_of(entries.map(|(name, text)| (name, text.as_bytes())), CompressionMethod::Deflated)
}

/// An entry of an archive, as text.
pub(crate) fn text_of(bytes: &[u8], entry: &str) -> String {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut text = String::new();
    zip.by_name(entry).expect("the entry").read_to_string(&mut text).expect("text");
    text
}

/// The header of a drive `d`.
pub(crate) fn header() -> Value {
    json!({
        "id": "d", "sig": { "publicKey": {}, "nonce": "" }, "documentType": "powerhouse/document-drive",
        "createdAtUtcIso": "2025-01-01T00:00:00.000Z", "slug": "slug-d", "name": "Old", "branch": "main",
        "revision": { "global": 2 }, "lastModifiedAtUtcIso": "2025-01-01T00:10:00.000Z", "meta": {},
        "protocolVersions": { "base-reducer": 2 },
    })
}

/// The initial state of a drive.
pub(crate) fn state() -> Value {
    json!({
        "auth": { "version": 0, "grants": [] },
        "document": { "version": 0, "hash": { "algorithm": "sha1", "encoding": "base64" } },
        "global": { "name": "", "nodes": [], "icon": null },
        "local": { "listeners": [], "triggers": [], "sharingType": "private", "availableOffline": false },
    })
}

/// An operation of scope global as an archive has it, at minute `index`.
pub(crate) fn operation(index: u32, skip: u32, kind: &str, input: &Value) -> Value {
    let time = format!("2025-01-01T00:{index:02}:00.000Z");
    json!({
        "id": format!("op-{index}-{skip}"), "index": index, "skip": skip, "hash": "", "timestampUtcMs": time,
        "action": {
            "id": format!("a-{index}-{skip}"), "type": kind, "scope": "global", "timestampUtcMs": time, "input": input,
        },
    })
}

/// The same, which adds a folder `fINDEX`.
pub(crate) fn folder(index: u32, skip: u32) -> Value {
    operation(index, skip, "ADD_FOLDER", &json!({ "id": format!("f{index}"), "name": format!("Folder {index}") }))
}

/// The archive of a drive `d` with these operations in scope global, and no others.
pub(crate) fn drive_archive(global: &[Value]) -> Vec<u8> {
    archive_of(&header().to_string(), &state().to_string(), &json!({ "global": global }).to_string())
}
