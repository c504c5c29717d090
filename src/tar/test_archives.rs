//! Archives made block by block, for what no writer at hand makes.

use super::BLOCK;
use super::header::{checksums, field};

/// A header that tests change before it is sealed.
pub(crate) struct TestHeader(pub(crate) [u8; BLOCK]);

impl TestHeader {
    /// A V7 header: a name, a type and a size.
    pub(crate) fn v7(name: &str, flag: u8, size: usize) -> Self {
        let mut header = TestHeader([0; BLOCK]).with(field::NAME.start, name.as_bytes());
        header.0[field::TYPE_FLAG] = flag;
        let numbers = [(field::MODE.start, 0o644), (field::UID.start, 0), (field::GID.start, 0)];
        for (at, number) in numbers {
            header = header.with(at, format!("{number:07o}").as_bytes());
        }
        header = header.with(field::MTIME.start, b"00000000000");
        header.with(field::SIZE.start, format!("{size:011o}").as_bytes())
    }

    pub(crate) fn ustar(name: &str, flag: u8, size: usize) -> Self {
        TestHeader::v7(name, flag, size).with(field::MAGIC.start, b"ustar\x0000")
    }

    pub(crate) fn gnu(name: &str, flag: u8, size: usize) -> Self {
        TestHeader::v7(name, flag, size).with(field::MAGIC.start, b"ustar  \0")
    }

    pub(crate) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Gives the header its checksum, of bytes taken as unsigned or as signed.
    pub(crate) fn sealed(mut self, signed: bool) -> [u8; BLOCK] {
        let sum = checksums(&self.0)[usize::from(signed)];
        let text = format!("{sum:06o}\0 ");
        self.0[field::CHECKSUM].copy_from_slice(text.as_bytes());
        self.0
    }
}

/// Joins headers and contents, each padded to whole blocks, and adds the end mark.
pub(crate) fn archive(parts: &[&[u8]]) -> Vec<u8> {
    let mut tar = unended(parts);
    tar.extend_from_slice(&[0; 2 * BLOCK]);
    tar
}

/// The same without an end mark.
pub(crate) fn unended(parts: &[&[u8]]) -> Vec<u8> {
    let mut tar = Vec::new();
    for part in parts {
        tar.extend_from_slice(part);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar
}

/// A header of this type and the bytes after it.
pub(crate) fn special(flag: u8, bytes: &[u8]) -> Vec<u8> {
    let header = match flag {
        b'L' | b'K' => TestHeader::gnu("././@LongLink", flag, bytes.len()),
        _ => TestHeader::ustar("PaxHeaders/x", flag, bytes.len()),
    };
    unended(&[&header.sealed(false), bytes])
}

/// An extended header with these records.
pub(crate) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    special(b'x', &pax_records(records))
}

pub(crate) fn pax_records(records: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = key.len() + value.len() + 3;
        let len = (rest..).find(|len| *len == len.to_string().len() + rest).expect("converges");
        format!("{len} {key}={value}\n").into_bytes()
    };
    records.iter().flat_map(record).collect()
}
