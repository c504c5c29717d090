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
use super::entry::{EntryKind, ListEntry, MAX_PATH, ROOT};
use super::options::{CreateOptions, ListScope};
use crate::rootfs::{Inode, Kind, Tree};

/// Everything a batch will say, content aside.
pub(super) struct Plan<'a> {
    /// The file list, in the order in which a reader keeps it.
    pub(super) entries: Vec<ListEntry>,
    /// The order in which the entries are sent, as positions in `entries`.
    pub(super) sending: Vec<usize>,
    /// The files to send content for, by rising index.
    pub(super) transfers: Vec<Transfer<'a>>,
    /// How many of these files have extended attributes, which are lost.
    pub(super) xattrs: usize,
}

/// One file that the reader will want.
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

impl<'a> Plan<'a> {
    /// Plans a batch that turns `base` into `target`.
    pub(super) fn new(
        base: &Tree<'a>,
        target: &Tree<'a>,
        options: &CreateOptions,
    ) -> Result<Self, V2Error> {
        let names = Names::pair(base, target);
        let wishes = Wishes::foresee(&names, options.protect_shared)?;
        let listed = match options.list {
            ListScope::Full => vec![true; names.len()],
            ListScope::Pruned => prune::listed(&names, &wishes),
        };
        Plan::of_listed(&names, &wishes, &listed)
    }

    /// How many bytes of content the reader will make.
    pub(super) fn target_bytes(&self) -> u64 {
        self.transfers.iter().map(|transfer| transfer.target.len() as u64).sum()
    }

    fn of_listed(names: &Names<'_, 'a>, wishes: &Wishes, listed: &[bool]) -> Result<Self, V2Error> {
        let positions: Vec<usize> = (0..names.len()).filter(|&at| listed[at]).collect();
        let complete = prune::complete(names, listed);
        let sums: Vec<Sums> =
            positions.par_iter().map(|&at| Sums::new(names, wishes, at)).collect();
        let mut entries = Vec::with_capacity(positions.len());
        let mut transfers = Vec::new();
        let mut xattrs = 0;
        for (&at, sums) in positions.iter().zip(&sums) {
            let index = entries.len() as u32;
            entries.push(entry(names, wishes, at, complete[at], sums)?);
            if let (Some(target), true) = (names.target_content(at), wishes[at].is_some()) {
                let base = names.base_content(at);
                xattrs += usize::from(names.target_inode(at).xattrs);
                transfers.push(Transfer { index, base, target, md5: sums.content });
            }
        }
        let sending = order::sending(names, &positions);
        Ok(Plan { entries, sending, transfers, xattrs })
    }
}

/// The checksums of a listed regular file; of anything else they mean nothing.
struct Sums {
    /// The MD5 of the new content.
    content: [u8; 16],
    /// What the list says: the same, or something else where the reader must be made to differ.
    listed: [u8; 16],
}

impl Sums {
    fn new(names: &Names<'_, '_>, wishes: &Wishes, at: usize) -> Self {
        let Some(target) = names.target_content(at) else {
            return Sums { content: [0; 16], listed: [0; 16] };
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
        let listed = if force { content.map(|byte| !byte) } else { content };
        Sums { content, listed }
    }
}

fn entry(
    names: &Names<'_, '_>,
    wishes: &Wishes,
    at: usize,
    complete: bool,
    sums: &Sums,
) -> Result<ListEntry, V2Error> {
    let path = names.path(at);
    if path.len() > MAX_PATH {
        let path = String::from_utf8_lossy(&path).into_owned();
        return Err(V2Error::NotTransferable { path, problem: "is too long a path for rsync" });
    }
    let path = if path.is_empty() { ROOT.to_vec() } else { path };
    let inode = names.target_inode(at);
    let kind = match &inode.kind {
        Kind::Directory(_) => EntryKind::Directory { complete },
        Kind::File(content) => EntryKind::File { size: content.len() as u64, md5: sums.listed },
        Kind::Symlink(target) => EntryKind::Symlink(target.to_vec()),
        Kind::CharDevice(device) => EntryKind::CharDevice(*device),
        Kind::BlockDevice(device) => EntryKind::BlockDevice(*device),
        Kind::Fifo => EntryKind::Fifo,
    };
    let class = wishes.class(at).map(|members| members[0] as u32);
    Ok(ListEntry { path, attributes: inode.attributes, kind, class })
}
