//! What an image archive holds and where: one pass over the tar's headers, contents left alone.
//! What is not a file or a link does not occur in image archives and is passed over.

use std::collections::HashMap;
use std::io::{self, Read, Seek};

use super::limits::{MAX_ARCHIVE_ENTRIES, MAX_ARCHIVE_LINKS, MAX_ARCHIVE_NAME_BYTES};
use crate::quote::quoted;
use crate::tar::{self, EntryType, ReadEntries, ReadError, Seeking, TarError, TarProblem};

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
    /// The archive is no tar, or damaged.
    #[error("{}: {error}", damage(.error))]
    Tar {
        /// The problem, and where it is.
        error: TarError,
    },
    /// A file is stored without its holes. Writers of image archives never do that.
    #[error("has the sparse file {}", quoted(.0))]
    Sparse(String),
    /// More entries, or longer names, than any image archive has.
    #[error(
        "has more than {MAX_ARCHIVE_ENTRIES} entries or {MAX_ARCHIVE_NAME_BYTES} bytes of names"
    )]
    TooMany,
}

/// What a tar that stops at `error` is called.
fn damage(error: &TarError) -> &'static str {
    match error.problem {
        TarProblem::Truncated => "is cut short",
        TarProblem::Checksum if error.offset == 0 => "is not a tar",
        _ => "is a damaged tar",
    }
}

impl From<ReadError> for TarIndexError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => TarIndexError::Io(error),
            ReadError::Tar(error) => TarIndexError::Tar { error },
        }
    }
}

/// The files of an archive by name. Where a name occurs twice, the last counts, as when unpacking.
#[derive(Debug, Default)]
pub(super) struct TarIndex {
    entries: HashMap<String, IndexedName>,
    name_bytes: usize,
}

#[derive(Debug)]
enum IndexedName {
    File(Extent),
    /// Another name of the file with this name.
    HardLink(String),
    /// A path to go on with, from the root of the archive.
    Symlink(String),
}

impl TarIndex {
    /// Reads the headers of a whole archive.
    pub(super) fn read<R: Read + Seek>(archive: &mut R) -> Result<Self, TarIndexError> {
        let mut index = TarIndex::default();
        let mut entries = ReadEntries::new(Seeking::new(archive)?);
        while let Some(entry) = entries.next_entry()? {
            index.add(&entry)?;
        }
        Ok(index)
    }

    /// Whether there is nothing in the archive.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the file `name` is. Links are followed inside the archive, those to folders too.
    pub(super) fn file(&self, name: &str) -> Option<Extent> {
        let mut name = normal(name)?;
        for _ in 0..=MAX_ARCHIVE_LINKS {
            match self.entries.get(&name) {
                Some(IndexedName::File(extent)) => return Some(*extent),
                Some(IndexedName::HardLink(target) | IndexedName::Symlink(target)) => {
                    name.clone_from(target)
                }
                None => name = self.through_folder(&name)?,
            }
        }
        None
    }

    /// `name` with the first folder on its way that is a symbolic link replaced by what that leads to.
    fn through_folder(&self, name: &str) -> Option<String> {
        name.match_indices('/').find_map(|(slash, _)| match self.entries.get(&name[..slash]) {
            Some(IndexedName::Symlink(target)) => normal(&format!("{target}{}", &name[slash..])),
            _ => None,
        })
    }

    fn add(&mut self, entry: &tar::Entry<'_>) -> Result<(), TarIndexError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Some(name) = normal(&text(&entry.name.to_vec())) else { return Ok(()) };
        let link = text(entry.link_name);
        let found = match entry.entry_type {
            EntryType::Regular | EntryType::Contiguous if entry.sparse.is_some() => {
                return Err(TarIndexError::Sparse(name.chars().take(200).collect()));
            }
            EntryType::Regular | EntryType::Contiguous => {
                Some(IndexedName::File(Extent { offset: entry.content.start, len: entry.size() }))
            }
            EntryType::Symlink => symlink_target(&name, &link).map(IndexedName::Symlink),
            EntryType::HardLink => normal(&link).map(IndexedName::HardLink),
            _ => None,
        };
        if let Some(found) = found {
            self.name_bytes += name.len() + link.len();
            self.entries.insert(name, found);
        }
        if self.entries.len() > MAX_ARCHIVE_ENTRIES || self.name_bytes > MAX_ARCHIVE_NAME_BYTES {
            return Err(TarIndexError::TooMany);
        }
        Ok(())
    }
}

/// What the symbolic link `name` leads to. The root of an absolute target is that of the archive, as
/// it is for engines, which unpack archives into a folder that they don't leave.
fn symlink_target(name: &str, link: &str) -> Option<String> {
    match link.starts_with('/') {
        true => normal(link),
        false => {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            normal(&format!("{folder}/{link}"))
        }
    }
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

    use tar::{EntryType, Header};

    use super::{Extent, MAX_ARCHIVE_NAME_BYTES, TarIndex};
    use crate::tar::test_archives;

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
    fn absolute_links_and_links_to_folders_lead_inside_the_archive() {
        let bytes = archive(|builder| {
            add(builder, "a/layer.tar", b"layer");
            link(builder, EntryType::Symlink, "deep/b/layer.tar", "/a/layer.tar");
            link(builder, EntryType::Link, "c.tar", "/a/layer.tar");
            link(builder, EntryType::Symlink, "deep/folder", "/a");
            link(builder, EntryType::Symlink, "again", "deep/folder");
            link(builder, EntryType::Symlink, "out", "/../../etc/passwd");
        });
        for name in ["deep/b/layer.tar", "/c.tar", "deep/folder/layer.tar", "again/layer.tar"] {
            assert_eq!(content(&bytes, name), Some(&b"layer"[..]), "{name}");
        }
        assert_eq!(content(&bytes, "out"), None);
    }

    #[test]
    fn damage_is_told_by_its_place() {
        let whole = archive(|builder| add(builder, "a", &[7; 1000]));
        let error = |bytes: &[u8]| match TarIndex::read(&mut Cursor::new(bytes)) {
            Ok(_) => "read".to_owned(),
            Err(error) => error.to_string(),
        };
        let long = archive(|builder| {
            builder.append_pax_extensions([("path", &[b'a'; 1 << 20][..])]).expect("in memory");
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
        let cut = "is cut short: tar header at byte 0: the tar ends in the middle of it";
        assert_eq!(error(&whole[..1500]), cut);
        assert_eq!(error(&whole[..100]), cut);
        let sum = "is not a tar: tar header at byte 0: the header's checksum is wrong";
        assert_eq!(error(&[b'x'; 512]), sum);
        let tail = "the extended header is too long";
        assert!(error(&long).ends_with(tail), "{}", error(&long));
        let map = [("GNU.sparse.map", "0,1"), ("GNU.sparse.numblocks", "1")];
        let header = test_archives::TestHeader::ustar("s", b'0', 1).sealed(false);
        let sparse = test_archives::archive(&[&test_archives::pax(&map), &header, b"x"]);
        assert_eq!(error(&sparse), "has the sparse file \"s\"");
    }
}
