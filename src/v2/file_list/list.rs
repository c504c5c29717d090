//! A file list as a reader keeps it, in little memory: some images have hundreds of thousands of names.

use std::cmp::Ordering;
use std::ops::Range;

use crate::rootfs::{Attributes, Device};
use crate::v2::entry::{EntryKind, ListEntry, Place, compare};

/// Entries in an order. Names and targets of symbolic links are kept in one piece, and the path of a
/// folder once for the entries in a row that are in it.
#[derive(Debug, Default)]
pub(in crate::v2) struct FileList {
    text: Vec<u8>,
    entries: Vec<Kept>,
}

/// A piece of [`FileList::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    start: u32,
    len: u16,
}

/// An entry; its class is [`NO_CLASS`] if it has none.
#[derive(Debug, Clone, Copy)]
struct Kept {
    folder: Piece,
    name: Piece,
    class: u32,
    attributes: Attributes,
    kind: KeptKind,
}

const NO_CLASS: u32 = u32::MAX;

/// As [`EntryKind`].
#[derive(Debug, Clone, Copy)]
enum KeptKind {
    Directory { complete: bool },
    File { size: u64, md5: [u8; 16] },
    Symlink(Piece),
    CharDevice(Device),
    BlockDevice(Device),
    Fifo,
    Socket,
}

impl FileList {
    pub(in crate::v2) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Entry number `at`.
    pub(in crate::v2) fn get(&self, at: usize) -> ListEntry<'_> {
        let Kept { class, attributes, kind, .. } = self.entries[at];
        let place = place(&self.text, &self.entries[at]);
        let kind = match kind {
            KeptKind::Directory { complete } => EntryKind::Directory { complete },
            KeptKind::File { size, md5 } => EntryKind::File { size, md5 },
            KeptKind::Symlink(target) => EntryKind::Symlink(target.of(&self.text)),
            KeptKind::CharDevice(device) => EntryKind::CharDevice(device),
            KeptKind::BlockDevice(device) => EntryKind::BlockDevice(device),
            KeptKind::Fifo => EntryKind::Fifo,
            KeptKind::Socket => EntryKind::Socket,
        };
        ListEntry { place, attributes, kind, class: (class != NO_CLASS).then_some(class) }
    }

    pub(in crate::v2) fn iter(&self) -> impl Iterator<Item = ListEntry<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Adds an entry; `None` if there is too much text in the list.
    pub(super) fn push(&mut self, entry: &ListEntry<'_>) -> Option<()> {
        let ListEntry { place, attributes, .. } = *entry;
        let last = self.entries.last().map(|last| last.folder);
        let folder = match last.filter(|last| last.of(&self.text) == place.folder) {
            Some(last) => last,
            None => self.keep(place.folder)?,
        };
        let name = self.keep(place.name)?;
        let kind = match entry.kind {
            EntryKind::Directory { complete } => KeptKind::Directory { complete },
            EntryKind::File { size, md5 } => KeptKind::File { size, md5 },
            EntryKind::Symlink(target) => KeptKind::Symlink(self.keep(target)?),
            EntryKind::CharDevice(device) => KeptKind::CharDevice(device),
            EntryKind::BlockDevice(device) => KeptKind::BlockDevice(device),
            EntryKind::Fifo => KeptKind::Fifo,
            EntryKind::Socket => KeptKind::Socket,
        };
        let class = entry.class.unwrap_or(NO_CLASS);
        self.entries.push(Kept { folder, name, class, attributes, kind });
        Some(())
    }

    /// Adds a hard link at `place` to entry number `first`, which it is like.
    pub(super) fn push_link(&mut self, place: Place<'_>, first: usize) -> Option<()> {
        let (folder, name) = (self.keep(place.folder)?, self.keep(place.name)?);
        self.entries.push(Kept { folder, name, ..self.entries[first] });
        Some(())
    }

    fn keep(&mut self, text: &[u8]) -> Option<Piece> {
        let start = u32::try_from(self.text.len()).ok()?;
        let len = u16::try_from(text.len()).ok()?;
        self.text.extend_from_slice(text);
        Some(Piece { start, len })
    }

    /// Puts the entries in the order in which a reader keeps them.
    pub(in crate::v2) fn sort(&mut self) {
        let text = &self.text;
        let key = |kept: &Kept| (place(text, kept), kept.kind.is_directory());
        self.entries.sort_unstable_by(|a, b| compare(key(a), key(b)));
    }

    /// Whether two entries in a row are in the same place.
    pub(in crate::v2) fn has_doubles(&self) -> bool {
        let place = |kept| place(&self.text, kept);
        self.entries.windows(2).any(|pair| place(&pair[0]) == place(&pair[1]))
    }

    /// Whether something is listed in that place. The list must be sorted.
    pub(in crate::v2) fn has(&self, wanted: Place<'_>) -> bool {
        [false, true].into_iter().any(|is_directory| {
            let order = |kept: &Kept| -> Ordering {
                compare((place(&self.text, kept), kept.kind.is_directory()), (wanted, is_directory))
            };
            self.entries.binary_search_by(order).is_ok()
        })
    }
}

impl KeptKind {
    fn is_directory(self) -> bool {
        matches!(self, KeptKind::Directory { .. })
    }
}

impl Piece {
    fn of(self, text: &[u8]) -> &[u8] {
        let start = self.start as usize;
        let range: Range<usize> = start..start + usize::from(self.len);
        &text[range]
    }
}

fn place<'l>(text: &'l [u8], kept: &Kept) -> Place<'l> {
    Place { folder: kept.folder.of(text), name: kept.name.of(text) }
}
