//! The files of the base, as an oci-delta takes bytes from them.

use super::Sources;
use crate::rootfs::{Doubt, Inode, InodeId, RootfsError, SparseFiles, Tree};
use crate::tar_diff::OldFiles;

/// Everybody may read the file: who applies a delta is not always root.
const READABLE_BY_ALL: u16 = 0o004;
/// The longest path that readers take, in bytes.
const MAX_PATH_BYTES: usize = 4096;
/// Where ostree keeps its own files: on hosts these are others.
const OSTREE: &[u8] = b"sysroot/ostree/";

/// The tree of a base.
#[derive(Debug)]
pub(crate) struct OldTree<'a> {
    tree: Tree<'a>,
    layers: Vec<&'a [u8]>,
}

/// A file of the base: path and content.
pub(super) type Source<'a> = (Vec<u8>, &'a [u8]);

impl<'a> OldTree<'a> {
    /// The tree of `layers`, bottom first, whose sparse files are in `sparse`.
    ///
    /// # Errors
    /// If the layers are no tree.
    pub(crate) fn new(layers: &[&'a [u8]], sparse: &'a SparseFiles) -> Result<Self, RootfsError> {
        Ok(OldTree { tree: Tree::from_layers(layers, sparse)?, layers: layers.to_vec() })
    }

    /// The files that a delta may take from, each under one path, in the order of paths.
    pub(super) fn sources(&self, sources: Sources) -> Vec<Source<'a>> {
        let seen = vec![false; self.tree.inode_count()];
        let mut walk = Walk { old: self, sources, seen, found: Vec::new() };
        walk.folder(self.tree.root(), &mut Vec::new());
        walk.found
    }

    /// Whether every reader finds the bytes of the file `inode`, which are `content`: nobody's view of the tree differs, all
    /// may read, and they lie in one layer in one piece, which those of sparse files do not.
    fn is_sound(&self, inode: &Inode<'_>, content: &[u8]) -> bool {
        let in_layer = |layer: &&[u8]| layer.as_ptr_range().contains(&content.as_ptr());
        inode.doubt != Doubt::Everything
            && inode.attributes.mode & READABLE_BY_ALL != 0
            && self.layers.iter().any(in_layer)
    }
}

impl OldFiles for OldTree<'_> {
    fn content(&self, path: &[u8]) -> Option<&[u8]> {
        self.tree.inode(self.tree.find(path)?).content()
    }
}

struct Walk<'t, 'a> {
    old: &'t OldTree<'a>,
    sources: Sources,
    /// Which inodes have been found under another name.
    seen: Vec<bool>,
    found: Vec<Source<'a>>,
}

impl<'a> Walk<'_, 'a> {
    fn folder(&mut self, folder: InodeId, path: &mut Vec<u8>) {
        let tree = &self.old.tree;
        for (name, id) in tree.children(folder) {
            let before = path.len();
            if before > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            match tree.inode(id).is_directory() {
                true => self.folder(id, path),
                false => self.file(id, path),
            }
            path.truncate(before);
        }
    }

    fn file(&mut self, id: InodeId, path: &[u8]) {
        let inode = self.old.tree.inode(id);
        let Some(content) = inode.content().filter(|content| !content.is_empty()) else { return };
        if self.seen[id.index()] || !self.old.is_sound(inode, content) || !self.may_have(path) {
            return;
        }
        self.seen[id.index()] = true;
        self.found.push((path.to_vec(), content));
    }

    fn may_have(&self, path: &[u8]) -> bool {
        let is_named = path.len() <= MAX_PATH_BYTES && str::from_utf8(path).is_ok();
        let is_there = match self.sources {
            Sources::All => true,
            Sources::Bootc => path.starts_with(b"usr/") || path.starts_with(b"etc/"),
        };
        is_named && is_there && !path.starts_with(OSTREE)
    }
}
