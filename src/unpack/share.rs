//! Giving the files of a finished tree to the store, for trees that come later; and the layers that they are of.

use std::io;
use std::path::Path;

use super::error::UnpackError;
use super::file_tree::{FileTree, path_below, with_tree_of};
use super::options::UnpackOptions;
use super::shared::Shared;
use crate::beneath::Folder;
use crate::image::DiffId;
use crate::progress::{Progress, check};
use crate::rootfs::InodeId;
use crate::store::{Contents, KeptLayer, Store};

/// Makes the files of the tree in `rootfs`, which `layers` add up to, objects of `store`, and keeps recipes in place of
/// the layers' tars: nothing is stored twice then. What was done before stays done, so that a run that was
/// interrupted is taken up by the next. If all layers are recipes, files are shared only of a tree that `is_new`. Returns
/// the layers that are kept as recipes now.
///
/// # Errors
/// If the disk has no room, a file cannot be linked, or `progress` stops the work. The tars stay then.
pub(crate) fn share_files(
    layers: &[DiffId],
    (rootfs, is_new): (&Path, bool),
    store: &Store,
    options: &UnpackOptions,
    progress: &dyn Progress,
) -> Result<Vec<DiffId>, UnpackError> {
    let kept: Option<Vec<KeptLayer>> =
        layers.iter().map(|diff_id| store.kept_layer(*diff_id)).collect::<Result<_, _>>()?;
    let Some(kept) = kept else { return Ok(Vec::new()) };
    if !is_new && kept.iter().all(|layer| matches!(layer, KeptLayer::Recipe(_))) {
        return Ok(Vec::new());
    }
    let top = Folder::open(rootfs).map_err(UnpackError::place("open", rootfs))?;
    let Some(shared) = Shared::beside(&top, store, options, progress)? else {
        return Ok(Vec::new());
    };
    // Collection must not take an object that no recipe names yet.
    let _lock = store.lock_objects()?;
    let mut contents = with_tree_of(&kept, store, |tree| {
        let sharing = Sharing { tree, top: &top, shared: &shared, progress };
        sharing.run().map_err(UnpackError::place("share the files of", rootfs))
    })?;
    let mut done = Vec::new();
    for layer in kept {
        check(progress)?;
        if let KeptLayer::Tar(layer) = layer {
            store.keep_recipe(&layer, &mut contents, store.objects()?)?;
            done.push(layer.diff_id());
        }
    }
    Ok(done)
}

struct Sharing<'t, 'a> {
    tree: &'t FileTree<'a>,
    top: &'t Folder,
    shared: &'t Shared,
    progress: &'t dyn Progress,
}

impl Sharing<'_, '_> {
    /// Links every file that is not an object yet. Returns the objects that the tree has.
    fn run(&self) -> io::Result<Contents> {
        let mut contents = Contents::default();
        let mut seen = vec![false; self.tree.inode_count()];
        let mut todo = vec![(self.tree.root(), Vec::new())];
        while let Some((folder, path)) = todo.pop() {
            check(self.progress)?;
            // Opened for the first file that is not shared: in a release most folders have none.
            let mut open = None;
            for (name, id) in self.tree.children(folder) {
                if self.tree.inode(id).is_directory() {
                    todo.push((id, path_below(&path, name)));
                } else if !std::mem::replace(&mut seen[id.index()], true) {
                    self.add(id, &path, name, &mut open, &mut contents)?;
                }
            }
        }
        Ok(contents)
    }

    fn add(
        &self,
        id: InodeId,
        path: &[u8],
        name: &[u8],
        open: &mut Option<Folder>,
        contents: &mut Contents,
    ) -> io::Result<()> {
        let inode = self.tree.inode(id);
        let Some(object) = self.shared.id(inode) else { return Ok(()) };
        if self.shared.objects.len(object)?.is_none() {
            let folder = match open.take() {
                Some(folder) => folder,
                None => self.top.open_below(path)?,
            };
            let linked = self.shared.give(&folder, name, inode, object)?;
            *open = Some(folder);
            if !linked {
                return Ok(());
            }
        }
        contents.add(object);
        Ok(())
    }
}
