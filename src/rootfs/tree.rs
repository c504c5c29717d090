//! The tree itself: inodes and the names they have.

use std::collections::{BTreeMap, TryReserveError};
use std::num::NonZeroU32;

use super::extras::{Extras, Xattr};
use crate::tar::{Mtime, SparseMap};

/// A whole file tree, in memory. Content stays where it is: in the layers' tars,
/// or in [`SparseFiles`](super::SparseFiles).
#[derive(Debug, Clone)]
pub struct Tree<'a, C = &'a [u8]> {
    inodes: Vec<Inode<'a, C>>,
}

/// Stands for an inode of one [`Tree`]. Names with the same inode are hard links of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(NonZeroU32);

/// Something in the tree, whatever its names.
#[derive(Debug, Clone)]
pub struct Inode<'a, C = &'a [u8]> {
    /// The kind of file, with its content.
    pub kind: Kind<'a, C>,
    /// The owner, the permissions and the time of the last change.
    pub attributes: Attributes,
    /// Whether a device may see something else.
    pub doubt: Doubt,
    pub(super) extras: Extras<'a>,
}

/// The types of things in a tree.
#[derive(Debug, Clone)]
pub enum Kind<'a, C = &'a [u8]> {
    /// A directory; [`Tree::children`] lists it.
    Directory(Directory<'a>),
    /// A regular file: its content, usually a slice of its layer unless the file is sparse and laid out. Where
    /// [`Inode::holes`] returns a map, the content is what lies between the holes.
    File(C),
    /// A symbolic link: its target, as it is written.
    Symlink(&'a [u8]),
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
}

/// The names in a directory.
#[derive(Debug, Clone, Default)]
pub struct Directory<'a> {
    #[expect(clippy::box_collection, reason = "most inodes are no directories, and as large")]
    names: Box<BTreeMap<&'a [u8], Child>>,
}

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) inode: InodeId,
    /// The last layer that made the name or something below it, counted from 1.
    pub(super) layer: u32,
}

/// The number of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    /// The driver.
    pub major: u32,
    /// The device among the driver's own.
    pub minor: u32,
}

/// Permissions, owner and time of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky: 0 to 0o7777. Of a symbolic link 0o777.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When the content was last changed.
    pub mtime: Mtime,
}

/// How far a device that unpacked the same layers may see something else than this tree.
///
/// The tree is what `umoci unpack` makes: one layer unpacked over the other. overlay2 unpacks each
/// layer into a folder of its own and lays these over each other, which differs in corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Doubt {
    /// A device sees exactly this.
    #[default]
    None,
    /// Mode, owner or time may differ: an entry below a directory whose own entry the layer lacks
    /// (overlay2 makes it anew), a hard link whose entry says other attributes than the file's
    /// (overlay2 applies them), a time before 1970 (engines set 1970) or with a fraction of a second
    /// (a device's copy of an image may have lost it), an owner or group 4294967295 (which leaves
    /// those that unpacking gave: root, or a setgid directory's group).
    Attributes,
    /// Anything may be there: a character device 0:0 (overlay2's own whiteout), something reached
    /// through a symbolic link of a lower layer (overlay2 puts a directory in the link's place), or
    /// a directory made again in the layer that removed it (overlay2 lays it over what was removed).
    Everything,
}

impl<'a, C> Tree<'a, C> {
    /// A tree of an empty root folder.
    pub(super) fn empty() -> Self {
        let root = Attributes { mode: 0o755, uid: 0, gid: 0, mtime: Mtime::default() };
        let doubt = Doubt::Attributes;
        let kind = Kind::Directory(Directory::default());
        Tree { inodes: vec![Inode::new(kind, root, doubt)] }
    }

    /// Makes room for so many more inodes.
    pub(super) fn reserve(&mut self, inodes: usize) -> Result<(), TryReserveError> {
        self.inodes.try_reserve_exact(inodes)
    }

    /// The root folder.
    pub fn root(&self) -> InodeId {
        InodeId::of_index(0)
    }

    /// Returns the inode that `id` stands for.
    pub fn inode(&self, id: InodeId) -> &Inode<'a, C> {
        &self.inodes[id.index()]
    }

    pub(crate) fn inode_mut(&mut self, id: InodeId) -> &mut Inode<'a, C> {
        &mut self.inodes[id.index()]
    }

    /// Adds an inode, which has no name yet.
    pub(crate) fn add(&mut self, inode: Inode<'a, C>) -> InodeId {
        self.inodes.push(inode);
        InodeId::of_index(self.inodes.len() - 1)
    }

    /// Gives an inode a name in a directory, where nothing else may have it. In anything but a
    /// directory nothing happens.
    pub(crate) fn put(&mut self, directory: InodeId, name: &'a [u8], inode: InodeId) {
        if let Some(names) = self.names_mut(directory) {
            names.insert(name, Child { inode, layer: 0 });
        }
    }

    /// Takes a name out of a directory, and says what it stood for.
    pub(crate) fn take(&mut self, directory: InodeId, name: &[u8]) -> Option<InodeId> {
        self.names_mut(directory)?.remove(name).map(|child| child.inode)
    }

    /// How many inodes were ever made, those that a later layer removed included. Identifiers are
    /// below this number.
    pub fn inode_count(&self) -> usize {
        self.inodes.len()
    }

    /// The names in a directory, in byte order; none for anything else.
    pub fn children(&self, id: InodeId) -> impl Iterator<Item = (&'a [u8], InodeId)> + '_ {
        let names = self.names(id).into_iter().flatten();
        names.map(|(name, child)| (*name, child.inode))
    }

    /// Returns the inode that `name` stands for in a directory.
    pub fn child(&self, directory: InodeId, name: &[u8]) -> Option<InodeId> {
        self.names(directory)?.get(name).map(|child| child.inode)
    }

    /// Returns the inode at `path`, whose names have slashes between them: the root's is empty.
    /// Symbolic links are not followed.
    pub fn find(&self, path: &[u8]) -> Option<InodeId> {
        let mut names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
        names.try_fold(self.root(), |directory, name| self.child(directory, name))
    }

    pub(super) fn names(&self, id: InodeId) -> Option<&BTreeMap<&'a [u8], Child>> {
        match &self.inode(id).kind {
            Kind::Directory(directory) => Some(&directory.names),
            _ => None,
        }
    }

    pub(super) fn names_mut(&mut self, id: InodeId) -> Option<&mut BTreeMap<&'a [u8], Child>> {
        match &mut self.inode_mut(id).kind {
            Kind::Directory(directory) => Some(&mut directory.names),
            _ => None,
        }
    }
}

impl InodeId {
    /// The number of the inode, from 0 at the root: an index for tables of a caller's own.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    fn of_index(index: usize) -> Self {
        // Not 0, so that an identifier that may be missing takes no more room.
        InodeId(NonZeroU32::MIN.saturating_add(index as u32))
    }
}

impl<C> Kind<'_, C> {
    /// Whether both are the same thing of the same type, whatever is in files and directories.
    pub(crate) fn is_like(&self, other: &Kind<'_, C>) -> bool {
        match (self, other) {
            (Kind::Directory(_), Kind::Directory(_)) => true,
            (Kind::File(_), Kind::File(_)) | (Kind::Fifo, Kind::Fifo) => true,
            (Kind::Symlink(a), Kind::Symlink(b)) => a == b,
            (Kind::CharDevice(a), Kind::CharDevice(b)) => a == b,
            (Kind::BlockDevice(a), Kind::BlockDevice(b)) => a == b,
            _ => false,
        }
    }
}

impl<'a, C> Inode<'a, C> {
    /// An inode without extended attributes and holes.
    pub(crate) fn new(kind: Kind<'a, C>, attributes: Attributes, doubt: Doubt) -> Self {
        Inode { kind, attributes, doubt, extras: Extras::default() }
    }

    /// Returns names and values of the extended attributes, sorted by name.
    pub fn xattrs(&self) -> &[Xattr<'a>] {
        self.extras.xattrs()
    }

    /// Returns where the holes of a file are whose content is kept as it is stored
    /// ([`SparseFiles::kept_apart`](super::SparseFiles::kept_apart)).
    pub fn holes(&self) -> Option<&'a SparseMap> {
        self.extras.holes()
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// The content, of a regular file.
    pub fn content(&self) -> Option<C>
    where
        C: Copy,
    {
        match self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }
}
