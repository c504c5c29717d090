//! Stacking: one layer after the other becomes one tree.

use std::collections::{BTreeSet, VecDeque};

use super::entries::{Body, LayerEntry, entries};
use super::error::{Problem, RootfsError, shown};
use super::extras::Extras;
use super::layer_bytes::LayerBytes;
use super::path::{MAX_ENTRIES, MAX_NAME, MAX_PATH, components};
use super::sparse_files::SparseFiles;
use super::tree::{Attributes, Child, Device, Directory, Doubt, Inode, InodeId, Kind, Tree};
use crate::tar::Mtime;

/// How many symbolic links one path may go through, as umoci bounds it.
const MAX_LINKS: usize = 255;
/// How many steps all paths together may take through the targets of symbolic links. Two million entries of an image
/// take a few each; a hostile layer's could take half a million each.
const MAX_LINK_STEPS: usize = 10_000_000;
/// How many extended attributes the entries may have together: each takes 32 bytes of memory.
const MAX_XATTRS: usize = 1_000_000;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

impl<'a> Tree<'a> {
    /// The tree that `layers`, uncompressed tars from the bottom up, add up to. `sparse` has the sparse
    /// files of the same layers.
    ///
    /// # Errors
    /// If a layer is damaged or holds what no image may hold.
    ///
    /// # Panics
    /// If `sparse` is of other layers.
    pub fn from_layers(
        layers: &[&'a [u8]],
        sparse: &'a SparseFiles,
    ) -> Result<Tree<'a>, RootfsError> {
        Tree::of(layers, sparse)
    }
}

impl<'a, C: Copy> Tree<'a, C> {
    /// The same, of layers of which not all need be in memory.
    ///
    /// # Errors
    /// The same as those of [`from_layers`](Tree::from_layers).
    pub fn of<A: LayerBytes<'a, Content = C>>(
        layers: &[A],
        sparse: &'a SparseFiles,
    ) -> Result<Self, RootfsError> {
        let mut tree = Tree::empty();
        let expected = sparse.entry_count().min(MAX_ENTRIES);
        let problem = || Problem::OutOfMemory(expected);
        tree.reserve(expected).map_err(|_| RootfsError {
            layer: layers.len(),
            offset: 0,
            problem: problem(),
        })?;
        let mut budget = Budget { link_steps: MAX_LINK_STEPS, xattrs: MAX_XATTRS };
        for (index, &tar) in layers.iter().enumerate() {
            let layer = index + 1;
            let mut stacking = Stacking::new(&mut tree, &mut budget, layer as u32);
            for entry in entries(layer, tar, sparse) {
                let entry = entry?;
                let offset = entry.offset;
                stacking.apply(entry).map_err(|problem| RootfsError { layer, offset, problem })?;
            }
            stacking.finish();
        }
        Ok(tree)
    }
}

/// What is left of the work that a whole stack may make.
struct Budget {
    link_steps: usize,
    xattrs: usize,
}

impl Budget {
    fn take_link_steps(&mut self, steps: usize) -> Result<(), Problem> {
        let left = self.link_steps.checked_sub(steps);
        self.link_steps = left.ok_or(Problem::TooManySteps(MAX_LINK_STEPS))?;
        Ok(())
    }

    fn take_xattrs(&mut self, xattrs: usize) -> Result<(), Problem> {
        let left = self.xattrs.checked_sub(xattrs);
        self.xattrs = left.ok_or(Problem::TooManyXattrs(MAX_XATTRS))?;
        Ok(())
    }
}

/// One layer on its way into the tree.
struct Stacking<'t, 'a, C> {
    tree: &'t mut Tree<'a, C>,
    budget: &'t mut Budget,
    layer: u32,
    /// Directories that this layer has something below, and those it has an entry for.
    passed: BTreeSet<InodeId>,
    named: BTreeSet<InodeId>,
    /// Directories of lower layers that this layer removed, by parent and name.
    removed: BTreeSet<(InodeId, &'a [u8])>,
    /// Inodes that have nothing of lower layers below them any more.
    cleared: BTreeSet<InodeId>,
}

/// A directory, and how it was reached.
struct Reached<'a> {
    directory: InodeId,
    /// The directories from the root down to it: each one's parent and its name in it.
    way: Vec<(InodeId, &'a [u8])>,
    /// A symbolic link of a lower layer on the way.
    lower_link: Option<InodeId>,
}

impl<'t, 'a, C: Copy> Stacking<'t, 'a, C> {
    fn new(tree: &'t mut Tree<'a, C>, budget: &'t mut Budget, layer: u32) -> Self {
        let (passed, named, removed, cleared) = Default::default();
        Stacking { tree, budget, layer, passed, named, removed, cleared }
    }

    fn apply(&mut self, entry: LayerEntry<'a, C>) -> Result<(), Problem> {
        if self.tree.inode_count() > MAX_ENTRIES {
            return Err(Problem::TooManyEntries(MAX_ENTRIES));
        }
        self.budget.take_xattrs(entry.extras.xattrs().len())?;
        let path = components(&entry.path)?;
        let Some((&name, parents)) = path.split_last() else {
            return self.root(&entry);
        };
        let whiteout = name.strip_prefix(WHITEOUT);
        if let Some(b"" | b"." | b"..") = whiteout {
            return Err(Problem::BadWhiteout(shown(&path.join(&b'/'))));
        }
        let place = self.walk(parents, whiteout.is_none())?;
        let Some(mut place) = place else { return Ok(()) };
        self.passed.extend(place.way.iter().map(|&(parent, _)| parent));
        self.passed.insert(place.directory);
        if let Some(link) = place.lower_link {
            self.tree.inode_mut(link).doubt = Doubt::Everything;
        }
        match whiteout {
            Some(_) if name == OPAQUE => self.clear(place.directory),
            Some(removed) => self.whiteout(place.directory, removed),
            None => {
                self.place(&place, name, &entry, &path)?;
                place.way.push((place.directory, name));
                self.touch(&place.way);
            }
        }
        Ok(())
    }

    fn root(&mut self, entry: &LayerEntry<'a, C>) -> Result<(), Problem> {
        if !matches!(entry.body, Body::Directory) {
            return Err(Problem::RootReplaced);
        }
        let root = self.tree.root();
        let old = self.tree.inode(root).attributes;
        self.tree.inode_mut(root).attributes = owned(entry.attributes, old);
        self.tree.inode_mut(root).extras = entry.extras.clone();
        if entry.opaque {
            self.clear(root);
        }
        Ok(())
    }

    /// Puts `entry` under `name` into a directory.
    fn place(
        &mut self,
        place: &Reached<'a>,
        name: &'a [u8],
        entry: &LayerEntry<'a, C>,
        path: &[&'a [u8]],
    ) -> Result<(), Problem> {
        let directory = place.directory;
        let inode = match entry.body {
            Body::Directory => self.directory(directory, name, entry),
            Body::HardLink(target) => self.link(directory, name, entry, target, path)?,
            Body::File(content) => self.leaf(Kind::File(content), entry),
            Body::Symlink(target) => self.symlink(target, entry)?,
            Body::CharDevice(device) => self.leaf(Kind::CharDevice(device), entry),
            Body::BlockDevice(device) => self.leaf(Kind::BlockDevice(device), entry),
            Body::Fifo => self.leaf(Kind::Fifo, entry),
        };
        if place.lower_link.is_some() {
            self.tree.inode_mut(inode).doubt = Doubt::Everything;
        }
        self.set(directory, name, inode);
        Ok(())
    }

    fn set(&mut self, directory: InodeId, name: &'a [u8], inode: InodeId) {
        let layer = self.layer;
        let names = self.tree.names_mut(directory).expect("walk ends at directories");
        names.insert(name, Child { inode, layer });
    }

    fn leaf(&mut self, kind: Kind<'a, C>, entry: &LayerEntry<'a, C>) -> InodeId {
        self.add(kind, entry.attributes, entry.extras.clone())
    }

    fn symlink(&mut self, target: &'a [u8], entry: &LayerEntry<'a, C>) -> Result<InodeId, Problem> {
        if target.is_empty() || target.len() > MAX_PATH {
            return Err(Problem::NameTooLong(shown(target)));
        }
        let attributes = Attributes { mode: 0o777, ..entry.attributes };
        Ok(self.add(Kind::Symlink(target), attributes, entry.extras.clone()))
    }

    fn add(&mut self, kind: Kind<'a, C>, attributes: Attributes, extras: Extras<'a>) -> InodeId {
        let doubt = match kind {
            // What overlay itself keeps in place of a name that is removed.
            Kind::CharDevice(Device { major: 0, minor: 0 }) => Doubt::Everything,
            _ => doubt_of_attributes(&kind, &attributes),
        };
        let attributes = owned(attributes, ROOT_OWNED);
        self.tree.add(Inode { kind, attributes, doubt, extras })
    }

    /// A directory's entry: over a directory it only changes attributes.
    fn directory(&mut self, parent: InodeId, name: &'a [u8], entry: &LayerEntry<'a, C>) -> InodeId {
        let old = self.tree.child(parent, name).filter(|&id| self.tree.inode(id).is_directory());
        let inode = match old {
            Some(old) => {
                let inode = self.tree.inode_mut(old);
                let doubt = doubt_of_attributes(&inode.kind, &entry.attributes);
                inode.attributes = owned(entry.attributes, inode.attributes);
                inode.extras = entry.extras.clone();
                inode.doubt = match inode.doubt {
                    Doubt::Everything => Doubt::Everything,
                    _ => doubt,
                };
                old
            }
            None => {
                let inode = self.leaf(Kind::Directory(Directory::default()), entry);
                if self.removed.contains(&(parent, name)) {
                    self.tree.inode_mut(inode).doubt = Doubt::Everything;
                }
                inode
            }
        };
        self.named.insert(inode);
        if entry.opaque {
            self.clear(inode);
        }
        inode
    }

    /// What a hard link's entry is a link to.
    fn link(
        &mut self,
        directory: InodeId,
        name: &[u8],
        entry: &LayerEntry<'a, C>,
        target: &'a [u8],
        path: &[&'a [u8]],
    ) -> Result<InodeId, Problem> {
        let refuse = || Problem::BadLink { path: shown(&path.join(&b'/')), target: shown(target) };
        let target_path = components(&[target])?;
        let (&target_name, parents) = target_path.split_last().ok_or_else(refuse)?;
        let place = self.walk(parents, false)?.ok_or_else(refuse)?;
        if place.directory == directory && target_name == name {
            return Err(refuse());
        }
        let id = self.tree.child(place.directory, target_name).ok_or_else(refuse)?;
        let inode = self.tree.inode_mut(id);
        if inode.is_directory() {
            return Err(refuse());
        }
        let said = match inode.kind {
            Kind::Symlink(_) => Attributes { mode: 0o777, ..entry.attributes },
            _ => entry.attributes,
        };
        if said != inode.attributes {
            inode.doubt = inode.doubt.max(Doubt::Attributes);
        }
        Ok(id)
    }

    /// A whiteout entry: the name goes, as far as lower layers made it.
    fn whiteout(&mut self, directory: InodeId, name: &'a [u8]) {
        match self.tree.names(directory).and_then(|names| names.get(name)) {
            Some(&child) if child.layer == self.layer => self.clear(child.inode),
            Some(_) => self.remove(directory, name),
            None => {}
        }
    }

    fn remove(&mut self, directory: InodeId, name: &'a [u8]) {
        let names = self.tree.names_mut(directory).expect("walk ends at directories");
        let child = names.remove(name);
        if child.is_some_and(|child| self.tree.inode(child.inode).is_directory()) {
            self.removed.insert((directory, name));
        }
    }

    /// Makes a directory opaque: everything that lower layers put into it goes.
    fn clear(&mut self, directory: InodeId) {
        let mut todo = vec![directory];
        while let Some(directory) = todo.pop() {
            let layer = self.layer;
            // Whatever comes there afterwards is this layer's own: once is enough.
            if !self.cleared.insert(directory) {
                continue;
            }
            if let Some(names) = self.tree.names_mut(directory) {
                names.retain(|_, child| child.layer == layer);
                todo.extend(names.values().map(|child| child.inode));
            }
        }
    }

    /// Notes that this layer made something at the end of `way`.
    fn touch(&mut self, way: &[(InodeId, &'a [u8])]) {
        let layer = self.layer;
        for &(parent, name) in way {
            let names = self.tree.names_mut(parent).expect("parents are directories");
            if let Some(child) = names.get_mut(name) {
                child.layer = layer;
            }
        }
    }

    /// Goes down `path` from the root. Symbolic links are followed, inside the root. Where nothing
    /// is, a directory is made if `make` says so; else there is no such place.
    fn walk(&mut self, path: &[&'a [u8]], make: bool) -> Result<Option<Reached<'a>>, Problem> {
        let mut todo: VecDeque<&'a [u8]> = path.iter().copied().collect();
        let mut place = Reached { directory: self.tree.root(), way: Vec::new(), lower_link: None };
        let mut links = 0;
        while let Some(name) = todo.pop_front() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    place.directory =
                        place.way.pop().map_or(self.tree.root(), |(parent, _)| parent);
                    continue;
                }
                _ => {}
            }
            let Some(child) = self.step(place.directory, name, make, path)? else {
                return Ok(None);
            };
            let Kind::Symlink(target) = self.tree.inode(child.inode).kind else {
                place.way.push((place.directory, name));
                place.directory = child.inode;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(Problem::Loop(shown(&path.join(&b'/'))));
            }
            if child.layer != self.layer {
                place.lower_link = Some(child.inode);
            }
            if target.starts_with(b"/") {
                place.way.clear();
                place.directory = self.tree.root();
            }
            let before = todo.len();
            for part in target.split(|&byte| byte == b'/').rev() {
                todo.push_front(part);
            }
            self.budget.take_link_steps(todo.len() - before)?;
        }
        Ok(Some(place))
    }

    /// The directory or symbolic link `name`.
    fn step(
        &mut self,
        directory: InodeId,
        name: &'a [u8],
        make: bool,
        path: &[&'a [u8]],
    ) -> Result<Option<Child>, Problem> {
        let child = self.tree.names(directory).and_then(|names| names.get(name)).copied();
        let leads_on = |id| {
            let inode = self.tree.inode(id);
            inode.is_directory() || matches!(inode.kind, Kind::Symlink(_))
        };
        match child {
            Some(child) if leads_on(child.inode) => Ok(Some(child)),
            _ if !make => Ok(None),
            Some(child) if child.layer == self.layer => {
                Err(Problem::NotADirectory(shown(&path.join(&b'/'))))
            }
            _ if name.len() > MAX_NAME => Err(Problem::NameTooLong(shown(name))),
            _ => {
                let inode = self.implied();
                self.set(directory, name, inode);
                Ok(Some(Child { inode, layer: self.layer }))
            }
        }
    }

    /// A directory that a layer has something in but no entry for.
    fn implied(&mut self) -> InodeId {
        let kind = Kind::Directory(Directory::default());
        let attributes = ROOT_OWNED;
        self.tree.add(Inode::new(kind, attributes, Doubt::Attributes))
    }

    fn finish(self) {
        for &id in self.passed.difference(&self.named) {
            let inode = self.tree.inode_mut(id);
            inode.doubt = inode.doubt.max(Doubt::Attributes);
        }
    }
}

/// What an unpacker that runs as root gives a directory of its own making.
const ROOT_OWNED: Attributes =
    Attributes { mode: 0o755, uid: 0, gid: 0, mtime: Mtime { seconds: 0, nanoseconds: 0 } };

/// The user and group number that stands for nobody: chown(2) takes it for "leave as it is", so that
/// no unpacker, and no rsync, can give it to a file.
const NOBODY: u32 = u32::MAX;

/// `attributes` as they are on disk, over something that has `before`: where the entry names nobody
/// as owner or group, those of before stay.
fn owned(attributes: Attributes, before: Attributes) -> Attributes {
    let keep = |id, old| if id == NOBODY { old } else { id };
    let (uid, gid) = (keep(attributes.uid, before.uid), keep(attributes.gid, before.gid));
    Attributes { uid, gid, ..attributes }
}

/// The doubt that an entry's own time, and an owner that stands for nobody, bring.
fn doubt_of_attributes<C>(kind: &Kind<'_, C>, attributes: &Attributes) -> Doubt {
    let unowned = [attributes.uid, attributes.gid].contains(&NOBODY);
    let before_1970 = attributes.mtime.seconds < 0 && !matches!(kind, Kind::Symlink(_));
    let fraction = attributes.mtime.nanoseconds != 0 && matches!(kind, Kind::File(_));
    match before_1970 || fraction || unowned {
        true => Doubt::Attributes,
        false => Doubt::None,
    }
}
