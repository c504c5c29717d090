//! The tree of an image whose layers the store has, whole or as recipes.

use super::error::UnpackError;
use crate::image::Image;
use crate::progress::Progress;
use crate::rootfs::{Inode, SparseFiles, Tree};
use crate::store::{FileContent, KeptLayer, Store};

/// The tree of an image, whose files may have their contents in the store.
pub(crate) type FileTree<'a> = Tree<'a, FileContent<'a>>;
/// Something in such a tree.
pub(crate) type FileInode<'a> = Inode<'a, FileContent<'a>>;

/// Gives `work` the tree that the layers of `image` add up to. Files with holes are kept apart from them.
pub(crate) fn with_tree<T>(
    image: &Image,
    store: &Store,
    progress: &dyn Progress,
    work: impl FnOnce(&FileTree<'_>) -> Result<T, UnpackError>,
) -> Result<T, UnpackError> {
    with_tree_of(&store.ensure_kept_layers(image, progress)?, work)
}

/// Gives `work` the tree that `layers` add up to.
pub(crate) fn with_tree_of<T>(
    layers: &[KeptLayer],
    work: impl FnOnce(&FileTree<'_>) -> Result<T, UnpackError>,
) -> Result<T, UnpackError> {
    let views = layers.iter().map(KeptLayer::view).collect::<Result<Vec<_>, _>>()?;
    let sparse = SparseFiles::kept_apart(&views)?;
    work(&Tree::of(&views, &sparse)?)
}

/// The path of `name` in the folder at `path`; the top folder's path is empty.
pub(super) fn path_below(path: &[u8], name: &[u8]) -> Vec<u8> {
    match path {
        b"" => name.to_vec(),
        path => [path, b"/", name].concat(),
    }
}
