//! Tars: the walk over memory and the one over a reader say the same of any bytes, in bounds.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use remora::tar::{
    Entries, Entry, EntryType, Forward, ReadEntries, ReadError, Seeking, Source, TarError,
};

/// What is compared of an entry.
type Said = (u64, [u64; 4], Vec<u8>, Vec<u8>, EntryType, u64);

fn said(entry: &Entry<'_>) -> Said {
    let ranges = [entry.stored.start, entry.stored.end, entry.content.start, entry.content.end];
    let _ = (
        entry.mode(),
        entry.uid(),
        entry.gid(),
        entry.mtime(),
        entry.device(),
        entry.xattrs().len(),
    );
    let (name, link) = (entry.name.to_vec(), entry.link_name.to_vec());
    (entry.start, ranges, name, link, entry.entry_type, entry.size())
}

fn read(source: impl Source) -> Result<Vec<Said>, TarError> {
    let mut entries = ReadEntries::new(source);
    let mut found = Vec::new();
    loop {
        match entries.next_entry() {
            Ok(Some(entry)) => found.push(said(&entry)),
            Ok(None) => return Ok(found),
            Err(ReadError::Tar(error)) => return Err(error),
            Err(ReadError::Io(error)) => panic!("memory can be read: {error}"),
        }
    }
}

fuzz_target!(|tar: &[u8]| {
    let slices: Result<Vec<Said>, TarError> =
        Entries::new(tar).map(|entry| entry.map(|entry| said(&entry))).collect();
    assert_eq!(read(Forward(tar)), slices);
    assert_eq!(read(Seeking::new(Cursor::new(tar)).expect("memory")), slices);
    for (_, [stored, stored_end, content, end], ..) in slices.into_iter().flatten() {
        assert!(
            stored <= content && content <= end && end == stored_end && end <= tar.len() as u64
        );
    }
});
