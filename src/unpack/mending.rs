//! What differs from its image, made again.

use std::io;
use std::os::fd::AsFd as _;

use super::compare::{Comparing, FirstName, Level, Todo};
use super::file_tree::FileInode;
use super::leaf::Maker;
use super::likeness::Found;
use super::mount_point::is_mount_point;
use super::options::Owners;
use crate::beneath::{Folder, Target};
use crate::rootfs::InodeId;
use crate::store::Linked;

/// What the owner of a folder needs to change what is in it.
const OWNER_MAY_CHANGE: u16 = 0o700;
/// What a file is called until it gets its name.
const STAGED: &[u8] = b"f";

impl<'a> Comparing<'_, 'a> {
    /// Makes again what should have the name, if that is wanted. Returns whether it did. What cannot be made for a reason of its
    /// own keeps nothing else from being mended.
    pub(super) fn try_to_mend(
        &mut self,
        level: &mut Level<'_>,
        name: &'a [u8],
        id: InodeId,
        path: &[u8],
    ) -> io::Result<bool> {
        match self.mend(level, name, id) {
            Ok(has_mended) => {
                self.findings.mended += u64::from(has_mended);
                Ok(has_mended)
            }
            Err(error) if is_in_the_way(&error) => {
                if let Some(maker) = &self.maker {
                    // Not there if it could not be made.
                    let _ = maker.site.folder().remove_file(STAGED);
                }
                self.findings.is_not_mended(path, &error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn mend(&mut self, level: &mut Level<'_>, name: &'a [u8], id: InodeId) -> io::Result<bool> {
        let Some(maker) = &mut self.maker else { return Ok(false) };
        if !level.is_open {
            let mode = self.tree.inode(level.id).attributes.mode | OWNER_MAY_CHANGE;
            Target::Open(level.folder.as_fd()).set_mode(mode.into())?;
            level.is_open = true;
        }
        let inode = self.tree.inode(id);
        if inode.is_directory() {
            return mend_folder(level.folder, name, inode, self.owners).map(|()| true);
        }
        let site = maker.site.folder();
        match self.seen.get(&id) {
            Some(first) => {
                let folder = self.top.open_below(&first.folder)?;
                folder.make_hard_link(first.name, site, STAGED)?;
            }
            None => make(maker, inode)?,
        }
        let identity = Found::at(&site.open_handle(STAGED)?)?.identity();
        // A folder with nothing in it is nobody's loss.
        if level.folder.open_dir(name).is_ok() && is_mount_point(level.folder, name) {
            level.folder.remove_tree(name)?;
        }
        site.rename(STAGED, level.folder, name)?;
        if self.survey.has_links(id) {
            let first = FirstName { folder: level.path.to_vec(), name, identity };
            self.seen.entry(id).or_insert(first);
        }
        Ok(true)
    }

    /// Gives a folder its looks when all is in it that could be mended. If it `is_counted`, it was counted as mended.
    pub(super) fn finish_folder(
        &mut self,
        folder: &Folder,
        here: &Todo,
        is_counted: bool,
    ) -> io::Result<()> {
        let Some(maker) = &mut self.maker else { return Ok(()) };
        let (target, inode) = (Target::Open(folder.as_fd()), self.tree.inode(here.id));
        if self.owners == Owners::Recorded {
            // Whoever may not give it to this user leaves it as it is: looking again tells.
            let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
            let _ = target.set_owner(uid.as_raw(), gid.as_raw());
        }
        match maker.finish(target, inode) {
            Err(error) if is_in_the_way(&error) => self.findings.is_not_mended(&here.path, &error),
            finished => finished?,
        }
        let found = Found::at(&folder.handle()?)?;
        if is_counted && !(found.is_like(inode, self.owners) && found.has_time(inode)) {
            self.findings.mended -= 1;
        }
        Ok(())
    }
}

/// Whether something could not be mended because of what stands there or whose it is.
fn is_in_the_way(error: &io::Error) -> bool {
    use io::ErrorKind::{DirectoryNotEmpty, IsADirectory, NotADirectory, PermissionDenied};
    matches!(error.kind(), DirectoryNotEmpty | IsADirectory | NotADirectory | PermissionDenied)
}

/// Makes a file or link under the staged name: another name of a shared one, or a new one that is shared from now on.
fn make(maker: &mut Maker<'_>, inode: &FileInode<'_>) -> io::Result<()> {
    let site = maker.site.folder();
    let object = maker.shared.and_then(|shared| Some((shared, shared.id(inode)?)));
    let Some((shared, object)) = object else { return maker.make(site, STAGED, inode) };
    match maker.link_shared(site, STAGED, inode, object)? {
        Linked::Yes => Ok(()),
        Linked::No => {
            maker.make(site, STAGED, inode)?;
            shared.give(site, STAGED, inode, object).map(drop)
        }
        Linked::Unlike => {
            maker.make(site, STAGED, inode)?;
            maker.replace_shared((site, STAGED), inode, object)
        }
    }
}

/// Makes a folder again, or takes away what makes it look other than it should; the rest is set when all is in it.
fn mend_folder(
    folder: &Folder,
    name: &[u8],
    inode: &FileInode<'_>,
    owners: Owners,
) -> io::Result<()> {
    match Found::of(folder, name)? {
        Some(found) if found.is_directory() => {
            found.remove_extra_xattrs(Target::Named(folder, name), inode, owners)
        }
        Some(_) => {
            folder.remove_file(name)?;
            folder.make_dir(name).map(drop)
        }
        None => folder.make_dir(name).map(drop),
    }
}
