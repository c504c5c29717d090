//! The tree of an image whose layers the store has, whole or as recipes.

use super::error::UnpackError;
use crate::ErrorKind;
use crate::image::Image;
use crate::progress::Progress;
use crate::rootfs::{Inode, SparseFiles, Tree};
use crate::store::{FileContent, KeptLayer, Store, StoreError};

/// Bytes of a path that are shown of it.
const SHOWN_BYTES: usize = 200;

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
    store.refuse_foreign_files()?;
    dropping_damaged(&store.ensure_kept_layers(image, progress)?, work)
}

/// Gives `work` the tree that `layers` of `store` add up to. If the work fails because a layer is damaged, the layer is
/// dropped, and whoever has it fetched again may try again.
pub(crate) fn with_tree_of<T>(
    layers: &[KeptLayer],
    store: &Store,
    work: impl FnOnce(&FileTree<'_>) -> Result<T, UnpackError>,
) -> Result<T, UnpackError> {
    store.refuse_foreign_files()?;
    dropping_damaged(layers, work)
}

fn dropping_damaged<T>(
    layers: &[KeptLayer],
    work: impl FnOnce(&FileTree<'_>) -> Result<T, UnpackError>,
) -> Result<T, UnpackError> {
    let result = in_tree_of(layers, work);
    match result {
        Err(error) if error.kind() != ErrorKind::Cancelled => {
            Err(first_damaged(layers).map_or(error, UnpackError::from))
        }
        result => result,
    }
}

fn in_tree_of<T>(
    layers: &[KeptLayer],
    work: impl FnOnce(&FileTree<'_>) -> Result<T, UnpackError>,
) -> Result<T, UnpackError> {
    let views = layers.iter().map(KeptLayer::view).collect::<Result<Vec<_>, _>>()?;
    let sparse = SparseFiles::kept_apart(&views)?;
    work(&Tree::of(&views, &sparse)?)
}

/// Compares all layers that are kept as recipes with their diff IDs. Those that are damaged are dropped, and the first is
/// returned.
fn first_damaged(layers: &[KeptLayer]) -> Option<StoreError> {
    let recipes = layers.iter().filter(|layer| matches!(layer, KeptLayer::Recipe(_)));
    let failures: Vec<_> = recipes.filter_map(|layer| layer.verify().err()).collect();
    failures.into_iter().find(|error| matches!(error, StoreError::Damaged { .. }))
}

/// As much of a path as is shown of it.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(&path[..path.len().min(SHOWN_BYTES)]).into_owned()
}

/// The path of `name` in the folder at `path`; the top folder's path is empty.
pub(super) fn path_below(path: &[u8], name: &[u8]) -> Vec<u8> {
    match path {
        b"" => name.to_vec(),
        path => [path, b"/", name].concat(),
    }
}
