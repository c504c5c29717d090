//! What an image archive holds and where: one pass over the tar's headers, contents left alone.
//!
//! The `tar` crate's iterator reads extended headers of any length into memory; this reads bounded
//! ones only. What is not a file or a link does not occur in image archives and is passed over.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};

use tar::{EntryType, Header, PaxExtensions};

use super::limits::{
    MAX_ARCHIVE_ENTRIES, MAX_ARCHIVE_LINKS, MAX_ARCHIVE_NAME_BYTES, MAX_TAR_EXTENSION_BYTES,
};

/// The unit of a tar (POSIX.1-2017, pax, "ustar Interchange Format").
const BLOCK: u64 = 512;

/// A file's place in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where its bytes begin.
    pub(super) offset: u64,
    /// How many they are.
    pub(super) len: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarIndexError {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A header that is none.
    #[error("is not a tar: no header at byte {0}")]
    Header(u64),
    /// The archive ends within an entry.
    #[error("is cut short: the entry at byte {0} goes on after the end")]
    Truncated(u64),
    /// An extended header that is too long or cannot be read.
    #[error("has a damaged extended header at byte {0}")]
    Extension(u64),
    /// More entries, or longer names, than any image archive has.
    #[error(
        "has more than {MAX_ARCHIVE_ENTRIES} entries or {MAX_ARCHIVE_NAME_BYTES} bytes of names"
    )]
    TooMany,
}

/// The files of an archive by name. Where a name occurs twice, the last counts, as when unpacking.
#[derive(Debug, Default)]
pub(super) struct TarIndex {
    entries: HashMap<String, Entry>,
    name_bytes: usize,
}

#[derive(Debug)]
enum Entry {
    File(Extent),
    Link(String),
}

/// What extended headers say of the entry after them.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl TarIndex {
    /// Reads the headers of a whole archive.
    pub(super) fn read<R: Read + Seek>(archive: &mut R) -> Result<Self, TarIndexError> {
        let end = archive.seek(SeekFrom::End(0))?;
        let mut index = TarIndex::default();
        let mut extension = Extension::default();
        let mut position = 0;
        while let Some(header) = header_at(archive, position, end)? {
            let size = entry_size(&header, &extension, position)?;
            let data = Extent { offset: position + BLOCK, len: size };
            let next = data.offset.checked_add(size).filter(|next| *next <= end);
            let next = next.ok_or(TarIndexError::Truncated(position))?;
            if is_extension(header.entry_type()) {
                extension.add(header.entry_type(), &read_extension(archive, data)?, position)?;
            } else {
                index.add(&header, std::mem::take(&mut extension), data)?;
            }
            position = next.next_multiple_of(BLOCK);
        }
        Ok(index)
    }

    /// Where the file `name` is; links are followed inside the archive.
    pub(super) fn file(&self, name: &str) -> Option<Extent> {
        let mut name = normal(name)?;
        for _ in 0..MAX_ARCHIVE_LINKS {
            match self.entries.get(&name)? {
                Entry::File(extent) => return Some(*extent),
                Entry::Link(target) => name.clone_from(target),
            }
        }
        None
    }

    fn add(
        &mut self,
        header: &Header,
        extension: Extension,
        data: Extent,
    ) -> Result<(), TarIndexError> {
        let own_name = || String::from_utf8_lossy(&header.path_bytes()).into_owned();
        let Some(name) = normal(&extension.path.unwrap_or_else(own_name)) else { return Ok(()) };
        let own_link =
            || header.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
        let link = extension.link.or_else(own_link).unwrap_or_default();
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let entry = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => Some(Entry::File(data)),
            EntryType::Symlink => normal(&format!("{folder}/{link}")).map(Entry::Link),
            EntryType::Link => normal(&link).map(Entry::Link),
            _ => None,
        };
        if let Some(entry) = entry {
            self.name_bytes += name.len() + link.len();
            self.entries.insert(name, entry);
        }
        if self.entries.len() > MAX_ARCHIVE_ENTRIES || self.name_bytes > MAX_ARCHIVE_NAME_BYTES {
            return Err(TarIndexError::TooMany);
        }
        Ok(())
    }
}

impl Extension {
    fn add(&mut self, kind: EntryType, bytes: &[u8], position: u64) -> Result<(), TarIndexError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        match kind {
            EntryType::GNULongName => self.path = Some(text(bytes)),
            EntryType::GNULongLink => self.link = Some(text(bytes)),
            _ => {
                for record in PaxExtensions::new(bytes) {
                    let record = record.map_err(|_| TarIndexError::Extension(position))?;
                    match record.key_bytes() {
                        b"path" => self.path = Some(text(record.value_bytes())),
                        b"linkpath" => self.link = Some(text(record.value_bytes())),
                        b"size" => {
                            let size = text(record.value_bytes()).parse();
                            self.size = Some(size.map_err(|_| TarIndexError::Extension(position))?);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}

/// The header at `position`; `None` at the end of the archive, with or without its end mark.
fn header_at<R: Read + Seek>(
    archive: &mut R,
    position: u64,
    end: u64,
) -> Result<Option<Header>, TarIndexError> {
    if position >= end {
        return Ok(None);
    }
    if end - position < BLOCK {
        return Err(TarIndexError::Truncated(position));
    }
    archive.seek(SeekFrom::Start(position))?;
    let mut header = Header::new_old();
    archive.read_exact(header.as_mut_bytes())?;
    let bytes = header.as_bytes();
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    // The checksum is the sum of the header's bytes with its own field (148..156) taken as spaces.
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = bytes[148..156].iter().map(|byte| u32::from(*byte)).sum();
    match header.cksum() {
        Ok(checksum) if checksum == sum - own + 8 * u32::from(b' ') => Ok(Some(header)),
        _ => Err(TarIndexError::Header(position)),
    }
}

fn entry_size(header: &Header, extension: &Extension, position: u64) -> Result<u64, TarIndexError> {
    let kind = header.entry_type();
    if !is_extension(kind)
        && let Some(size) = extension.size
    {
        return Ok(size);
    }
    match kind {
        EntryType::Symlink | EntryType::Link | EntryType::Directory => Ok(0),
        _ => header.entry_size().map_err(|_| TarIndexError::Header(position)),
    }
}

fn is_extension(kind: EntryType) -> bool {
    matches!(kind, EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader)
}

fn read_extension<R: Read + Seek>(archive: &mut R, data: Extent) -> Result<Vec<u8>, TarIndexError> {
    if data.len > MAX_TAR_EXTENSION_BYTES {
        return Err(TarIndexError::Extension(data.offset));
    }
    archive.seek(SeekFrom::Start(data.offset))?;
    let mut bytes = Vec::new();
    archive.by_ref().take(data.len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A name without `.` and `..`; `None` for one that is empty or leads outside.
fn normal(name: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().expect("in memory")
    }

    fn add(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).expect("in memory");
    }

    fn link(builder: &mut tar::Builder<Vec<u8>>, kind: EntryType, name: &str, target: &str) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, name, target).expect("in memory");
    }

    fn content<'a>(archive: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let index = TarIndex::read(&mut Cursor::new(archive)).expect("indexed");
        let Extent { offset, len } = index.file(name)?;
        Some(&archive[offset as usize..(offset + len) as usize])
    }

    #[test]
    fn files_are_found_by_any_spelling_of_their_name() {
        let long = format!("{}/layer.tar", "x".repeat(200));
        let bytes = archive(|builder| {
            add(builder, "./manifest.json", b"old");
            add(builder, &long, b"long");
            builder.append_pax_extensions([("path", &b"from/pax"[..])]).expect("in memory");
            add(builder, "short", b"pax");
            add(builder, "manifest.json", b"new");
        });
        assert_eq!(content(&bytes, "manifest.json"), Some(&b"new"[..]));
        assert_eq!(content(&bytes, &format!("./{long}")), Some(&b"long"[..]));
        assert_eq!(content(&bytes, "from/pax"), Some(&b"pax"[..]));
        assert_eq!(content(&bytes, "short"), None);
    }

    #[test]
    fn links_are_followed_inside_the_archive_only() {
        let bytes = archive(|builder| {
            add(builder, "a/layer.tar", b"layer");
            link(builder, EntryType::Symlink, "b/layer.tar", "../a/layer.tar");
            link(builder, EntryType::Link, "c/layer.tar", "b/layer.tar");
            link(builder, EntryType::Symlink, "out", "../../etc/passwd");
            link(builder, EntryType::Symlink, "round", "round");
        });
        assert_eq!(content(&bytes, "c/layer.tar"), Some(&b"layer"[..]));
        assert_eq!(content(&bytes, "out"), None);
        assert_eq!(content(&bytes, "round"), None);
    }

    #[test]
    fn damage_is_told_by_its_place() {
        let whole = archive(|builder| add(builder, "a", &[7; 1000]));
        let error = |bytes: &[u8]| match TarIndex::read(&mut Cursor::new(bytes)) {
            Ok(_) => "read".to_owned(),
            Err(error) => error.to_string(),
        };
        let long = archive(|builder| {
            builder.append_pax_extensions([("path", &[b'a'; 70_000][..])]).expect("in memory");
        });
        let many = archive(|builder| {
            for number in 0..MAX_ARCHIVE_NAME_BYTES / 60_000 + 1 {
                let name = format!("{number}{}", "a".repeat(60_000));
                builder.append_pax_extensions([("path", name.as_bytes())]).expect("in memory");
                add(builder, "x", b"");
            }
        });
        assert!(error(&many).starts_with("has more than"));
        assert_eq!(error(&[]), "read");
        assert_eq!(error(&whole[..1536]), "read", "the end mark may be missing");
        assert_eq!(
            error(&whole[..1500]),
            "is cut short: the entry at byte 0 goes on after the end"
        );
        assert_eq!(error(&whole[..100]), "is cut short: the entry at byte 0 goes on after the end");
        assert_eq!(error(&[b'x'; 512]), "is not a tar: no header at byte 0");
        assert_eq!(error(&long), "has a damaged extended header at byte 512");
    }
}
