//! In what the files of two trees differ, as far as rsync can make them the same.

use crate::rootfs::{Attributes, Inode, InodeId, Tree};

/// Says in what the files of a device differ from those of `other`, if they do.
pub(super) fn difference(device: &Tree<'_>, other: &Tree<'_>) -> Option<String> {
    let mut links = (vec![None; device.inode_count()], vec![None; other.inode_count()]);
    let mut are_linked_alike = |a: InodeId, b: InodeId| {
        *links.0[a.index()].get_or_insert(b) == b && *links.1[b.index()].get_or_insert(a) == a
    };
    let mut todo = vec![(Vec::new(), device.root(), other.root())];
    while let Some((path, a, b)) = todo.pop() {
        let is = |what| Some(format!("{:?} {what}", String::from_utf8_lossy(&path)));
        if !are_linked_alike(a, b) {
            return is("has other hard links");
        }
        if !is_same(device.inode(a), other.inode(b)) {
            return is("is different");
        }
        let below = |name: &[u8]| match &path[..] {
            b"" => name.to_vec(),
            path => [path, b"/", name].concat(),
        };
        let mut names = other.children(b);
        for (name, a) in device.children(a) {
            let Some(b) = other.child(b, name) else {
                return is(&format!("has {:?} too many", String::from_utf8_lossy(name)));
            };
            // A folder may have very many files: those that are right need no path.
            let inode = device.inode(a);
            let right = are_linked_alike(a, b) && is_same(inode, other.inode(b));
            if inode.is_directory() || !right {
                todo.push((below(name), a, b));
            }
        }
        if let Some((name, _)) = names.find(|(name, _)| device.child(a, name).is_none()) {
            return is(&format!("lacks {:?}", String::from_utf8_lossy(name)));
        }
    }
    None
}

/// Whether two inodes are the same as far as rsync can make them so: of anything but a regular
/// file it leaves a fraction of a second as it was.
fn is_same(a: &Inode<'_>, b: &Inode<'_>) -> bool {
    let Attributes { mut mtime, .. } = a.attributes;
    let same_kind = match (a.content(), b.content()) {
        (Some(a), Some(b)) => std::ptr::eq(a, b) || a == b,
        _ => {
            mtime.nanoseconds = b.attributes.mtime.nanoseconds;
            a.kind.is_like(&b.kind)
        }
    };
    same_kind && Attributes { mtime, ..a.attributes } == b.attributes
}
