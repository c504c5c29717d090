//! Every name of the target, in the order in which a reader keeps its list, paired with what the
//! base has in its place.

use super::{Inode, Tree};
use crate::rootfs::{Doubt, InodeId};

/// All names of the target.
pub(super) struct Names<'t, 'a> {
    base: &'t Tree<'a>,
    target: &'t Tree<'a>,
    names: Vec<Name<'a>>,
}

/// One name of the target.
pub(super) struct Name<'a> {
    /// The last component of the path; empty for the root.
    pub(super) name: &'a [u8],
    parent: u32,
    pub(super) target: InodeId,
    /// What the base has under the same path, reached through directories alone and beyond doubt.
    pub(super) base: Option<InodeId>,
    /// Of a directory: whether the base has a name in it that the target lacks.
    pub(super) vanishing: bool,
}

impl<'t, 'a> Names<'t, 'a> {
    /// Pairs the names of `target` with those of `base`.
    pub(super) fn pair(base: &'t Tree<'a>, target: &'t Tree<'a>) -> Self {
        let mut names = Names { base, target, names: Vec::new() };
        let (base_root, target_root) = (base.root(), target.root());
        names.add(0, b"", target_root, Some(base_root));
        let mut open = vec![names.open(0)];
        while let Some(directories) = open.last_mut() {
            let Some((parent, name, target, base)) = directories.next() else {
                open.pop();
                continue;
            };
            let at = names.add(parent, name, target, base);
            let inside = names.open(at);
            open.push(inside);
        }
        names
    }

    fn add(
        &mut self,
        parent: usize,
        name: &'a [u8],
        target: InodeId,
        base: Option<InodeId>,
    ) -> usize {
        let is_directory = |tree: &Tree<'_>, id| tree.inode(id).is_directory();
        let both =
            base.filter(|&id| is_directory(self.base, id) && is_directory(self.target, target));
        let vanishing = both.is_some_and(|base| {
            self.base.children(base).any(|(name, _)| self.target.child(target, name).is_none())
        });
        self.names.push(Name { name, parent: parent as u32, target, base, vanishing });
        self.names.len() - 1
    }

    /// Adds the names in a directory that are no directories, and gives those that are.
    fn open(
        &mut self,
        at: usize,
    ) -> std::vec::IntoIter<(usize, &'a [u8], InodeId, Option<InodeId>)> {
        let Name { target, base, .. } = self.names[at];
        let (target_tree, base_tree) = (self.target, self.base);
        let mut directories = Vec::new();
        for (name, child) in target_tree.children(target) {
            let old = base.and_then(|base| base_tree.child(base, name));
            let old = old.filter(|&old| base_tree.inode(old).doubt < Doubt::Everything);
            match target_tree.inode(child).is_directory() {
                true => directories.push((at, name, child, old)),
                false => drop(self.add(at, name, child, old)),
            }
        }
        let with_slash = |name: &'a [u8]| name.iter().chain(b"/");
        directories.sort_by(|a, b| with_slash(a.1).cmp(with_slash(b.1)));
        directories.into_iter()
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Name<'a>> {
        self.names.iter()
    }

    /// The path of a name; empty for the root.
    pub(super) fn path(&self, at: usize) -> Vec<u8> {
        let mut way = Vec::new();
        let mut at = at;
        while at != 0 {
            way.push(self.names[at].name);
            at = self.names[at].parent();
        }
        way.reverse();
        way.join(&b'/')
    }

    /// The length of the path of a name, in bytes.
    pub(super) fn path_len(&self, mut at: usize) -> usize {
        let mut len = 0;
        while at != 0 {
            len += self.names[at].name.len() + 1;
            at = self.names[at].parent();
        }
        len.saturating_sub(1)
    }

    pub(super) fn target_inode(&self, at: usize) -> &'t Inode<'a> {
        self.target.inode(self.names[at].target)
    }

    pub(super) fn base_inode(&self, at: usize) -> Option<&'t Inode<'a>> {
        self.names[at].base.map(|id| self.base.inode(id))
    }

    /// The content of the target's file; `None` if it is no regular file.
    pub(super) fn target_content(&self, at: usize) -> Option<&'a [u8]> {
        self.target_inode(at).content()
    }

    /// The content of the base's file; `None` if it has no regular file there.
    pub(super) fn base_content(&self, at: usize) -> Option<&'a [u8]> {
        self.base_inode(at)?.content()
    }

    /// How many inodes the target has.
    pub(super) fn target_inodes(&self) -> usize {
        self.target.inode_count()
    }

    /// Whether the base has the same thing of the same type here, content of files aside.
    pub(super) fn same_kind(&self, at: usize) -> bool {
        self.base_inode(at).is_some_and(|base| base.kind.is_like(&self.target_inode(at).kind))
    }

    /// Whether the base has the same attributes here, beyond doubt. Of anything but a regular file
    /// a reader compares whole seconds.
    pub(super) fn same_attributes(&self, at: usize) -> bool {
        let Some(base) = self.base_inode(at) else { return false };
        let target = self.target_inode(at);
        let mut expected = target.attributes;
        if target.content().is_none() {
            expected.mtime.nanoseconds = base.attributes.mtime.nanoseconds;
        }
        base.doubt == Doubt::None && base.attributes == expected
    }
}

impl Name<'_> {
    /// The position of the directory it is in; the root is its own.
    pub(super) fn parent(&self) -> usize {
        self.parent as usize
    }
}

impl<'a> std::ops::Index<usize> for Names<'_, 'a> {
    type Output = Name<'a>;

    fn index(&self, at: usize) -> &Name<'a> {
        &self.names[at]
    }
}
