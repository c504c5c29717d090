//! What a batch must say to turn one tree into another: which names are listed, and for which
//! files the reader will want content. Everything here follows from the two trees alone.

mod names;
mod order;
mod prune;
mod wishes;

use md5::{Digest as _, Md5};
use rayon::prelude::*;

use self::names::Names;
use self::wishes::{Wish, Wishes};
use super::V2Error;
use super::entry::{EntryKind, ListEntry, MAX_PATH, Place, ROOT};
use super::options::{CreateOptions, ListScope};
use crate::rootfs::{Inode, Kind, Tree};

/// Everything a batch will say, content aside. Entries are put together when they are sent: there may
/// be hundreds of thousands.
pub(super) struct Plan<'t, 'a> {
    names: Names<'t, 'a>,
    wishes: Wishes,
    /// The listed names, in the order in which a reader keeps them.
    listed: Vec<u32>,
    /// Of every name whether, as a directory, all that is in it is listed.
    complete: Vec<bool>,
    /// The checksums of the listed names.
    sums: Vec<Sums>,
    /// The order in which they are sent, as positions in `listed`.
    sending: Vec<u32>,
    /// The files to send content for, as positions in `listed`, which rise.
    pub(super) transfers: Vec<u32>,
    /// How many of these files have extended attributes, which are lost.
    pub(super) xattrs: usize,
}

/// One file that the reader will want.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer<'a> {
    /// Its position in the reader's list.
    pub(super) index: u32,
    /// What the reader has under the same path; `None` if that is no regular file.
    pub(super) base: Option<&'a [u8]>,
    pub(super) target: &'a [u8],
    /// The MD5 of `target`.
    pub(super) md5: [u8; 16],
}

impl Transfer<'_> {
    /// How many bytes matching it has to look at.
    pub(super) fn bytes(&self) -> u64 {
        (self.base.unwrap_or_default().len() + self.target.len()) as u64
    }
}

impl<'t, 'a> Plan<'t, 'a> {
    /// Plans a batch that turns `base` into `target`.
    pub(super) fn new(
        base: &'t Tree<'a>,
        target: &'t Tree<'a>,
        options: &CreateOptions,
    ) -> Result<Self, V2Error> {
        let names = Names::pair(base, target);
        let wishes = Wishes::foresee(&names, options.protect_shared)?;
        let listed = match options.list {
            ListScope::Full => vec![true; names.len()],
            ListScope::Pruned => prune::listed(&names, &wishes),
        };
        Plan::of_listed(names, wishes, &listed)
    }

    /// How many entries the list has.
    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// How many bytes of content the reader will make.
    pub(super) fn target_bytes(&self) -> u64 {
        let bytes = |&index: &u32| self.transfer(index).target.len() as u64;
        self.transfers.iter().map(bytes).sum()
    }

    /// The file to send content for that has this position in the reader's list.
    pub(super) fn transfer(&self, index: u32) -> Transfer<'a> {
        let at = self.listed[index as usize] as usize;
        let target = self.names.target_content(at).unwrap_or_default();
        let (base, md5) = (self.names.base_content(at), self.sums[index as usize].content);
        Transfer { index, base, target, md5 }
    }

    /// Gives the entries to `send` in the order in which they are sent.
    pub(super) fn send<E>(
        &self,
        mut send: impl FnMut(&ListEntry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut folder = (0, Vec::new());
        for &entry in &self.sending {
            let at = self.listed[entry as usize] as usize;
            let parent = self.names[at].parent();
            if folder.0 != parent {
                folder = (parent, self.names.path(parent));
            }
            let name = if at == 0 { ROOT } else { self.names[at].name };
            let place = Place { folder: &folder.1, name };
            let attributes = self.names.target_inode(at).attributes;
            let class = self.wishes.class(at).map(|members| members[0]);
            send(&ListEntry { place, attributes, kind: self.kind(at, entry), class })?;
        }
        Ok(())
    }

    /// What the name at `at`, which is entry number `entry`, is in the list.
    fn kind(&self, at: usize, entry: u32) -> EntryKind<'a> {
        match self.names.target_inode(at).kind {
            Kind::Directory(_) => EntryKind::Directory { complete: self.complete[at] },
            Kind::File(content) => {
                let md5 = self.sums[entry as usize].listed();
                EntryKind::File { size: content.len() as u64, md5 }
            }
            Kind::Symlink(target) => EntryKind::Symlink(target),
            Kind::CharDevice(device) => EntryKind::CharDevice(device),
            Kind::BlockDevice(device) => EntryKind::BlockDevice(device),
            Kind::Fifo => EntryKind::Fifo,
        }
    }

    fn of_listed(
        names: Names<'t, 'a>,
        wishes: Wishes,
        is_listed: &[bool],
    ) -> Result<Self, V2Error> {
        let complete = prune::complete(&names, is_listed);
        let listed: Vec<u32> =
            (0..names.len()).filter(|&at| is_listed[at]).map(|at| at as u32).collect();
        let mut transfers = Vec::new();
        let mut xattrs = 0;
        for (index, &at) in listed.iter().enumerate() {
            let at = at as usize;
            refuse_long(&names, at)?;
            if names.target_content(at).is_some() && wishes[at].is_some() {
                xattrs += usize::from(!names.target_inode(at).xattrs().is_empty());
                transfers.push(index as u32);
            }
        }
        let sums = listed.par_iter().map(|&at| Sums::new(&names, &wishes, at as usize)).collect();
        let sending = order::sending(&names, &listed);
        Ok(Plan { names, wishes, listed, complete, sums, sending, transfers, xattrs })
    }
}

/// Refuses a path that is too long for a list.
fn refuse_long(names: &Names<'_, '_>, at: usize) -> Result<(), V2Error> {
    if names.path_len(at) <= MAX_PATH {
        return Ok(());
    }
    let path = String::from_utf8_lossy(&names.path(at)).into_owned();
    Err(V2Error::NotTransferable { path, problem: "is too long a path for rsync" })
}

/// The checksums of a listed regular file; of anything else they mean nothing.
struct Sums {
    /// The MD5 of the new content.
    content: [u8; 16],
    /// Whether the reader must be made to differ.
    force: bool,
}

impl Sums {
    fn new(names: &Names<'_, '_>, wishes: &Wishes, at: usize) -> Self {
        let Some(target) = names.target_content(at) else {
            return Sums { content: [0; 16], force: false };
        };
        let content: [u8; 16] = Md5::digest(target).into();
        // Members of a class share one checksum: the one its leader is examined by.
        let leader = wishes.leader(at);
        let collides = |base: &[u8]| base.len() == target.len() && content == *Md5::digest(base);
        let force = match wishes[leader] {
            Some(Wish::Forced) => true,
            Some(Wish::Differs) => names.base_content(leader).is_some_and(collides),
            None => false,
        };
        Sums { content, force }
    }

    /// What the list says: the checksum, or something else where the reader must be made to differ.
    fn listed(&self) -> [u8; 16] {
        if self.force { self.content.map(|byte| !byte) } else { self.content }
    }
}
