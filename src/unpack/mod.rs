//! The unpack room: an image's root file system in a folder.
//!
//! What the layers add up to is worked out in memory ([`rootfs`](crate::rootfs)): whiteouts, hard links, names that lead
//! through symbolic links. Then the finished tree is walked, and each thing is made anew in a folder that was just
//! made, through handles (`beneath`). So nothing that a layer says is ever looked up on disk, and no
//! link is followed there. The result appears under its name in one step.
//!
//! What this system or user cannot make as the image says is recorded beside it or counted, never lost in silence.

mod compare;
mod counts;
mod error;
mod file_tree;
mod findings;
mod leaf;
mod likeness;
mod mending;
mod mount_point;
mod options;
mod owner;
mod place;
mod report;
mod share;
mod shared;
mod sparse_content;
mod survey;
mod tree_writer;
mod xattrs;

use std::path::Path;

pub use counts::{Counts, LeftOut, Recorded};
pub use error::UnpackError;
pub use options::{Files, Owners, UnpackOptions};
pub use owner::OWNER_RECORD;
pub use report::{OwnersKept, UnpackReport};
pub use xattrs::XATTR_RECORD_PREFIX;

pub(crate) use compare::{MadeTree, compare_tree};
pub(crate) use file_tree::{FileTree, with_tree};
pub(crate) use findings::TreeFindings;
pub(crate) use place::Place;
pub(crate) use share::share_files;
pub(crate) use shared::Shared;
pub(crate) use tree_writer::write_tree;

use crate::image::Image;
use crate::measure::Measure;
use crate::progress::Progress;
use crate::store::Store;

/// Unpacks `image` into the folder `dir`, which is empty or not there yet. Layers that `store` does not have are
/// fetched into it.
///
/// # Errors
/// If something is in `dir`, a layer cannot be had, the layers are no valid file tree, the disk has no room, a
/// file cannot be made or `progress` stops the work. Nothing is left behind then.
pub fn unpack(
    image: &Image,
    store: &Store,
    dir: &Path,
    options: &UnpackOptions,
    progress: &dyn Progress,
) -> Result<UnpackReport, UnpackError> {
    let measure = Measure::start(progress);
    let place = Place::find(dir)?;
    let counts = with_tree(image, store, progress, |tree| {
        let site = place.begin()?;
        let shared = Shared::beside(site.folder(), store, options, progress)?;
        let top = site.folder();
        let counts = write_tree(tree, &site, top, options, shared.as_ref(), progress)?;
        place.publish(site)?;
        Ok(counts)
    })?;
    Ok(UnpackReport::new(image.id(), options, counts, &measure))
}
