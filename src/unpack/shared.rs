//! Files that a tree has in common with others: which object of the store each one is.

use std::fs::File;
use std::io;

use super::error::UnpackError;
use super::file_tree::FileInode;
use super::likeness::looks_like;
use super::options::{Files, Owners, UnpackOptions};
use crate::beneath::Folder;
use crate::image::Digest;
use crate::progress::Progress;
use crate::rootfs::Kind;
use crate::store::{FileContent, Linked, ObjectId, Objects, Store};
use crate::user_namespace::{group_mappings, is_mapped, outer_ids, user_mappings};

/// The permission that the owner of a file needs to read it.
const OWNER_MAY_READ: u16 = 0o400;

/// The objects of a store, for trees that are made the same way.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) objects: Objects,
    owners: Owners,
    /// How files get their owners: what else decides how the inode of a file comes out.
    way: String,
    /// Whether layers are put together by whoever owns all files, and may read what their owner may, and no more.
    reads_as_owner: bool,
}

impl Shared {
    /// The files that the tree in `folder` may have in common with others, if `options` say that it may have any. Said
    /// once where it cannot.
    pub(crate) fn beside(
        folder: &Folder,
        store: &Store,
        options: &UnpackOptions,
        progress: &dyn Progress,
    ) -> Result<Option<Self>, UnpackError> {
        if options.files == Files::Own {
            return Ok(None);
        }
        let objects = store.objects()?;
        let is_beside = objects.is_beside(folder);
        if !is_beside.map_err(UnpackError::place("read", objects.path()))? {
            progress.note(&format!(
                "{} is on another file system: files are copied, not shared",
                store.path().display()
            ));
            return Ok(None);
        }
        let owners = options.owners;
        let reads_as_owner = owners == Owners::Recorded || !rustix::process::geteuid().is_root();
        Ok(Some(Shared { objects, owners, way: way(owners), reads_as_owner }))
    }

    /// The object that a file is or would be; `None` if it is none: no file, empty, or with holes.
    pub(super) fn id(&self, inode: &FileInode<'_>) -> Option<ObjectId> {
        let content = shareable(inode)?;
        let attributes = inode.attributes;
        // Layers are put together from objects: their owner must be able to read them.
        if self.reads_as_owner && attributes.mode & OWNER_MAY_READ == 0 {
            return None;
        }
        let mtime = attributes.mtime;
        let mut text = format!(
            "{}\n{:o} {} {} {}.{:09}\n",
            self.way,
            attributes.mode,
            attributes.uid,
            attributes.gid,
            mtime.seconds,
            mtime.nanoseconds
        )
        .into_bytes();
        for (name, value) in inode.xattrs() {
            text.extend_from_slice(format!("{} {}\n", name.len(), value.len()).as_bytes());
            text.extend_from_slice(name);
            text.extend_from_slice(value);
        }
        Some(ObjectId { content: content.digest(), metadata: Digest::of(&text) })
    }

    /// What is asked of a file before it gets another name.
    fn looks(&self, inode: &FileInode<'_>) -> impl Fn(&File) -> io::Result<bool> {
        let owners = self.owners;
        move |held| looks_like(held, inode, owners)
    }

    /// Makes `name` a link to the object `id`, which the file is, if there is one and it is what the image says.
    pub(super) fn link(
        &self,
        folder: &Folder,
        name: &[u8],
        inode: &FileInode<'_>,
        id: ObjectId,
    ) -> io::Result<Linked> {
        self.objects.link_out(id, &self.looks(inode), folder, name)
    }

    /// Puts the file `from`, which was made just now, in the place of the object `id`, by way of the folder `site`.
    pub(super) fn replace(
        &self,
        from: (&Folder, &[u8]),
        inode: &FileInode<'_>,
        id: ObjectId,
        site: &Folder,
    ) -> io::Result<()> {
        self.objects.replace(id, &self.looks(inode), from, site)
    }

    /// Makes the file `name` the object `id` if it is what the image says and may have more names. Returns whether there is
    /// one now.
    pub(super) fn give(
        &self,
        folder: &Folder,
        name: &[u8],
        inode: &FileInode<'_>,
        id: ObjectId,
    ) -> io::Result<bool> {
        self.objects.link_in(id, &self.looks(inode), folder, name)
    }
}

/// The content of a file that may be shared. An empty file takes no room, and one with holes is not known by its content.
pub(super) fn shareable<'a>(inode: &FileInode<'a>) -> Option<FileContent<'a>> {
    match inode.kind {
        Kind::File(content) if content.len() > 0 && inode.holes().is_none() => Some(content),
        _ => None,
    }
}

fn way(owners: Owners) -> String {
    match owners {
        Owners::Recorded => {
            // Files of a namespace's root are the user's, who need not be in the namespace next time.
            let (uid, gid) = outer_ids();
            format!("recorded, of {uid} {gid}")
        }
        Owners::Set if is_mapped() => {
            format!("mapped {:?} {:?}", user_mappings(), group_mappings())
        }
        Owners::Set => "set".to_owned(),
    }
}
