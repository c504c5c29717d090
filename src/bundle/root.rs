//! The root file system of a container: the bundle's files, and what lies over them.

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::mount::mount;
use super::options::RootAccess;
use super::surroundings::Surroundings;
use crate::beneath::{Folder, Target};
use crate::unpack::{FileTree, UnpackError};

/// The name of the folder with the image's files.
pub const ROOTFS: &str = "rootfs";

/// The folder of the layer that keeps changes, and what is in it (Linux, "Overlay Filesystem").
const LAYER: &str = "layer";
const UPPER: &str = "upper";
const WORK: &str = "work";
/// Where programs expect to be able to write, whatever else may not change.
const IN_MEMORY: [&str; 3] = ["/run", "/tmp", "/var/tmp"];

/// What a container has as its root.
pub(super) struct Root {
    access: RootAccess,
    /// The bundle's folder.
    bundle: PathBuf,
    /// Folders of the image that are in memory.
    in_memory: Vec<&'static str>,
}

impl Root {
    /// The root of the bundle that will be in `bundle`.
    pub(super) fn of(access: RootAccess, bundle: &Path) -> Result<Self, UnpackError> {
        let text = bundle.to_str().filter(|text| !text.contains([',', ':', '\\', '"']));
        if access == RootAccess::Layered && text.is_none() {
            let problem = io::Error::other(
                "a layer over files can't be there: overlayfs takes no path with a comma, colon, quote or backslash",
            );
            return Err(UnpackError::place("use", bundle)(problem));
        }
        Ok(Root { access, bundle: bundle.to_owned(), in_memory: Vec::new() })
    }

    /// The same root, over the image's `tree`. A runtime would make a folder that the image lacks, and so change files that
    /// are shared.
    pub(super) fn over(self, tree: &FileTree<'_>) -> Self {
        let is_folder = |path: &&str| {
            tree.find(path.as_bytes()).is_some_and(|id| tree.inode(id).is_directory())
        };
        Root { in_memory: IN_MEMORY.into_iter().filter(is_folder).collect(), ..self }
    }

    /// Makes what the root has beside the files: `mode` is that of the image's root folder.
    pub(super) fn make(&self, folder: &Folder, mode: u16) -> io::Result<()> {
        if self.access != RootAccess::Layered {
            return Ok(());
        }
        let layer = folder.make_dir(LAYER.as_bytes())?;
        let upper = layer.make_dir(UPPER.as_bytes())?;
        layer.make_dir(WORK.as_bytes())?;
        // What the container has as its root folder.
        Target::Open(upper.as_fd()).set_mode(mode.into())
    }

    /// The `root` of the configuration.
    pub(super) fn config(&self) -> Value {
        json!({ "path": ROOTFS, "readonly": self.access == RootAccess::ReadOnly })
    }

    /// The mounts that come before all others, and those that come after.
    pub(super) fn mounts(&self, surroundings: &Surroundings) -> (Vec<Value>, Vec<Value>) {
        match self.access {
            RootAccess::Writable => (Vec::new(), Vec::new()),
            RootAccess::ReadOnly => {
                let options = ["nosuid", "nodev", "mode=1777"];
                let in_memory = |place| mount(place, "tmpfs", "tmpfs", &options);
                (Vec::new(), self.in_memory.iter().copied().map(in_memory).collect())
            }
            RootAccess::Layered => (vec![self.overlay(surroundings)], Vec::new()),
        }
    }

    fn overlay(&self, surroundings: &Surroundings) -> Value {
        let place = |key: &str, path: &[&str]| {
            let path: PathBuf =
                [self.bundle.as_path()].into_iter().chain(path.iter().map(Path::new)).collect();
            format!("{key}={}", path.display())
        };
        let options = [
            place("lowerdir", &[ROOTFS]),
            place("upperdir", &[LAYER, UPPER]),
            place("workdir", &[LAYER, WORK]),
        ];
        let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
        if !surroundings.is_root() {
            options.push("userxattr");
        }
        mount("/", "overlay", "overlay", &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_cannot_be_where_overlayfs_could_not_name_it() {
        for path in ["/a,b", "/a:b", "/a\\b", "/a\"b"] {
            assert!(Root::of(RootAccess::Layered, Path::new(path)).is_err(), "{path}");
            assert!(Root::of(RootAccess::ReadOnly, Path::new(path)).is_ok(), "{path}");
        }
    }
}
