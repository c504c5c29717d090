//! One thing of the image made on disk, with its content and attributes.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;

use rustix::io::Errno;

use super::counts::Counts;
use super::file_tree::FileInode;
use super::options::Owners;
use super::owner::{SET_ID, has_room, record};
use super::shared::Shared;
use super::xattrs::{set_owner_record, set_xattrs};
use crate::beneath::{Folder, NodeKind, Target, Times};
use crate::progress::{Progress, Stage, check};
use crate::rootfs::{Attributes, Kind, SparseMap, Stretch};
use crate::store::{FileContent, Linked, ObjectId};
use crate::temporary::TemporaryTree;

/// Bytes written from one question whether to stop to the next.
const PIECE: u64 = 1 << 20;
/// Makes single things, and counts them.
pub(super) struct Maker<'p> {
    pub(super) owners: Owners,
    pub(super) counts: Counts,
    /// Files that are there already.
    pub(super) shared: Option<&'p Shared>,
    pub(super) site: &'p TemporaryTree,
    pub(super) progress: &'p dyn Progress,
}

impl Maker<'_> {
    /// Makes a file that is shared already another name of that one, which is known as `id`.
    pub(super) fn link_shared(
        &mut self,
        folder: &Folder,
        name: &[u8],
        inode: &FileInode<'_>,
        id: ObjectId,
    ) -> io::Result<Linked> {
        let Some(shared) = self.shared else { return Ok(Linked::No) };
        let site = self.site;
        let _working = site.working();
        let linked = shared.link(folder, name, inode, id)?;
        if linked == Linked::Yes {
            self.count_shared(inode);
        }
        Ok(linked)
    }

    /// Puts a file that was made just now in the place of the object `id`, which did not look right.
    pub(super) fn replace_shared(
        &self,
        from: (&Folder, &[u8]),
        inode: &FileInode<'_>,
        id: ObjectId,
    ) -> io::Result<()> {
        let site = self.site;
        let _working = site.working();
        self.shared.map_or(Ok(()), |shared| shared.replace(from, inode, id, site.folder()))
    }

    /// Counts a file that is another name of one that is there.
    pub(super) fn count_shared(&mut self, inode: &FileInode<'_>) {
        let len = inode.content().map_or(0, |content| content.len());
        self.counts.files += 1;
        self.counts.shared_files += 1;
        self.counts.shared_bytes += len;
        self.progress.advance(Stage::Unpack, len);
        self.counts.recorded.owners += u64::from(self.owners == Owners::Recorded);
    }

    /// Makes something that is no directory.
    pub(super) fn make(
        &mut self,
        folder: &Folder,
        name: &[u8],
        inode: &FileInode<'_>,
    ) -> io::Result<()> {
        if let Kind::File(content) = inode.kind {
            return self.file(folder, name, inode, content);
        }
        let site = self.site;
        let _working = site.working();
        match inode.kind {
            Kind::Symlink(target) => {
                folder.make_symlink(name, target)?;
                self.counts.symlinks += 1;
                self.finish(Target::Named(folder, name), inode)
            }
            Kind::Fifo => {
                folder.make_node(name, NodeKind::Fifo)?;
                self.counts.fifos += 1;
                self.finish(Target::Named(folder, name), inode)
            }
            Kind::CharDevice(device) => {
                let kind = NodeKind::CharDevice(device.major, device.minor);
                self.device(folder, name, inode, kind)
            }
            Kind::BlockDevice(device) => {
                let kind = NodeKind::BlockDevice(device.major, device.minor);
                self.device(folder, name, inode, kind)
            }
            Kind::File(_) | Kind::Directory(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn file(
        &mut self,
        folder: &Folder,
        name: &[u8],
        inode: &FileInode<'_>,
        content: FileContent<'_>,
    ) -> io::Result<()> {
        // An interrupt need not wait for a large file.
        let working = self.site.working();
        let file = folder.make_file(name)?;
        drop(working);
        match inode.holes() {
            Some(map) => self.write_around(&file, map, content)?,
            None => self.write(&file, content, 0, 0..content.len())?,
        }
        self.counts.files += 1;
        let site = self.site;
        let _working = site.working();
        self.finish(Target::Open(file.as_fd()), inode)
    }

    /// Writes the data of a file with holes, and leaves the holes.
    fn write_around(
        &mut self,
        file: &File,
        map: &SparseMap,
        data: FileContent<'_>,
    ) -> io::Result<()> {
        file.set_len(map.size())?;
        let (mut offset, mut read) = (0, 0);
        for stretch in map.stretches() {
            offset += match stretch {
                Stretch::Hole(len) => len,
                Stretch::Data(len) => {
                    self.write(file, data, offset, read..read + len)?;
                    read += len;
                    len
                }
            };
        }
        Ok(())
    }

    /// Writes the bytes in `range` of `content` to `file`, from `offset` on.
    fn write(
        &mut self,
        file: &File,
        content: FileContent<'_>,
        offset: u64,
        range: Range<u64>,
    ) -> io::Result<()> {
        let mut out = Placed { file, at: offset };
        let mut reading = content.checked();
        for start in range.clone().step_by(PIECE as usize) {
            check(self.progress)?;
            let piece = start..range.end.min(start + PIECE);
            let len = piece.end - piece.start;
            let working = self.site.working();
            reading.copy(piece, &mut out)?;
            drop(working);
            self.counts.bytes += len;
            self.progress.advance(Stage::Unpack, len);
        }
        reading.finish()
    }

    /// Makes a device, or where that is not allowed an empty file that says what it should be.
    fn device(
        &mut self,
        folder: &Folder,
        name: &[u8],
        inode: &FileInode<'_>,
        kind: NodeKind,
    ) -> io::Result<()> {
        match folder.make_node(name, kind) {
            Err(error) if is_refused(&error) => self.stand_in(folder, name, inode),
            Err(error) => Err(error),
            Ok(()) => {
                self.counts.devices += 1;
                self.finish(Target::Named(folder, name), inode)
            }
        }
    }

    fn stand_in(&mut self, folder: &Folder, name: &[u8], inode: &FileInode<'_>) -> io::Result<()> {
        let file = folder.make_file(name)?;
        let target = Target::Open(file.as_fd());
        if !set_owner_record(target, &record(inode.attributes, &inode.kind))? {
            self.counts.left_out.devices += 1;
            return folder.remove_file(name);
        }
        self.counts.recorded.devices += 1;
        target.set_times(times(inode.attributes))
    }

    /// Gives something new its owner, extended attributes, mode and times, in this order: each may undo those after it.
    pub(super) fn finish(&mut self, target: Target<'_>, inode: &FileInode<'_>) -> io::Result<()> {
        let is_owned = self.set_owner(target, inode)?;
        let has_room = has_room(&inode.kind);
        set_xattrs(target, inode.xattrs(), self.owners, has_room, &mut self.counts)?;
        if !matches!(inode.kind, Kind::Symlink(_)) {
            let mode = inode.attributes.mode;
            // Whoever runs a file of root's is not to become the caller instead.
            let hides = !is_owned && !inode.is_directory();
            target.set_mode(u32::from(if hides { mode & !SET_ID } else { mode }))?;
        }
        target.set_times(times(inode.attributes))
    }

    /// Sets or records the owner. Returns whether the owner is the one that the image says.
    fn set_owner(&mut self, target: Target<'_>, inode: &FileInode<'_>) -> io::Result<bool> {
        let Attributes { uid, gid, .. } = inode.attributes;
        if self.owners == Owners::Set {
            match target.set_owner(uid, gid) {
                // The namespace does not have the user, or the file system has none at all.
                Err(error) if is_refused(&error) => {}
                set => return set.map(|()| true),
            }
        }
        let has_room = has_room(&inode.kind);
        match has_room && set_owner_record(target, &record(inode.attributes, &inode.kind))? {
            true => self.counts.recorded.owners += 1,
            false if (uid, gid) != (0, 0) => self.counts.left_out.owners += 1,
            // The caller is root to a container that it starts.
            false => {}
        }
        Ok(false)
    }
}

/// A file that is written to at a place.
struct Placed<'f> {
    file: &'f File,
    at: u64,
}

impl Write for Placed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn times(attributes: Attributes) -> Times {
    let mtime = attributes.mtime;
    Times { seconds: mtime.seconds, nanoseconds: mtime.nanoseconds }
}

/// Whether an error says that this user may not do it, or that there is no such user here.
fn is_refused(error: &io::Error) -> bool {
    const REFUSALS: [Errno; 5] =
        [Errno::PERM, Errno::ACCESS, Errno::INVAL, Errno::NOTSUP, Errno::OVERFLOW];
    Errno::from_io_error(error).is_some_and(|errno| REFUSALS.contains(&errno))
}
