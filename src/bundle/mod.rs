//! The bundle room: what an OCI runtime starts, an unpacked image and its `config.json`.
//!
//! Here live the user that the image names, looked up in its own files, and the conversion of its config (OCI image
//! spec, "Conversion to OCI Runtime Configuration"; OCI runtime spec 1.0.2). Files are the unpack room's. No runtime is run
//! here.

mod mount;
mod options;
mod process;
mod root;
mod runtime_config;
mod surroundings;
mod user;

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;

use serde::Serialize;

pub use options::{BundleOptions, RootAccess};
pub use root::ROOTFS;
pub use surroundings::Isolation;

use self::root::Root;
use self::runtime_config::runtime_config;
use self::surroundings::Surroundings;
use self::user::{User, find_user};
use crate::beneath::{Folder, Target};
use crate::image::Image;
use crate::measure::Measure;
use crate::progress::Progress;
use crate::store::Store;
use crate::unpack::{
    FileTree, Owners, Place, Shared, UnpackError, UnpackReport, with_tree, write_tree,
};
use crate::user_namespace::{IdMapping, group_mappings, has_entered, outer_ids, user_mappings};

/// The name of the file that runtimes read.
pub const CONFIG: &str = "config.json";

/// What is in a bundle.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct BundleReport {
    /// How a container is kept apart that is started from it.
    pub isolation: Isolation,
    /// The user that the process runs as, as a number inside the container.
    pub uid: u32,
    /// The user that the image names, if that one cannot be had: the process runs as root of its container, which
    /// is the caller outside.
    pub unmapped_uid: Option<u32>,
    /// How many groups of the user the process is not in, beside its first.
    pub left_out_groups: usize,
    /// The image's files.
    #[serde(flatten)]
    pub unpacked: UnpackReport,
}

/// Makes a bundle of `image` in the folder `dir`, which is empty or not there yet. Layers that `store` does not have are
/// fetched into it. Who may start it is who made it: root, or an ordinary user with the users that its user
/// namespace has.
///
/// # Errors
/// The same as those of [`unpack`](crate::unpack::unpack); also if the image's config says something that no container
/// can be started with, such as a user that the image does not have.
pub fn bundle(
    image: &Image,
    store: &Store,
    dir: &Path,
    options: &BundleOptions,
    progress: &dyn Progress,
) -> Result<BundleReport, UnpackError> {
    let measure = Measure::start(progress);
    let place = Place::find(dir)?;
    let surroundings = surroundings(options.unpack.owners);
    let root = Root::of(options.root, &place.path())?;
    with_tree(image, store, progress, |tree| {
        let root = root.over(tree);
        let wanted = wanted_user(image, tree)?;
        let user = surroundings.possible(&wanted);
        let config = runtime_config(image, &user, &surroundings, &root);
        let config = config.map_err(UnpackError::Config)?;
        let site = place.begin()?;
        let rootfs = site.folder().make_dir(ROOTFS.as_bytes());
        let rootfs = rootfs.map_err(UnpackError::place("write to", site.path()))?;
        let unpack = &options.unpack;
        let shared = Shared::beside(&rootfs, store, unpack, progress)?;
        let counts = write_tree(tree, &site, &rootfs, unpack, shared.as_ref(), progress)?;
        let mode = tree.inode(tree.root()).attributes.mode;
        let completed = root.make(site.folder(), mode);
        completed
            .and_then(|()| write_config(site.folder(), &config))
            .map_err(UnpackError::place("write to", site.path()))?;
        place.publish(site)?;
        Ok(BundleReport {
            isolation: surroundings.isolation,
            uid: user.uid,
            unmapped_uid: (user.uid != wanted.uid).then_some(wanted.uid),
            left_out_groups: wanted.groups.len() - user.groups.len(),
            unpacked: UnpackReport::new(image.id(), unpack, counts, &measure),
        })
    })
}

fn wanted_user(image: &Image, tree: &FileTree<'_>) -> Result<User, UnpackError> {
    let name = image.config().runtime().get("User").and_then(|user| user.as_str());
    find_user(tree, name.unwrap_or_default()).map_err(UnpackError::Config)
}

/// What a container that this process's user starts has around it.
fn surroundings(owners: Owners) -> Surroundings {
    let (uid, gid) = outer_ids();
    let own = |outside| vec![IdMapping { inside: 0, outside, count: 1 }];
    let (isolation, users, groups) = match (owners, has_entered()) {
        (Owners::Set, false) => (Isolation::Root, Vec::new(), Vec::new()),
        (Owners::Set, true) => (Isolation::UserNamespace, user_mappings(), group_mappings()),
        // The runtime is started outside, where the caller may have another number.
        (Owners::Recorded, _) => (Isolation::UserNamespace, own(uid), own(gid)),
    };
    let has_resolver = Path::new("/etc/resolv.conf").is_file();
    Surroundings { isolation, users, groups, has_resolver }
}

fn write_config(folder: &Folder, config: &serde_json::Value) -> std::io::Result<()> {
    let mut text = serde_json::to_vec_pretty(config)?;
    text.push(b'\n');
    let mut file = folder.make_file(CONFIG.as_bytes())?;
    file.write_all(&text)?;
    Target::Open(file.as_fd()).set_mode(0o644)
}
