//! What a reader does to its files: a model of rsync's generator, in memory.
//!
//! It is written from the rules of the format alone and knows nothing of how a batch is planned.
//! So a batch that leads it from the base to the target is right twice over.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use md5::{Digest as _, Md5};
use rayon::prelude::*;

use super::content::Basis;
use super::entry::{EntryKind, ListEntry, ROOT};
use super::steps::Blocks;
use crate::rootfs::{Attributes, Doubt, Kind, Tree};

/// The files of a device, by path; the root's is empty.
pub(super) struct Device<'a> {
    names: BTreeMap<Vec<u8>, usize>,
    inodes: Vec<Inode<'a>>,
}

/// An inode. Several names may have the same.
#[derive(Debug, Clone)]
struct Inode<'a> {
    kind: InodeKind<'a>,
    attributes: Attributes,
    /// Whether a real device may have something else here.
    doubtful: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum InodeKind<'a> {
    Directory,
    File(&'a [u8]),
    /// Anything that a list's entry describes completely.
    Other(EntryKind),
}

/// What has become of a class of hard links so far.
#[derive(Default)]
struct Class {
    /// The inode that all members become links to, once there is one.
    inode: Option<usize>,
    /// Members that wait for it.
    waiting: Vec<Vec<u8>>,
    /// How many members are still to come.
    left: usize,
}

impl<'a> Device<'a> {
    /// A device that has unpacked `tree`.
    pub(super) fn new(tree: &Tree<'a>) -> Self {
        let mut device = Device { names: BTreeMap::new(), inodes: Vec::new() };
        let mut known = vec![None; tree.inode_count()];
        let mut todo = vec![(Vec::new(), tree.root())];
        while let Some((path, id)) = todo.pop() {
            let inode = *known[id.index()].get_or_insert_with(|| device.add(tree.inode(id)));
            for (name, child) in tree.children(id) {
                let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
                todo.push(([&path, slash, name].concat(), child));
            }
            device.names.insert(path, inode);
        }
        device
    }

    fn add(&mut self, inode: &crate::rootfs::Inode<'a>) -> usize {
        let kind = match inode.kind {
            Kind::Directory(_) => InodeKind::Directory,
            Kind::File(content) => InodeKind::File(content),
            Kind::Symlink(target) => InodeKind::Other(EntryKind::Symlink(target.to_vec())),
            Kind::CharDevice(device) => InodeKind::Other(EntryKind::CharDevice(device)),
            Kind::BlockDevice(device) => InodeKind::Other(EntryKind::BlockDevice(device)),
            Kind::Fifo => InodeKind::Other(EntryKind::Fifo),
        };
        let doubtful = inode.doubt == Doubt::Everything;
        self.push(Inode { kind, attributes: inode.attributes, doubtful })
    }

    fn push(&mut self, inode: Inode<'a>) -> usize {
        self.inodes.push(inode);
        self.inodes.len() - 1
    }

    fn get(&self, path: &[u8]) -> Option<&Inode<'a>> {
        self.names.get(path).map(|&inode| &self.inodes[inode])
    }

    /// The content of the regular file at `path`.
    pub(super) fn content(&self, path: &[u8]) -> Option<&'a [u8]> {
        match self.get(path)?.kind {
            InodeKind::File(content) => Some(content),
            _ => None,
        }
    }

    /// What the device has for a record of `entry` with these `blocks`.
    pub(super) fn basis(&self, entry: &ListEntry, blocks: Blocks) -> Basis<'a> {
        match blocks {
            Blocks::NONE => Basis::Known(&[]),
            _ => Basis::Known(self.content(&entry.path).unwrap_or_default()),
        }
    }

    /// Removes what is at `path` and below it.
    fn remove(&mut self, path: &[u8]) {
        self.names.remove(path);
        for below in self.below(path) {
            self.names.remove(&below);
        }
    }

    /// All paths below a directory.
    fn below(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let (first, end) = match path {
            b"" => (Bound::Excluded(Vec::new()), Bound::Unbounded),
            path => {
                let next = [path, &[b'/' + 1]].concat();
                (Bound::Included([path, b"/"].concat()), Bound::Excluded(next))
            }
        };
        self.names.range((first, end)).map(|(path, _)| path.clone()).collect()
    }

    /// Does what a reader does with a batch of `entries` and `records`, which have the content of
    /// files by list index.
    ///
    /// # Errors
    /// Says where the reader would fail, or what the batch has too much of.
    pub(super) fn apply(
        &mut self,
        entries: &[ListEntry],
        mut records: HashMap<u32, &'a [u8]>,
    ) -> Result<(), String> {
        let unchanged = self.unchanged(entries);
        let listed: HashSet<&[u8]> = entries.iter().map(path_of).collect();
        let mut classes: HashMap<u32, Class> = HashMap::new();
        for class in entries.iter().filter_map(|entry| entry.class) {
            classes.entry(class).or_default().left += 1;
        }
        for (index, entry) in entries.iter().enumerate() {
            self.check_parent(path_of(entry))?;
            match entry.kind {
                EntryKind::Directory { complete } => {
                    self.directory(entry);
                    if complete {
                        self.delete_unlisted(path_of(entry), &listed);
                    }
                }
                EntryKind::File { .. } => {
                    let mut alone = Class { left: 1, ..Class::default() };
                    let class = entry.class.and_then(|class| classes.get_mut(&class));
                    let class = class.unwrap_or(&mut alone);
                    let record = |records: &mut HashMap<u32, _>| records.remove(&(index as u32));
                    self.file(entry, class, unchanged[index], || record(&mut records))?;
                }
                _ => self.other(entry, entry.class.and_then(|class| classes.get_mut(&class))),
            }
        }
        match records.keys().find(|&&index| !self.is_doubtful(&entries[index as usize])) {
            Some(&index) => {
                Err(format!("nobody wants content for {:?}", entries[index as usize].shown()))
            }
            None => Ok(()),
        }
    }

    /// Of every entry whether it is a regular file whose content is, by size and checksum, what
    /// the device has at its path.
    fn unchanged(&self, entries: &[ListEntry]) -> Vec<bool> {
        let is_unchanged = |entry: &ListEntry| match (&entry.kind, self.content(path_of(entry))) {
            (EntryKind::File { size, md5 }, Some(content)) => {
                content.len() as u64 == *size && *md5 == *Md5::digest(content)
            }
            _ => false,
        };
        entries.par_iter().map(is_unchanged).collect()
    }

    fn is_doubtful(&self, entry: &ListEntry) -> bool {
        self.get(path_of(entry)).is_some_and(|inode| inode.doubtful)
    }

    fn check_parent(&self, path: &[u8]) -> Result<(), String> {
        let parent = match path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => &path[..slash],
            None => b"",
        };
        match self.get(parent) {
            Some(inode) if inode.kind == InodeKind::Directory => Ok(()),
            _ => Err(format!("no directory for {:?}", String::from_utf8_lossy(path))),
        }
    }

    fn directory(&mut self, entry: &ListEntry) {
        let path = path_of(entry);
        match self.names.get(path) {
            Some(&at) if self.inodes[at].kind == InodeKind::Directory => {
                self.inodes[at].attributes = entry.attributes;
            }
            _ => self.create(path, InodeKind::Directory, entry.attributes),
        }
    }

    /// Puts something new at `path`.
    fn create(&mut self, path: &[u8], kind: InodeKind<'a>, attributes: Attributes) {
        let inode = self.push(Inode { kind, attributes, doubtful: false });
        self.link(path, inode);
    }

    fn link(&mut self, path: &[u8], inode: usize) {
        self.remove(path);
        self.names.insert(path.to_vec(), inode);
    }

    fn delete_unlisted(&mut self, path: &[u8], listed: &HashSet<&[u8]>) {
        let skip = if path.is_empty() { 0 } else { path.len() + 1 };
        for below in self.below(path) {
            if !below[skip..].contains(&b'/') && !listed.contains(&below[..]) {
                self.remove(&below);
            }
        }
    }

    /// A symbolic link, device, pipe or socket.
    fn other(&mut self, entry: &ListEntry, class: Option<&mut Class>) {
        let path = path_of(entry);
        if let Some(inode) = class.as_ref().and_then(|class| class.inode) {
            return self.link(path, inode);
        }
        match self.names.get(path) {
            Some(&at) if self.inodes[at].kind == InodeKind::Other(entry.kind.clone()) => {
                self.inodes[at].attributes = entry.attributes;
            }
            _ => self.create(path, InodeKind::Other(entry.kind.clone()), entry.attributes),
        }
        if let Some(class) = class {
            class.inode = Some(self.names[path]);
        }
    }

    fn file(
        &mut self,
        entry: &ListEntry,
        class: &mut Class,
        unchanged: bool,
        record: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Result<(), String> {
        let path = path_of(entry);
        class.left -= 1;
        if let Some(inode) = class.inode {
            self.link(path, inode);
            return Ok(());
        }
        if self.content(path).is_none() && class.left > 0 {
            self.remove(path);
            class.waiting.push(path.to_vec());
            return Ok(());
        }
        if unchanged && self.content(path).is_some() {
            self.inodes[self.names[path]].attributes = entry.attributes;
        } else {
            let missing = || format!("no content for {:?}", entry.shown());
            let content = record().ok_or_else(missing)?;
            self.create(path, InodeKind::File(content), entry.attributes);
        }
        let inode = self.names[path];
        class.inode = Some(inode);
        for waiting in class.waiting.drain(..) {
            self.link(&waiting, inode);
        }
        Ok(())
    }

    /// Says in what this device differs from another, if it does.
    pub(super) fn difference(&self, other: &Device<'a>) -> Option<String> {
        let shown = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        if let Some(path) = other.names.keys().find(|path| !self.names.contains_key(*path)) {
            return Some(format!("{:?} is missing", shown(path)));
        }
        if let Some(path) = self.names.keys().find(|path| !other.names.contains_key(*path)) {
            return Some(format!("{:?} should not be there", shown(path)));
        }
        let mut links = (HashMap::new(), HashMap::new());
        for ((path, &a), &b) in self.names.iter().zip(other.names.values()) {
            let linked = *links.0.entry(a).or_insert(b) == b && *links.1.entry(b).or_insert(a) == a;
            if !linked {
                return Some(format!("{:?} has other hard links", shown(path)));
            }
        }
        let pairs: Vec<_> = self.names.iter().zip(other.names.values()).collect();
        let differing = pairs
            .par_iter()
            .find_first(|((_, a), b)| !self.inodes[**a].is_same(&other.inodes[**b]));
        differing.map(|((path, _), _)| format!("{:?} is different", shown(path)))
    }
}

impl Inode<'_> {
    /// Whether two inodes are the same as far as rsync can make them so: of anything but a regular
    /// file it leaves a fraction of a second as it was.
    fn is_same(&self, other: &Inode<'_>) -> bool {
        let mut attributes = self.attributes;
        let same_kind = match (&self.kind, &other.kind) {
            (InodeKind::File(a), InodeKind::File(b)) => std::ptr::eq(*a, *b) || a == b,
            (a, b) => {
                attributes.mtime.nanoseconds = other.attributes.mtime.nanoseconds;
                a == b
            }
        };
        same_kind && attributes == other.attributes
    }
}

/// The path of an entry; the root's is empty.
fn path_of(entry: &ListEntry) -> &[u8] {
    if entry.path == ROOT { b"" } else { &entry.path }
}
