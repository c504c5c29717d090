//! Writing tars of plain files: the same bytes for the same files.

use std::io::{self, Write};
use std::ops::Range;

use super::BLOCK;
use super::header::{checksums, field};

/// Sizes below this have room in a header in octal, with a NUL after them.
const OCTAL_SIZES: u64 = 1 << 33;
/// The end mark (POSIX pax, "ustar Interchange Format").
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// How much a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderStyle {
    /// A ustar header of a file that anybody may read, owned by nobody in particular and of no
    /// particular time.
    Ustar,
    /// The fields that a reader must know, name, size and checksum; the rest is zero as in tars
    /// before POSIX. Such headers compress best.
    Smallest,
}

/// A file to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// The name: at most 100 bytes.
    pub name: &'a str,
    /// How many bytes the content has.
    pub size: u64,
    /// How much the header says.
    pub style: HeaderStyle,
}

/// How many bytes a tar has whose one file has `size` bytes of content.
pub fn archive_len(size: u64) -> u64 {
    BLOCK as u64 + size.next_multiple_of(BLOCK as u64) + END.len() as u64
}

/// Writes files one after another. The bytes that are written to it are the content of the file
/// that was started last.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// How much of the content is still to come.
    left: u64,
    padding: usize,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Writer { out, left: 0, padding: 0 }
    }

    /// Starts a file. The file's content has to be written next, all of it.
    ///
    /// # Errors
    /// If writing fails, the name is too long, or content of the file before is missing.
    pub fn start(&mut self, file: &NewFile<'_>) -> io::Result<()> {
        let header = header(file)?;
        self.end_file()?;
        self.out.write_all(&header)?;
        self.left = file.size;
        self.padding = (file.size.next_multiple_of(BLOCK as u64) - file.size) as usize;
        Ok(())
    }

    /// Writes the end mark, and returns what was written to.
    ///
    /// # Errors
    /// If writing fails or content of the last file is missing.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_file()?;
        self.out.write_all(&END)?;
        Ok(self.out)
    }

    fn end_file(&mut self) -> io::Result<()> {
        if self.left > 0 {
            let problem = format!("{} bytes of a file's content are missing", self.left);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem));
        }
        self.out.write_all(&END[..std::mem::take(&mut self.padding)])
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        if most == 0 && !bytes.is_empty() {
            let problem = "a file's content is longer than its header says";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let len = self.out.write(&bytes[..most])?;
        self.left -= len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn header(file: &NewFile<'_>) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    if file.name.is_empty() || file.name.len() > field::NAME.len() || file.name.contains('\0') {
        let problem = format!("a name of {} bytes has no place in a header", file.name.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    block[..file.name.len()].copy_from_slice(file.name.as_bytes());
    match file.style {
        HeaderStyle::Smallest => put_small_size(&mut block, file.size),
        HeaderStyle::Ustar => {
            for (range, number) in [(field::MODE, 0o644), (field::UID, 0), (field::GID, 0)] {
                put_octal(&mut block[range], number);
            }
            put_size(&mut block, file.size);
            put_octal(&mut block[field::MTIME], 0);
            block[field::TYPE_FLAG] = b'0';
            block[field::MAGIC].copy_from_slice(b"ustar\0");
            block[field::VERSION].copy_from_slice(b"00");
        }
    }
    put_checksum(&mut block, file.style);
    Ok(block)
}

/// Writes `number` in octal with zeros in front and a NUL at the end.
pub(super) fn put_octal(field: &mut [u8], number: u64) {
    let width = field.len() - 1;
    field[..width].copy_from_slice(format!("{number:0width$o}").as_bytes());
}

/// Writes `number` in octal without zeros in front.
fn put_digits(field: &mut [u8], number: u64) {
    let digits = format!("{number:o}");
    field[..digits.len()].copy_from_slice(digits.as_bytes());
}

pub(super) fn put_size(block: &mut [u8; BLOCK], size: u64) {
    match size < OCTAL_SIZES {
        true => put_octal(&mut block[field::SIZE], size),
        false => put_base_256(&mut block[field::SIZE], size),
    }
}

fn put_small_size(block: &mut [u8; BLOCK], size: u64) {
    match size < OCTAL_SIZES {
        true => put_digits(&mut block[field::SIZE], size),
        false => put_base_256(&mut block[field::SIZE], size),
    }
}

/// Writes `number` in base 256, as GNU tar, Go and others read it.
fn put_base_256(field: &mut [u8], number: u64) {
    let digits = number.to_be_bytes();
    let start = field.len() - digits.len();
    field[start..].copy_from_slice(&digits);
    field[0] |= 0x80;
}

/// Gives a ustar header its checksum.
pub(super) fn seal(block: &mut [u8; BLOCK]) {
    put_checksum(block, HeaderStyle::Ustar);
}

fn put_checksum(block: &mut [u8; BLOCK], style: HeaderStyle) {
    const CHECKSUM: Range<usize> = field::CHECKSUM;
    let [sum, _] = checksums(block);
    match style {
        HeaderStyle::Smallest => put_digits(&mut block[CHECKSUM], sum as u64),
        HeaderStyle::Ustar => put_octal(&mut block[CHECKSUM], sum as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::{Entries, EntryType};

    fn archive(files: &[(&str, &[u8], HeaderStyle)]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for &(name, content, style) in files {
            let file = NewFile { name, size: content.len() as u64, style };
            writer.start(&file).expect("vec");
            writer.write_all(content).expect("vec");
        }
        writer.finish().expect("vec")
    }

    #[test]
    fn files_read_back_here_and_elsewhere() {
        for style in [HeaderStyle::Ustar, HeaderStyle::Smallest] {
            for len in [0, 1, 511, 512, 513] {
                let content = vec![7; len];
                let bytes = archive(&[("d", &content, style)]);
                assert_eq!(bytes.len() as u64, archive_len(len as u64));
                let entry = Entries::new(&bytes).next().expect("one").expect("valid");
                assert_eq!((entry.name.to_vec(), entry.size()), (b"d".to_vec(), len as u64));
                assert_eq!(entry.entry_type, EntryType::Regular);

                let mut archive = tar::Archive::new(&bytes[..]);
                let mut entries = archive.entries().expect("entries");
                let mut entry = entries.next().expect("one").expect("valid");
                let mut read = Vec::new();
                io::Read::read_to_end(&mut entry, &mut read).expect("content");
                assert_eq!(read, content);
                assert!(entries.next().is_none());
            }
        }
    }

    #[test]
    fn ustar_headers_are_those_of_the_tar_crate() {
        for (name, size) in [("manifest.json", 0), (&"n".repeat(100), 1), ("b", 1 << 33)] {
            let mut theirs = tar::Header::new_ustar();
            theirs.set_path(name).expect("short");
            theirs.set_mode(0o644);
            theirs.set_uid(0);
            theirs.set_gid(0);
            theirs.set_mtime(0);
            theirs.set_size(size);
            theirs.set_entry_type(tar::EntryType::Regular);
            theirs.set_cksum();
            let ours = header(&NewFile { name, size, style: HeaderStyle::Ustar }).expect("short");
            assert_eq!(
                ours.escape_ascii().to_string(),
                theirs.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn sizes_of_any_magnitude_read_back() {
        for style in [HeaderStyle::Ustar, HeaderStyle::Smallest] {
            for size in [0, 7, 8, OCTAL_SIZES - 1, OCTAL_SIZES, u64::MAX >> 1] {
                let block = header(&NewFile { name: "d", size, style }).expect("short");
                let header = crate::tar::header::Header::new(&block).expect("a header");
                assert_eq!(header.size(), Ok(size as i64));
            }
        }
    }

    #[test]
    fn content_that_differs_from_its_size_is_refused() {
        let file = NewFile { name: "d", size: 2, style: HeaderStyle::Ustar };
        let started = || {
            let mut writer = Writer::new(Vec::new());
            writer.start(&file).expect("vec");
            writer
        };
        assert!(started().write_all(b"abc").is_err());
        assert!(started().finish().is_err());
        assert!(started().start(&file).is_err());
        for name in ["", "a\0b", &"n".repeat(101)] {
            assert!(Writer::new(Vec::new()).start(&NewFile { name, ..file }).is_err());
        }
    }
}
