//! What differs from its image, made again.

use std::fs::File;
use std::io;

use super::file_tree::FileInode;
use super::leaf::Maker;
use super::likeness::Found;
use super::options::Owners;
use crate::beneath::{Folder, Target};
use crate::store::Linked;

/// What a file is called until it gets its name.
pub(super) const STAGED: &[u8] = b"f";

/// Makes a file or link under the staged name: another name of a shared one, or a new one that is shared from now on.
pub(super) fn make(maker: &mut Maker<'_>, inode: &FileInode<'_>) -> io::Result<()> {
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
pub(super) fn mend_folder(
    folder: &Folder,
    name: &[u8],
    inode: &FileInode<'_>,
    owners: Owners,
) -> io::Result<()> {
    let there = match held(folder, name)? {
        Some(held) => Some(Found::at(&held)?),
        None => None,
    };
    match there {
        Some(found) if found.is_directory() => {
            let target = Target::Named(folder, name);
            let extra = found.xattrs(inode, owners).extra;
            extra.into_iter().try_for_each(|attribute| target.remove_xattr(attribute))
        }
        Some(_) => {
            folder.remove_file(name)?;
            folder.make_dir(name).map(drop)
        }
        None => folder.make_dir(name).map(drop),
    }
}

/// What has the name, if anything has.
pub(super) fn held(folder: &Folder, name: &[u8]) -> io::Result<Option<File>> {
    match folder.open_handle(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        held => held.map(Some),
    }
}
