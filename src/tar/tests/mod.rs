//! Both walks over made-up archives. What is right follows the source of Go's archive/tar 1.19.8;
//! where GNU tar or Python are known to differ, a case says so.

mod damage;
mod entries;
mod sparse;

use std::io::{self, Cursor, Read};

use super::test_archives::{TestHeader, unended};
use super::{
    Entries, Entry, Forward, ReadEntries, ReadError, Seeking, Source, TarError, TarProblem,
};

/// An entry as text: type, name, link, size, offset of its content.
fn shown(entry: &Entry<'_>) -> String {
    let link = match entry.link_name {
        b"" => String::new(),
        link => format!(" -> {}", link.escape_ascii()),
    };
    let name = entry.name.to_vec();
    let (kind, name) = (entry.entry_type, name.escape_ascii());
    format!("{kind:?} {name}{link} {} @{}", entry.size(), entry.content.start)
}

fn slice_walk(tar: &[u8]) -> Result<Vec<String>, TarError> {
    Entries::new(tar).map(|entry| entry.map(|entry| shown(&entry))).collect()
}

fn read_walk(source: impl Source) -> Result<Vec<String>, TarError> {
    let mut walk = ReadEntries::new(source);
    let mut entries = Vec::new();
    loop {
        match walk.next_entry() {
            Ok(Some(entry)) => entries.push(shown(&entry)),
            Ok(None) => return Ok(entries),
            Err(ReadError::Tar(error)) => return Err(error),
            Err(ReadError::Io(error)) => panic!("reading memory failed: {error}"),
        }
    }
}

/// Gives a byte at a time, so that every read is a partial one.
struct Trickle<R>(R);

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

/// What all three walks say, which is the same.
fn walk(tar: &[u8]) -> Result<Vec<String>, TarProblem> {
    let slice = slice_walk(tar);
    let seeking = Seeking::new(Cursor::new(tar)).expect("memory");
    assert_eq!(read_walk(seeking), slice, "with seeking");
    assert_eq!(read_walk(Forward(Trickle(tar))), slice, "front to back");
    slice.map_err(|error| error.problem)
}

#[track_caller]
fn holds(tar: &[u8], entries: &[&str]) {
    let expected: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    assert_eq!(walk(tar), Ok(expected));
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    unended(&[&TestHeader::ustar(name, b'0', content.len()).sealed(false), content])
}
