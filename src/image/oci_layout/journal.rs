//! What a writer of a layout notes before it adds blobs, and how the next one cleans up after a writer
//! that was killed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;

use serde_json::Value;

use super::folder::Layout;
use crate::image::Digest;
use crate::image::limits::MAX_MANIFEST_BYTES;
use crate::temporary::{leftovers, remove_leftovers};

/// The first line of a note.
const MARK: &str = "blobs on their way into this layout";

/// The note that lists `new`, blobs that were not in the layout.
pub(super) fn text(new: &[Digest]) -> Vec<u8> {
    let digests = new.iter().map(|digest| format!("{digest}\n"));
    format!("{MARK}\n{}", digests.collect::<String>()).into_bytes()
}

fn parse(text: &[u8]) -> Vec<Digest> {
    let text = str::from_utf8(text).unwrap_or_default();
    match text.split_once('\n') {
        Some((MARK, digests)) => digests.lines().filter_map(|line| line.parse().ok()).collect(),
        _ => Vec::new(),
    }
}

/// Removes what killed writers left in `layout`: their temporary files, and the blobs that they had
/// added and that nothing names. The caller holds the layout's lock.
pub(super) fn collect(layout: &Layout) {
    for leftover in leftovers(&layout.dir) {
        remove_unnamed(layout, &parse(&leftover.start()));
        leftover.remove();
    }
    remove_leftovers(&layout.dir.join("blobs/sha256"));
}

fn remove_unnamed(layout: &Layout, candidates: &[Digest]) {
    if candidates.is_empty() {
        return;
    }
    let Some(named) = named_blobs(layout) else { return };
    for digest in candidates.iter().filter(|digest| !named.contains(digest)) {
        // One that can't be removed does no harm.
        let _ = fs::remove_file(layout.blob_path(*digest));
    }
}

/// Every digest that the index names, or a manifest that it leads to; `None` if the index can't be
/// understood.
fn named_blobs(layout: &Layout) -> Option<HashSet<Digest>> {
    let mut named = HashSet::new();
    let Some(index) = layout.index_json().ok()? else { return Some(named) };
    let mut documents: Vec<Value> = vec![serde_json::from_slice(&index).ok()?];
    while let Some(document) = documents.pop() {
        for digest in digests_in(&document) {
            if named.insert(digest) {
                documents.extend(manifest(layout, digest));
            }
        }
    }
    Some(named)
}

/// The blob as JSON, if it is a manifest or an index.
fn manifest(layout: &Layout, digest: Digest) -> Option<Value> {
    let file = File::open(layout.blob_path(digest)).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MAX_MANIFEST_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_MANIFEST_BYTES).read_to_end(&mut bytes).ok()?;
    let document: Value = serde_json::from_slice(&bytes).ok()?;
    document.get("schemaVersion").is_some().then_some(document)
}

/// What stands under `digest` in the document, at any depth.
fn digests_in(document: &Value) -> Vec<Digest> {
    match document {
        Value::Object(fields) => {
            let own = fields.get("digest").and_then(Value::as_str);
            let own = own.and_then(|text| text.parse().ok());
            own.into_iter().chain(fields.values().flat_map(digests_in)).collect()
        }
        Value::Array(items) => items.iter().flat_map(digests_in).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_and_nothing_else_is_one() {
        let digests = [b"a", b"b"].map(|bytes| Digest::of(bytes));
        assert_eq!(parse(&text(&digests)), digests);
        assert_eq!(parse(&text(&[])), []);
        assert_eq!(parse(format!("other\n{}\n", digests[0]).as_bytes()), []);
    }
}
