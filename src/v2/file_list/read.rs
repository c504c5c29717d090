//! The file list in a batch: how entries are read.

use std::io::Read;

use super::flags::*;
use super::list::FileList;
use crate::rootfs::{Attributes, Device, Mtime};
use crate::v2::entry::{EntryKind, ListEntry, MAX_PATH, Place, ROOT};
use crate::v2::error::{BatchError, BatchProblem};
use crate::v2::input::BatchInput;

/// More entries than any image has names; keeps a hostile list from taking all memory.
const MAX_ENTRIES: usize = 4_000_000;

/// What a batch's header says about how its list is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::v2) struct ListForm {
    /// Protocol 30: pipes and sockets have device numbers, times no nanoseconds.
    pub(in crate::v2) protocol_30: bool,
    /// Flags are varints, and an error code follows the end.
    pub(in crate::v2) varint_flags: bool,
    /// Which optional fields entries have.
    pub(in crate::v2) owners: bool,
    pub(in crate::v2) groups: bool,
    pub(in crate::v2) checksums: bool,
}

/// Reads the entries of a list, in the order in which they were sent.
pub(in crate::v2) struct ListReader<'i, R> {
    input: &'i mut BatchInput<R>,
    form: ListForm,
    path: Vec<u8>,
    /// The target of the symbolic link that is being read.
    target: Vec<u8>,
    mode: u32,
    attributes: Attributes,
    major: u32,
    list: FileList,
}

impl<'i, R: Read> ListReader<'i, R> {
    pub(in crate::v2) fn new(input: &'i mut BatchInput<R>, form: ListForm) -> Self {
        let attributes = Attributes { mode: 0, uid: 0, gid: 0, mtime: Mtime::default() };
        let (path, target, list) = Default::default();
        ListReader { input, form, path, target, mode: 0, attributes, major: 0, list }
    }

    /// All entries of the list, up to its end.
    pub(in crate::v2) fn read(mut self) -> Result<FileList, BatchError> {
        while let Some(flags) = self.flags()? {
            if self.list.len() == MAX_ENTRIES {
                return Err(self.bad("too many of them"));
            }
            self.entry(flags)?;
        }
        Ok(self.list)
    }

    fn bad(&self, what: &'static str) -> BatchError {
        self.input.error(BatchProblem::Entry(what))
    }

    /// The next entry's flags, or `None` at the end.
    fn flags(&mut self) -> Result<Option<u32>, BatchError> {
        if self.form.varint_flags {
            return match self.input.varint()? {
                0 if self.input.varint()? != 0 => Err(self.bad("the list was not complete")),
                0 => Ok(None),
                flags => Ok(Some(flags)),
            };
        }
        let low = u32::from(self.input.byte()?);
        if low & SECOND_BYTE == 0 {
            return Ok((low != 0).then_some(low));
        }
        let flags = low | u32::from(self.input.byte()?) << 8;
        match flags == SECOND_BYTE | LIST_ERROR {
            true => Err(self.bad("the list was not complete")),
            false => Ok(Some(flags)),
        }
    }

    /// Reads an entry into the list.
    fn entry(&mut self, flags: u32) -> Result<(), BatchError> {
        self.read_path(flags)?;
        if flags & HARD_LINKED != 0 && flags & FIRST_LINK == 0 {
            return self.link();
        }
        let size = self.input.varlong(3)?;
        self.read_attributes(flags)?;
        let mut kind = self.kind(flags, size)?;
        if let EntryKind::Symlink(target) = &mut kind {
            *target = &self.target;
        }
        let position = self.list.len() as u32;
        let class = (flags & HARD_LINKED != 0).then_some(position);
        let place = Place::of_path(&self.path);
        let entry = ListEntry { place, attributes: self.attributes, kind, class };
        self.list.push(&entry).ok_or_else(|| self.bad("too much text"))
    }

    fn read_path(&mut self, flags: u32) -> Result<(), BatchError> {
        let common = match flags & SAME_NAME {
            0 => 0,
            _ => usize::from(self.input.byte()?),
        };
        let rest = match flags & LONG_NAME {
            0 => usize::from(self.input.byte()?),
            _ => self.input.varint()? as usize,
        };
        if common > self.path.len() || common + rest > MAX_PATH {
            return Err(self.bad("a path too long"));
        }
        self.path.truncate(common);
        self.path.extend(self.input.bytes(rest)?);
        match is_safe(&self.path) {
            true => Ok(()),
            false => Err(self.bad("an unsafe path")),
        }
    }

    /// Reads an entry that is only a reference to an earlier one.
    fn link(&mut self) -> Result<(), BatchError> {
        let first = self.input.varint()?;
        let at = first as usize;
        if at >= self.list.len() || self.list.get(at).class != Some(first) {
            return Err(self.bad("a hard link to no first link"));
        }
        let known = self.list.get(at);
        self.attributes = known.attributes;
        self.mode = super::write::mode_of(&known);
        let linked = self.list.push_link(Place::of_path(&self.path), at);
        linked.ok_or_else(|| self.bad("too much text"))
    }

    fn read_attributes(&mut self, flags: u32) -> Result<(), BatchError> {
        if flags & SAME_TIME == 0 {
            self.attributes.mtime.seconds = self.input.varlong(4)?;
        }
        self.attributes.mtime.nanoseconds = match flags & NANOSECONDS {
            0 => 0,
            _ => self.input.varint()?,
        };
        if flags & SAME_MODE == 0 {
            self.mode = self.input.int()? as u32;
        }
        self.attributes.mode = (self.mode & 0o7777) as u16;
        if self.form.owners && flags & SAME_UID == 0 {
            self.attributes.uid = self.input.varint()?;
            self.skip_name(flags & USER_NAME != 0)?;
        }
        if self.form.groups && flags & SAME_GID == 0 {
            self.attributes.gid = self.input.varint()?;
            self.skip_name(flags & GROUP_NAME != 0)?;
        }
        Ok(())
    }

    fn skip_name(&mut self, there: bool) -> Result<(), BatchError> {
        if there {
            let len = self.input.byte()?;
            self.input.bytes(len.into())?;
        }
        Ok(())
    }

    /// What kind of entry it is. The target of a symbolic link is empty here.
    fn kind(&mut self, flags: u32, size: i64) -> Result<EntryKind<'static>, BatchError> {
        let is_pipe = matches!(self.mode & TYPE_BITS, FIFO | SOCKET);
        Ok(match self.mode & TYPE_BITS {
            DIRECTORY => EntryKind::Directory { complete: flags & NO_CONTENT == 0 },
            FILE => EntryKind::File {
                size: u64::try_from(size).map_err(|_| self.bad("a negative size"))?,
                md5: if self.form.checksums { self.input.md5()? } else { [0; 16] },
            },
            SYMLINK => {
                let len = self.input.varint()? as usize;
                if len > MAX_PATH {
                    return Err(self.bad("a symbolic link too long"));
                }
                self.target = self.input.bytes(len)?;
                EntryKind::Symlink(&[])
            }
            CHAR_DEVICE => EntryKind::CharDevice(self.device(flags)?),
            BLOCK_DEVICE => EntryKind::BlockDevice(self.device(flags)?),
            kind if is_pipe => {
                if self.form.protocol_30 {
                    self.device(flags)?;
                }
                if kind == FIFO { EntryKind::Fifo } else { EntryKind::Socket }
            }
            _ => return Err(self.bad("an unknown type")),
        })
    }

    fn device(&mut self, flags: u32) -> Result<Device, BatchError> {
        if flags & SAME_MAJOR == 0 {
            self.major = self.input.varint()?;
        }
        Ok(Device { major: self.major, minor: self.input.varint()? })
    }
}

/// Whether a path is one that a reader takes: relative, of plain names only.
fn is_safe(path: &[u8]) -> bool {
    let plain = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    path == ROOT || path.split(|&byte| byte == b'/').all(plain)
}
