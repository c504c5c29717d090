//! One entry: its header joined with the extended headers and long names before it.

use std::ops::Range;

use super::entry_type::{EntryType, entry_type};
use super::error::TarProblem;
use super::header::Header;
use super::mtime::Mtime;
use super::name::Name;
use super::number::until_nul;
use super::pax::Pax;
use super::sparse::SparseMap;
use super::sparse_readers::Storage;

/// An entry of a tar. Numbers other than sizes are looked at when they are asked for.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Where the entry begins: the offset of its first header in the tar, in bytes.
    pub start: u64,
    /// The stored part of the entry, as a range of the tar's bytes. The map of a sparse file in
    /// format 1.0 is part of it, padding is not.
    pub stored: Range<u64>,
    /// The content in the tar: what is stored, without a map.
    pub content: Range<u64>,
    /// The name.
    pub name: Name<'a>,
    /// The target of a link.
    pub link_name: &'a [u8],
    /// The kind of entry.
    pub entry_type: EntryType,
    /// Where the content belongs, if the file is stored without its holes.
    pub sparse: Option<SparseMap>,
    header: Header<'a>,
    pax: Pax<'a>,
}

/// What long names and extended headers say about the entry after them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Special<'a> {
    /// GNU's long name; an empty one says nothing.
    pub(super) long_name: &'a [u8],
    pub(super) long_link: &'a [u8],
    /// The records of the last extended header.
    pub(super) pax: &'a [u8],
}

/// An entry whose place in the tar is not known yet.
pub(super) struct Draft<'a> {
    name: Name<'a>,
    link_name: &'a [u8],
    entry_type: EntryType,
    header: Header<'a>,
    pax: Pax<'a>,
    /// How many bytes are stored after the header.
    pub(super) stored_len: u64,
    pub(super) storage: Storage,
}

impl<'a> Draft<'a> {
    /// Joins `header` with what came before it.
    pub(super) fn new(header: Header<'a>, special: Special<'a>) -> Result<Self, TarProblem> {
        let pax = Pax::parse(special.pax)?;
        let mut name = [special.long_name, pax.path.unwrap_or_default()]
            .into_iter()
            .find(|name| !name.is_empty())
            .map_or_else(|| header.name(), Name::whole);
        let links = [special.long_link, pax.link_path.unwrap_or_default()];
        let link_name = links.into_iter().find(|link| !link.is_empty());
        let entry_type = match header.type_flag() {
            // Before POSIX a slash at the end was the one sign of a directory.
            0 if name.ends_with_slash() => EntryType::Directory,
            flag => entry_type(flag),
        };
        let size = stored_size(header, entry_type, &pax)?;
        let storage = Storage::of(header, pax.sparse.as_deref(), size)?;
        if storage != Storage::Plain && entry_type.is_header_only() {
            return Err(TarProblem::SparseMap);
        }
        let records = pax.sparse.as_ref().filter(|_| header.type_flag() != b'S');
        if let Some(own) = records.and_then(|sparse| sparse.own_name()) {
            name = Name::whole(own);
        }
        Ok(Draft {
            name,
            link_name: link_name.unwrap_or_else(|| header.link_name()),
            entry_type,
            header,
            pax,
            stored_len: size as u64,
            storage,
        })
    }

    /// The entry, which begins at `start`, is stored after `stored_start` and has `map_len` bytes of
    /// a map in front of its content.
    pub(super) fn place(
        self,
        start: u64,
        stored_start: u64,
        map_len: u64,
        sparse: Option<SparseMap>,
    ) -> Result<Entry<'a>, TarProblem> {
        let end = stored_start.checked_add(self.stored_len).ok_or(TarProblem::Number("size"))?;
        let content = stored_start + map_len..end;
        if sparse.as_ref().is_some_and(|map| map.data_len() != end - content.start) {
            return Err(TarProblem::SparseMap);
        }
        Ok(Entry {
            start,
            stored: stored_start..end,
            content,
            name: self.name,
            link_name: self.link_name,
            entry_type: self.entry_type,
            sparse,
            header: self.header,
            pax: self.pax,
        })
    }
}

/// How many bytes an entry stores. The extended header's size counts rather than the header's own,
/// and entries that have nothing to store are empty, whatever their size says.
fn stored_size(
    header: Header<'_>,
    entry_type: EntryType,
    pax: &Pax<'_>,
) -> Result<i64, TarProblem> {
    let own = header.size()?;
    match pax.size.unwrap_or(own) {
        _ if entry_type.is_header_only() => Ok(0),
        size if size < 0 || own < 0 => Err(TarProblem::Number("size")),
        size => Ok(size),
    }
}

impl<'a> Entry<'a> {
    /// The file's size with its holes, in bytes; 0 if the entry is no file.
    pub fn size(&self) -> u64 {
        match &self.sparse {
            Some(map) => map.size(),
            None => self.content.end - self.content.start,
        }
    }

    /// The type flag in the header, which says more than the type: how old the header is, and whether
    /// the file is sparse.
    pub fn type_flag(&self) -> u8 {
        self.header.type_flag()
    }

    /// The mode: permission bits with setuid, setgid and sticky, and whatever else is written there.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn mode(&self) -> Result<i64, TarProblem> {
        self.header.mode()
    }

    /// The owner.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn uid(&self) -> Result<i64, TarProblem> {
        self.pax.uid.map_or_else(|| self.header.uid(), Ok)
    }

    /// The group.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn gid(&self) -> Result<i64, TarProblem> {
        self.pax.gid.map_or_else(|| self.header.gid(), Ok)
    }

    /// When the content was last changed.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn mtime(&self) -> Result<Mtime, TarProblem> {
        let whole = |seconds| Mtime { seconds, nanoseconds: 0 };
        self.pax.mtime.map_or_else(|| self.header.mtime().map(whole), Ok)
    }

    /// Major and minor number of a device.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn device(&self) -> Result<(i64, i64), TarProblem> {
        self.header.device()
    }

    /// Names and values of the extended attributes, sorted by name.
    pub fn xattrs(&self) -> &[(&'a [u8], &'a [u8])] {
        &self.pax.xattrs
    }
}

impl<'a> Special<'a> {
    /// The text of a long name that is stored as `bytes`.
    pub(super) fn text(bytes: &'a [u8]) -> &'a [u8] {
        until_nul(bytes)
    }
}
