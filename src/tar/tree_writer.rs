//! Writing tars of whole trees: folders, files and links, with names of any length.

use std::io::{self, Write};

use super::BLOCK;
use super::header::field;
use super::writer::{END, put_octal, put_size, seal};

/// The greatest time that a header has room for: eleven octal digits.
const MAX_MTIME: u64 = (1 << 33) - 1;
/// The bits of a mode that a header may have: permissions with setuid, setgid and sticky.
const MODE_BITS: u32 = 0o7777;
/// The name of extended headers. Readers do not look at it.
const PAX_NAME: &[u8] = b"PaxHeaders/entry";

/// What an entry is.
#[derive(Debug, Clone, Copy)]
pub enum NewKind<'a> {
    /// A file of so many bytes, which are written next.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link to this target.
    Symlink(&'a [u8]),
    /// Another name of the entry that is called this.
    HardLink(&'a [u8]),
}

/// An entry to be written, owned by root.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// The name, without a NUL.
    pub name: &'a [u8],
    /// What the entry is.
    pub kind: NewKind<'a>,
    /// Permissions with setuid, setgid and sticky; other bits are left out.
    pub mode: u32,
    /// When it was last changed, in seconds since 1970. Times that have no room are moved to the nearest that has.
    pub mtime: i64,
}

/// Writes entries one after another.
#[derive(Debug)]
pub struct TreeWriter<W> {
    out: W,
}

impl<W: Write> TreeWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        TreeWriter { out }
    }

    /// Writes an entry and, of a file, its content.
    ///
    /// # Errors
    /// If writing fails, or `content` has not the length that the entry's kind says.
    pub fn write(&mut self, entry: &NewEntry<'_>, content: &[u8]) -> io::Result<()> {
        let size = if let NewKind::File(size) = entry.kind { size } else { 0 };
        if size != content.len() as u64 {
            let problem = "a file's content is not as long as its header says";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let link = link(entry.kind);
        self.write_records(&records(entry.name, link))?;
        self.out.write_all(&header(entry, link, size))?;
        self.write_padded(content)
    }

    /// Writes the end mark, and returns what was written to.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&END)?;
        Ok(self.out)
    }

    fn write_records(&mut self, records: &[u8]) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut block = blank(PAX_NAME, b'x', 0o644, 0, records.len() as u64);
        seal(&mut block);
        self.out.write_all(&block)?;
        self.write_padded(records)
    }

    fn write_padded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.write_all(&END[..bytes.len().next_multiple_of(BLOCK) - bytes.len()])
    }
}

fn link(kind: NewKind<'_>) -> &[u8] {
    match kind {
        NewKind::File(_) | NewKind::Folder => b"",
        NewKind::Symlink(target) | NewKind::HardLink(target) => target,
    }
}

/// The records of an extended header for names that have no place in the header itself.
fn records(name: &[u8], link: &[u8]) -> Vec<u8> {
    let fits = |text: &[u8], room: usize| text.len() <= room && text.is_ascii();
    let mut records = Vec::new();
    if !fits(name, field::NAME.len()) {
        put_record(&mut records, b"path", name);
    }
    if !fits(link, field::LINK_NAME.len()) {
        put_record(&mut records, b"linkpath", link);
    }
    records
}

/// Adds `length key=value\n`, whose length counts its own digits.
fn put_record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + b" =\n".len();
    let mut len = rest;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    records.extend_from_slice(len.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        records.extend_from_slice(part);
    }
}

fn header(entry: &NewEntry<'_>, link: &[u8], size: u64) -> [u8; BLOCK] {
    let flag = match entry.kind {
        NewKind::File(_) => b'0',
        NewKind::HardLink(_) => b'1',
        NewKind::Symlink(_) => b'2',
        NewKind::Folder => b'5',
    };
    let mut block = blank(entry.name, flag, entry.mode, entry.mtime, size);
    put_text(&mut block[field::LINK_NAME], link);
    seal(&mut block);
    block
}

/// A header without a link and without its checksum.
fn blank(name: &[u8], flag: u8, mode: u32, mtime: i64, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put_text(&mut block[field::NAME], name);
    put_octal(&mut block[field::MODE], u64::from(mode & MODE_BITS));
    put_octal(&mut block[field::UID], 0);
    put_octal(&mut block[field::GID], 0);
    put_size(&mut block, size);
    put_octal(&mut block[field::MTIME], u64::try_from(mtime).unwrap_or(0).min(MAX_MTIME));
    block[field::TYPE_FLAG] = flag;
    block[field::MAGIC].copy_from_slice(b"ustar\0");
    block[field::VERSION].copy_from_slice(b"00");
    block
}

/// Puts as much of `text` into the field as has room.
fn put_text(field: &mut [u8], text: &[u8]) {
    let len = text.len().min(field.len());
    field[..len].copy_from_slice(&text[..len]);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn trees_read_back_elsewhere() {
        let (long, odd) = ("d/".repeat(120) + "f", "ü".repeat(60));
        let entries: [(&[u8], NewKind<'_>, &[u8]); 6] = [
            (b"d/", NewKind::Folder, b""),
            (b"d/f", NewKind::File(513), &[7; 513]),
            (long.as_bytes(), NewKind::File(1), b"x"),
            (b"l", NewKind::Symlink(odd.as_bytes()), b""),
            (odd.as_bytes(), NewKind::HardLink(b"d/f"), b""),
            (b"\xff\xfe", NewKind::File(0), b""),
        ];
        let mut writer = TreeWriter::new(Vec::new());
        for (name, kind, content) in entries {
            let entry = NewEntry { name, kind, mode: 0o104_755, mtime: -1 };
            writer.write(&entry, content).expect("vec");
        }
        let bytes = writer.finish().expect("vec");
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut read = archive.entries().expect("entries");
        for (name, kind, content) in entries {
            let mut entry = read.next().expect("one more").expect("valid");
            assert_eq!(&*entry.path_bytes(), name);
            assert_eq!(entry.link_name_bytes().unwrap_or_default(), link(kind));
            assert_eq!(entry.header().mode().expect("a number"), 0o4755);
            let mut found = Vec::new();
            entry.read_to_end(&mut found).expect("memory");
            assert_eq!(found, content);
        }
        assert!(read.next().is_none());
    }

    #[test]
    fn content_of_another_length_is_refused() {
        let entry = NewEntry { name: b"f", kind: NewKind::File(2), mode: 0o644, mtime: 0 };
        assert!(TreeWriter::new(Vec::new()).write(&entry, b"abc").is_err());
        let folder = NewEntry { kind: NewKind::Folder, ..entry };
        assert!(TreeWriter::new(Vec::new()).write(&folder, b"a").is_err());
    }
}
