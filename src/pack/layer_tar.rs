//! The tar around a layer's delta: one entry, then zeros.

use std::io::{self, Read, Write};
use std::ops::Range;

use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// The name of the entry: engines look at none, and every byte of it comes with every layer.
const NAME: &str = "d";
/// Where a header has its checksum (POSIX pax, "ustar Interchange Format").
const CHECKSUM: Range<usize> = 148..156;
/// Where it has the size.
const SIZE: Range<usize> = 124..136;
/// Sizes below this have room there in octal.
const OCTAL_SIZES: u64 = 1 << 33;
/// A tar ends with two blocks of zeros (POSIX pax, "ustar Interchange Format").
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// How many bytes the tar of a delta of `len` bytes has.
pub(crate) fn tar_len(len: u64) -> u64 {
    BLOCK as u64 + len.next_multiple_of(BLOCK as u64) + END.len() as u64
}

/// Writes the tar of a delta of `len` bytes that `write` writes.
pub(crate) fn write_tar<W: Write>(
    len: u64,
    out: &mut W,
    write: impl FnOnce(&mut W) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(smallest_header(len).as_bytes())?;
    write(out)?;
    let padding = len.next_multiple_of(BLOCK as u64) - len;
    out.write_all(&END[..padding as usize])?;
    out.write_all(&END)
}

/// A header that says what a reader must know, name, size and checksum, and leaves the rest zero as
/// tars before POSIX did: where one small file changed, headers are most of a delta.
fn smallest_header(len: u64) -> Header {
    let mut header = Header::new_old();
    header.as_mut_bytes().fill(0);
    header.as_mut_bytes()[..NAME.len()].copy_from_slice(NAME.as_bytes());
    if len < OCTAL_SIZES {
        put_octal(&mut header.as_mut_bytes()[SIZE], len);
    } else {
        header.set_size(len);
    }
    let sum = checksum(header.as_bytes());
    put_octal(&mut header.as_mut_bytes()[CHECKSUM], u64::from(sum));
    header
}

/// Writes `number` in octal, without leading zeros, in front of the zeros that are there.
fn put_octal(field: &mut [u8], number: u64) {
    let digits = format!("{number:o}");
    field[..digits.len()].copy_from_slice(digits.as_bytes());
}

/// The sum of a header's bytes. It counts its own field as spaces.
fn checksum(header: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    sum(&header[..CHECKSUM.start])
        + CHECKSUM.len() as u32 * u32::from(b' ')
        + sum(&header[CHECKSUM.end..])
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

/// Reads the first header of a tar.
pub(crate) fn read_start(tar: &mut impl Read) -> io::Result<Start> {
    let mut bytes = [0; BLOCK];
    let len = read_up_to(tar, &mut bytes)?;
    let header = Header::from_byte_slice(&bytes);
    if bytes.iter().all(|&byte| byte == 0) {
        return Ok(Start::Empty);
    }
    if len < BLOCK || !header.cksum().is_ok_and(|stated| stated == checksum(&bytes)) {
        return Ok(Start::NotTar);
    }
    match header.entry_type() {
        EntryType::Regular => Ok(header.entry_size().map_or(Start::NotTar, Start::File)),
        other => Ok(Start::Other(other.as_byte().into())),
    }
}

/// Reads until `buffer` is full or `input` ends.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_size_of_any_magnitude_reads_back() {
        for len in [0, 7, 8, OCTAL_SIZES - 1, OCTAL_SIZES, u64::MAX >> 1] {
            let header = smallest_header(len);
            assert_eq!(read_start(&mut &header.as_bytes()[..]).expect("read"), Start::File(len));
        }
    }

    #[test]
    fn what_is_no_file_in_a_tar_is_told_apart() {
        let mut directory = Header::new_ustar();
        directory.set_entry_type(EntryType::Directory);
        directory.set_size(0);
        directory.set_cksum();
        let mut flipped = tar_of(b"x");
        flipped[0] ^= 1;
        let cases: [(&[u8], Start); 6] = [
            (&[0; 1024], Start::Empty),
            (b"", Start::Empty),
            (directory.as_bytes(), Start::Other('5')),
            (&flipped, Start::NotTar),
            (&tar_of(b"x")[..500], Start::NotTar),
            (&[0x72; 512], Start::NotTar),
        ];
        for (tar, expected) in cases {
            assert_eq!(read_start(&mut &tar[..]).expect("read"), expected);
        }
    }
}
