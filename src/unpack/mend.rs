//! Files of a finished tree that are not what they were: made again.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use super::counts::Counts;
use super::error::UnpackError;
use super::file_tree::{FileInode, FileTree, path_below, with_tree_of};
use super::leaf::{Maker, times};
use super::options::Owners;
use super::shared::shareable;
use crate::beneath::{Folder, Target};
use crate::image::DiffId;
use crate::progress::{Progress, check};
use crate::rootfs::InodeId;
use crate::store::{KeptLayer, Store, StoreError, hash_file};
use crate::temporary::TemporaryTree;

/// What a file is called until it gets its name.
const STAGED: &[u8] = b"f";

/// Compares the files of the tree in `rootfs`, which `layers` add up to and nothing may have changed, with what the
/// layers say, and makes those again that differ. Returns how many did. Programs that have one open keep the old one.
///
/// # Errors
/// If a layer is not in the store, or a file cannot be made.
pub(crate) fn mend_files(
    layers: &[DiffId],
    rootfs: &Path,
    owners: Owners,
    store: &Store,
    progress: &dyn Progress,
) -> Result<u64, UnpackError> {
    let layer = |diff_id: &DiffId| {
        let damaged = StoreError::Damaged { diff_id: *diff_id };
        store.kept_layer(*diff_id)?.ok_or(damaged)
    };
    let kept: Vec<KeptLayer> = layers.iter().map(layer).collect::<Result<_, _>>()?;
    let top = Folder::open(rootfs).map_err(UnpackError::place("open", rootfs))?;
    let beside = rootfs.parent().unwrap_or(rootfs);
    let site = TemporaryTree::new_in(beside).map_err(UnpackError::place("write to", beside))?;
    with_tree_of(&kept, |tree| {
        let maker =
            Maker { owners, counts: Counts::default(), shared: None, site: &site, progress };
        let mut mending = Mending { tree, top: &top, maker, looked_at: HashMap::new(), files: 0 };
        mending.run().map_err(UnpackError::place("mend", rootfs))?;
        Ok(mending.files)
    })
}

/// What became of a file.
enum Found<'a> {
    /// It is what the image says.
    Sound,
    /// It was made again, and this is its first name.
    Made { folder: Vec<u8>, name: &'a [u8] },
}

struct Mending<'t, 'a> {
    tree: &'t FileTree<'a>,
    top: &'t Folder,
    maker: Maker<'t>,
    /// What became of those that were looked at.
    looked_at: HashMap<InodeId, Found<'a>>,
    files: u64,
}

impl<'a> Mending<'_, 'a> {
    fn run(&mut self) -> io::Result<()> {
        let mut todo = vec![(self.tree.root(), Vec::new())];
        while let Some((id, path)) = todo.pop() {
            check(self.maker.progress)?;
            let folder = self.top.open_below(&path)?;
            let mut is_changed = false;
            for (name, child) in self.tree.children(id) {
                if self.tree.inode(child).is_directory() {
                    todo.push((child, path_below(&path, name)));
                } else {
                    is_changed |= self.look_at(&folder, &path, name, child)?;
                }
            }
            if is_changed {
                let attributes = self.tree.inode(id).attributes;
                Target::Open(folder.as_fd()).set_times(times(attributes))?;
            }
        }
        Ok(())
    }

    /// Looks at one name, and makes its file again if that is damaged. Returns whether it did.
    fn look_at(
        &mut self,
        folder: &Folder,
        path: &[u8],
        name: &'a [u8],
        id: InodeId,
    ) -> io::Result<bool> {
        let inode = self.tree.inode(id);
        let site = self.maker.site;
        match self.looked_at.get(&id) {
            Some(Found::Sound) => return Ok(false),
            Some(Found::Made { folder, name }) => {
                let first = self.top.open_below(folder)?;
                first.make_hard_link(name, site.folder(), STAGED)?;
            }
            None if is_sound(folder, name, inode)? => {
                self.looked_at.insert(id, Found::Sound);
                return Ok(false);
            }
            None => {
                self.maker.make(site.folder(), STAGED, inode)?;
                let made = Found::Made { folder: path.to_vec(), name };
                self.looked_at.insert(id, made);
                self.files += 1;
            }
        }
        site.folder().rename(STAGED, folder, name)?;
        Ok(true)
    }
}

/// Whether a file has the content that the image says. What is no shared file is left alone.
fn is_sound(folder: &Folder, name: &[u8], inode: &FileInode<'_>) -> io::Result<bool> {
    let Some(content) = shareable(inode) else { return Ok(true) };
    let read = folder.open_file(name).and_then(|file| hash_file(&file));
    match read {
        Ok((_, found)) => Ok(found == content.digest()),
        // Not that this user may not look: nothing says then that the file is damaged.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Err(_) => Ok(false),
    }
}
