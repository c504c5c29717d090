//! What a reader does to its files: a model of rsync's generator, in memory.
//!
//! It is written from the rules of the format alone and knows nothing of how a batch is planned.
//! So a batch that leads it from the base to the target is right twice over.

use std::collections::HashMap;

use md5::{Digest as _, Md5};
use rayon::prelude::*;

use super::content::content_at;
use super::entry::{EntryKind, ListEntry, Place};
use super::file_list::FileList;
use crate::rootfs::{Doubt, Inode, InodeId, Kind, Tree};

/// A device that has unpacked a tree, and changes it.
pub(super) struct Device<'a> {
    tree: Tree<'a>,
    /// How many names every inode has.
    links: Vec<u32>,
    /// Inodes without a name, for what comes next.
    free: Vec<InodeId>,
}

/// What has become of a class of hard links so far.
#[derive(Default)]
struct Class<'a> {
    /// The inode that all members become links to, once there is one.
    inode: Option<InodeId>,
    /// Members that wait for it, each a folder and a name in it.
    waiting: Vec<(InodeId, &'a [u8])>,
    /// How many members are still to come.
    left: usize,
}

/// An entry of the list on its way to the device.
struct Arrival<'a> {
    entry: ListEntry<'a>,
    /// Where it is put; nowhere for the root.
    folder: InodeId,
    /// What is there.
    present: Option<InodeId>,
}

/// What a record makes in a place.
pub(super) type Made<'r, 'a> = dyn Fn(Place<'_>) -> Option<&'a [u8]> + 'r;

/// The files that a batch has content for, by rising list index, and what it is.
pub(super) struct Records<'r, 'a> {
    pub(super) indices: &'r [u32],
    pub(super) content: &'r Made<'r, 'a>,
}

impl<'a> Device<'a> {
    /// A device that has unpacked `tree`.
    pub(super) fn new(tree: Tree<'a>) -> Self {
        let mut links = vec![0; tree.inode_count()];
        let mut todo = vec![tree.root()];
        while let Some(id) = todo.pop() {
            for (_, child) in tree.children(id) {
                links[child.index()] += 1;
                todo.push(child);
            }
        }
        Device { tree, links, free: Vec::new() }
    }

    /// Does what a reader does with a batch of `list` and `records`.
    ///
    /// # Errors
    /// Says where the reader would fail, or what the batch has too much of.
    pub(super) fn apply(
        &mut self,
        list: &'a FileList,
        records: &Records<'_, 'a>,
    ) -> Result<(), String> {
        let unchanged = self.unchanged(list);
        let mut classes: HashMap<u32, Class<'a>> = HashMap::new();
        for class in list.iter().filter_map(|entry| entry.class) {
            classes.entry(class).or_default().left += 1;
        }
        let mut records_left = records.indices.iter().copied().peekable();
        let mut unwanted = Vec::new();
        for (index, entry) in list.iter().enumerate() {
            let has_record = records_left.next_if_eq(&(index as u32)).is_some();
            let mut content = has_record.then_some(records.content);
            let arrival = self.arrival(entry)?;
            let class = entry.class.and_then(|class| classes.get_mut(&class));
            match entry.kind {
                EntryKind::Directory { complete } => self.directory(&arrival, complete, list)?,
                EntryKind::File { .. } => {
                    let mut alone = Class { left: 1, ..Class::default() };
                    let class = class.unwrap_or(&mut alone);
                    self.file(&arrival, class, unchanged[index], &mut content)?;
                }
                _ => self.other(&arrival, class)?,
            }
            unwanted.extend(content.map(|_| entry.place));
        }
        match unwanted.into_iter().find(|&place| !self.is_doubtful(place)) {
            Some(place) => Err(format!("nobody wants content for {:?}", place.shown())),
            None => Ok(()),
        }
    }

    /// Of every entry whether it is a regular file whose content is, by size and checksum, what
    /// the device has in its place.
    fn unchanged(&self, list: &FileList) -> Vec<bool> {
        let is_unchanged = |at| {
            let ListEntry { place, kind, .. } = list.get(at);
            match (kind, content_at(&self.tree, place)) {
                (EntryKind::File { size, md5 }, Some(content)) => {
                    content.len() as u64 == size && md5 == *Md5::digest(content)
                }
                _ => false,
            }
        };
        (0..list.len()).into_par_iter().map(is_unchanged).collect()
    }

    fn is_doubtful(&self, Place { folder, name }: Place<'_>) -> bool {
        let there = self.tree.find(folder).and_then(|folder| self.tree.child(folder, name));
        there.is_some_and(|id| self.tree.inode(id).doubt == Doubt::Everything)
    }

    /// Finds the place of an entry.
    fn arrival(&self, entry: ListEntry<'a>) -> Result<Arrival<'a>, String> {
        let Place { folder, name } = entry.place;
        if entry.place.is_root() {
            let root = self.tree.root();
            return Ok(Arrival { entry, folder: root, present: Some(root) });
        }
        let folder = self.tree.find(folder).filter(|&id| self.tree.inode(id).is_directory());
        let folder = folder.ok_or_else(|| format!("no directory for {:?}", entry.place.shown()))?;
        Ok(Arrival { entry, folder, present: self.tree.child(folder, name) })
    }

    fn directory(
        &mut self,
        arrival: &Arrival<'a>,
        complete: bool,
        list: &FileList,
    ) -> Result<(), String> {
        let present = arrival.present.filter(|&id| self.tree.inode(id).is_directory());
        let id = match present {
            Some(id) => {
                self.tree.inode_mut(id).attributes = arrival.entry.attributes;
                id
            }
            None => self.create(arrival, Kind::Directory(Default::default()))?,
        };
        if complete {
            self.delete_unlisted(id, arrival.entry.place, list);
        }
        Ok(())
    }

    fn delete_unlisted(&mut self, directory: InodeId, place: Place<'_>, list: &FileList) {
        let path = if place.is_root() { Vec::new() } else { place.path() };
        let unlisted = |&name: &&[u8]| !list.has(Place { folder: &path, name });
        let names = self.tree.children(directory).map(|(name, _)| name);
        let unlisted: Vec<&[u8]> = names.filter(unlisted).collect();
        unlisted.into_iter().for_each(|name| self.remove(directory, name));
    }

    /// A symbolic link, device, pipe or socket.
    fn other(
        &mut self,
        arrival: &Arrival<'a>,
        class: Option<&mut Class<'a>>,
    ) -> Result<(), String> {
        let ListEntry { place, attributes, kind, .. } = arrival.entry;
        if let Some(inode) = class.as_ref().and_then(|class| class.inode) {
            self.link(arrival.folder, place.name, inode);
            return Ok(());
        }
        let kind = match kind {
            EntryKind::Symlink(target) => Kind::Symlink(target),
            EntryKind::CharDevice(device) => Kind::CharDevice(device),
            EntryKind::BlockDevice(device) => Kind::BlockDevice(device),
            EntryKind::Fifo => Kind::Fifo,
            _ => return Err(format!("{:?} is nothing that an image has", place.shown())),
        };
        let present = arrival.present.filter(|&id| self.tree.inode(id).kind.is_like(&kind));
        let id = match present {
            Some(id) => {
                self.tree.inode_mut(id).attributes = attributes;
                id
            }
            None => self.create(arrival, kind)?,
        };
        if let Some(class) = class {
            class.inode = Some(id);
        }
        Ok(())
    }

    fn file(
        &mut self,
        arrival: &Arrival<'a>,
        class: &mut Class<'a>,
        unchanged: bool,
        record: &mut Option<&Made<'_, 'a>>,
    ) -> Result<(), String> {
        let Arrival { entry: ListEntry { place, attributes, .. }, folder, .. } = *arrival;
        class.left -= 1;
        if let Some(inode) = class.inode {
            self.link(folder, place.name, inode);
            return Ok(());
        }
        let present = arrival.present.filter(|&id| self.tree.inode(id).content().is_some());
        if present.is_none() && class.left > 0 {
            self.remove(folder, place.name);
            class.waiting.push((folder, place.name));
            return Ok(());
        }
        let inode = match present.filter(|_| unchanged) {
            Some(inode) => {
                self.tree.inode_mut(inode).attributes = attributes;
                inode
            }
            None => {
                let content = record.take().and_then(|content| content(place));
                let content = content.ok_or_else(|| format!("no content for {:?}", place.shown()));
                self.create(arrival, Kind::File(content?))?
            }
        };
        class.inode = Some(inode);
        for (folder, name) in class.waiting.drain(..) {
            self.link(folder, name, inode);
        }
        Ok(())
    }

    /// Puts something new in the place of an entry.
    fn create(&mut self, arrival: &Arrival<'a>, kind: Kind<'a>) -> Result<InodeId, String> {
        let ListEntry { place, attributes, .. } = arrival.entry;
        if place.is_root() {
            return Err("the root folder is made into something else".to_owned());
        }
        self.remove(arrival.folder, place.name);
        let inode = Inode::new(kind, attributes, Doubt::None);
        let id = self.add(inode);
        self.link(arrival.folder, place.name, id);
        Ok(id)
    }

    fn add(&mut self, inode: Inode<'a>) -> InodeId {
        match self.free.pop() {
            Some(id) => {
                *self.tree.inode_mut(id) = inode;
                id
            }
            None => {
                self.links.push(0);
                self.tree.add(inode)
            }
        }
    }

    fn link(&mut self, folder: InodeId, name: &'a [u8], inode: InodeId) {
        self.links[inode.index()] += 1;
        self.remove(folder, name);
        self.tree.put(folder, name, inode);
    }

    /// Removes a name and what is below it.
    fn remove(&mut self, folder: InodeId, name: &[u8]) {
        let mut todo: Vec<InodeId> = self.tree.take(folder, name).into_iter().collect();
        while let Some(id) = todo.pop() {
            self.links[id.index()] -= 1;
            if self.links[id.index()] == 0 {
                todo.extend(self.tree.children(id).map(|(_, child)| child));
                // What it was takes no more room, nor is it found below another name.
                self.tree.inode_mut(id).kind = Kind::Fifo;
                self.free.push(id);
            }
        }
    }

    /// What it has by now.
    pub(super) fn tree(&self) -> &Tree<'a> {
        &self.tree
    }
}
