//! Layer tars: any stack of two gives a tree or is refused, and every name in a tree is safe.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::rootfs::{InodeId, SparseFiles, Tree};

/// A tar is made of blocks of so many bytes.
const BLOCK: usize = 512;

/// Walks the tree and checks every name on the way.
fn walk(tree: &Tree<'_>, directory: InodeId) {
    for (name, child) in tree.children(directory) {
        assert!(!name.is_empty() && !name.contains(&b'/') && name != b"." && name != b"..");
        if tree.inode(child).is_directory() {
            walk(tree, child);
        }
    }
}

// The input: a byte that says how many blocks the lower layer has, the lower layer, the upper.
fuzz_target!(|input: &[u8]| {
    let Some((&blocks, rest)) = input.split_first() else { return };
    let (lower, upper) = rest.split_at(rest.len().min(usize::from(blocks) * BLOCK));
    let Ok(sparse) = SparseFiles::of_layers(&[lower, upper]) else { return };
    let Ok(apart) = SparseFiles::kept_apart(&[lower, upper]) else { return };
    let trees = [&sparse, &apart].map(|sparse| Tree::from_layers(&[lower, upper], sparse));
    let [Ok(tree), Ok(apart)] = trees else { return };
    walk(&tree, tree.root());
    assert_eq!(tree.inode_count(), apart.inode_count());
    assert_eq!(tree.follow(b"etc/passwd"), apart.follow(b"etc/passwd"));
});
