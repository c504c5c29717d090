//! The tar around a layer's delta: one entry, then zeros.

use std::io::{self, Read, Write};

use crate::tar::{
    EntryType, Forward, HeaderStyle, NewFile, ReadEntries, ReadError, Writer, archive_len,
};

/// The name of the entry: engines look at none, and every byte of it comes with every layer.
const NAME: &str = "d";

/// How many bytes the tar of a delta of `len` bytes has.
pub(crate) fn tar_len(len: u64) -> u64 {
    archive_len(len)
}

/// Writes the tar of a delta of `len` bytes that `write` writes. Its header is the smallest that
/// readers take: where one small file changed, headers are most of a delta.
pub(crate) fn write_tar<W: Write>(
    len: u64,
    out: &mut W,
    write: impl FnOnce(&mut Writer<&mut W>) -> io::Result<()>,
) -> io::Result<()> {
    let mut tar = Writer::new(out);
    tar.start(&NewFile { name: NAME, size: len, style: HeaderStyle::Smallest })?;
    write(&mut tar)?;
    tar.finish().map(drop)
}

/// How a layer's tar begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With a regular file of so many bytes, which come next.
    File(u64),
    /// With the end of the tar.
    Empty,
    /// With an entry of another type, the letter in its header.
    Other(char),
    /// With something that is no tar header.
    NotTar,
}

/// Reads a tar up to the content of its first entry.
pub(crate) fn read_start(tar: &mut impl Read) -> io::Result<Start> {
    match ReadEntries::new(Forward(tar)).next_entry() {
        Ok(Some(entry)) => match (entry.entry_type, &entry.sparse) {
            (EntryType::Regular, None) => Ok(Start::File(entry.size())),
            _ => Ok(Start::Other(entry.type_flag().into())),
        },
        Ok(None) => Ok(Start::Empty),
        Err(ReadError::Io(error)) => Err(error),
        Err(ReadError::Tar(_)) => Ok(Start::NotTar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::test_archives::{TestHeader, archive, pax, special};

    fn tar_of(content: &[u8]) -> Vec<u8> {
        let mut tar = Vec::new();
        write_tar(content.len() as u64, &mut tar, |out| out.write_all(content)).expect("vec");
        tar
    }

    #[test]
    fn a_tar_reads_back_here_and_elsewhere() {
        for len in [0, 1, 511, 512, 513] {
            let content = vec![7; len];
            let tar = tar_of(&content);
            assert_eq!(tar.len() as u64, tar_len(len as u64));
            assert_eq!(read_start(&mut &tar[..]).expect("read"), Start::File(len as u64));

            let mut archive = tar::Archive::new(&tar[..]);
            let mut entries = archive.entries().expect("entries");
            let mut entry = entries.next().expect("one").expect("valid");
            assert_eq!(entry.path_bytes().as_ref(), NAME.as_bytes());
            assert!(entry.header().entry_type().is_file());
            let mut read = Vec::new();
            entry.read_to_end(&mut read).expect("content");
            assert_eq!(read, content);
            drop(entry);
            assert!(entries.next().is_none());
        }
    }

    #[test]
    fn a_delta_is_found_behind_extended_headers() {
        let long = [special(b'L', b"delta"), pax(&[("size", "7")])].concat();
        let header = TestHeader::ustar("d", b'0', 0).sealed(true);
        let tar = archive(&[&long, &header, b"content"]);
        let mut input = &tar[..];
        assert_eq!(read_start(&mut input).expect("read"), Start::File(7));
        assert!(input.starts_with(b"content"));
    }

    #[test]
    fn what_is_no_file_in_a_tar_is_told_apart() {
        let of_type = |flag| TestHeader::gnu("e", flag, 0).sealed(false);
        let (directory, sparse) = (of_type(b'5'), of_type(b'S'));
        let mut flipped = tar_of(b"x");
        flipped[0] ^= 1;
        let cases: [(&[u8], Start); 7] = [
            (&[0; 1024], Start::Empty),
            (b"", Start::Empty),
            (&directory, Start::Other('5')),
            (&sparse, Start::Other('S')),
            (&flipped, Start::NotTar),
            (&tar_of(b"x")[..500], Start::NotTar),
            (&[0x72; 512], Start::NotTar),
        ];
        for (tar, expected) in cases {
            assert_eq!(read_start(&mut &tar[..]).expect("read"), expected);
        }
    }
}
