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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::test_archives::{TestHeader, archive};

    /// Where a header has its mode, and its link's name.
    const MODE: usize = 100;
    const LINK: usize = 157;

    fn file(name: &str) -> Vec<u8> {
        let content = format!("from {name}");
        let mut entry = TestHeader::ustar(name, b'0', content.len()).sealed(false).to_vec();
        entry.extend_from_slice(content.as_bytes());
        entry
    }

    fn link(name: &str, flag: u8, target: &str) -> Vec<u8> {
        TestHeader::ustar(name, flag, 0).with(LINK, target.as_bytes()).sealed(false).to_vec()
    }

    fn layer(entries: &[Vec<u8>]) -> Vec<u8> {
        archive(&entries.iter().map(|entry| &entry[..]).collect::<Vec<_>>())
    }

    fn sources_of(layers: &[Vec<u8>]) -> Vec<String> {
        let layers: Vec<&[u8]> = layers.iter().map(|layer| &layer[..]).collect();
        let sparse = SparseFiles::of_layers(&layers).expect("sound");
        let tree = OldTree::new(&layers, &sparse).expect("a tree");
        let paths = tree.sources(Sources::All).into_iter().map(|(path, _)| path);
        paths.map(|path| String::from_utf8(path).expect("text")).collect()
    }

    #[test]
    fn what_an_upper_layer_has_below_a_link_of_a_lower_one_is_no_source() {
        let lower =
            layer(&[file("usr/lib/kept"), file("usr/lib/hidden"), link("lib", b'2', "usr/lib")]);
        let upper = layer(&[file("lib/new"), file("lib/hidden"), file("usr/lib/direct")]);
        // Readers that follow the link find one file under its name, those that put a directory in its place another.
        assert_eq!(sources_of(&[lower, upper]), ["usr/lib/direct", "usr/lib/kept"]);
    }

    #[test]
    fn sources_have_the_names_of_folders_and_not_of_links_to_them() {
        let only =
            layer(&[file("usr/lib/a"), link("lib", b'2', "usr/lib"), link("b", b'1', "usr/lib/a")]);
        assert_eq!(sources_of(&[only]), ["b"]);
    }

    #[test]
    fn files_that_not_everybody_may_read_are_no_sources() {
        let header = TestHeader::ustar("secret", b'0', 1).with(MODE, b"0000640");
        let secret = [&header.sealed(false)[..], b"s"].concat();
        assert_eq!(sources_of(&[layer(&[secret, file("open")])]), ["open"]);
    }
}
