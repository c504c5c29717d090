//! What the reader will want: for which files it asks for content, as its generator decides it,
//! and where it must be made to ask.

use std::collections::HashMap;

use rayon::prelude::*;

use super::V2Error;
use super::names::Names;
use crate::rootfs::InodeId;

/// Why the reader will want a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// What it has is no regular file or another content.
    Differs,
    /// It has the content, but must write it anew so that the inode becomes another one.
    Forced,
}

/// What the reader will want, by name.
pub(super) struct Wishes {
    /// Of every name, whether the reader asks for it. In a class of hard links only for the leader.
    wishes: Vec<Option<Wish>>,
    /// The leader of every name's class; a name that is alone leads itself.
    leaders: Vec<u32>,
    /// The names of every class of hard links of at least two, by rising position.
    classes: Vec<Vec<u32>>,
    /// Which of `classes` a name belongs to.
    class_of: HashMap<u32, u32>,
}

impl Wishes {
    /// Foresees what the reader will ask for. With `protect_shared` it is made to write files anew
    /// of which it would only change attributes.
    pub(super) fn foresee(names: &Names<'_, '_>, protect_shared: bool) -> Result<Self, V2Error> {
        let mut wishes = Wishes::of_classes(names);
        let is_leader = |at: &usize| wishes.leader(*at) == *at;
        let leaders: Vec<u32> = (0..names.len()).filter(is_leader).map(|at| at as u32).collect();
        let differing: Vec<bool> =
            leaders.par_iter().map(|&at| differs(names, at as usize)).collect();
        for (&at, differs) in leaders.iter().zip(differing) {
            let at = at as usize;
            let protect =
                protect_shared && names.target_content(at).is_some() && !names.same_attributes(at);
            wishes.wishes[at] = match (differs, protect) {
                (true, _) => Some(Wish::Differs),
                (false, true) => Some(Wish::Forced),
                (false, false) => None,
            };
        }
        wishes.part(names, &leaders)?;
        Ok(wishes)
    }

    /// Finds the classes of hard links and their leaders.
    fn of_classes(names: &Names<'_, '_>) -> Self {
        let mut members: HashMap<InodeId, Vec<u32>> = HashMap::new();
        let mut first: Vec<Option<u32>> = vec![None; names.target_inodes()];
        for (at, name) in names.iter().enumerate() {
            let at = at as u32;
            match first[name.target.index()] {
                None => first[name.target.index()] = Some(at),
                Some(first) => {
                    members.entry(name.target).or_insert_with(|| vec![first]).push(at);
                }
            }
        }
        let mut classes: Vec<Vec<u32>> = members.into_values().collect();
        classes.sort_unstable();
        let mut leaders: Vec<u32> = (0..names.len() as u32).collect();
        let mut class_of = HashMap::new();
        for (number, members) in classes.iter().enumerate() {
            let leader = leader(names, members);
            for &member in members {
                leaders[member as usize] = leader;
                class_of.insert(member, number as u32);
            }
        }
        Wishes { wishes: vec![None; names.len()], leaders, classes, class_of }
    }

    /// Parts what the base has on one inode and the target does not: all but one of the classes
    /// that would keep the inode are written anew.
    fn part(&mut self, names: &Names<'_, '_>, leaders: &[u32]) -> Result<(), V2Error> {
        let mut shared: Vec<(InodeId, u32)> = Vec::new();
        for &leader in leaders {
            let at = leader as usize;
            let keeps = self.wishes[at].is_none() && names.same_kind(at);
            if let (true, false, Some(base)) =
                (keeps, names.target_inode(at).is_directory(), names[at].base)
            {
                shared.push((base, leader));
            }
        }
        shared.sort_unstable();
        for keepers in shared.chunk_by(|a, b| a.0 == b.0).filter(|keepers| keepers.len() > 1) {
            let mut unchanged = keepers.iter().map(|keeper| keeper.1 as usize);
            let unchanged = unchanged.find(|&at| self.is_unchanged(names, at));
            let keeper = unchanged.unwrap_or(keepers[0].1 as usize);
            let others = keepers.iter().map(|other| other.1 as usize);
            for at in others.filter(|&at| at != keeper) {
                if names.target_content(at).is_none() {
                    let path = String::from_utf8_lossy(&names.path(at)).into_owned();
                    let problem = "shares an inode in the base with a name that it is apart from \
                                   in the target, which rsync can do with regular files only";
                    return Err(V2Error::NotTransferable { path, problem });
                }
                self.wishes[at] = Some(Wish::Forced);
            }
        }
        Ok(())
    }

    /// Whether nothing changes about a name and its hard links, neither attributes nor links.
    pub(super) fn is_unchanged(&self, names: &Names<'_, '_>, at: usize) -> bool {
        let alone = [at as u32];
        let members = self.class(at).unwrap_or(&alone);
        let base = names[members[0] as usize].base;
        self.wishes[self.leader(at)].is_none()
            && members.iter().all(|&member| {
                let member = member as usize;
                names[member].base == base
                    && names.same_kind(member)
                    && names.same_attributes(member)
            })
    }

    /// All classes of hard links.
    pub(super) fn classes(&self) -> &[Vec<u32>] {
        &self.classes
    }

    /// The names that are hard links of each other with this one; `None` if it is alone.
    pub(super) fn class(&self, at: usize) -> Option<&[u32]> {
        self.class_of.get(&(at as u32)).map(|&class| &self.classes[class as usize][..])
    }

    /// The name by which the reader decides for the whole class.
    pub(super) fn leader(&self, at: usize) -> usize {
        self.leaders[at] as usize
    }
}

/// The member that the reader examines: of regular files the first that exists as one, else the
/// last; of anything else the first.
fn leader(names: &Names<'_, '_>, members: &[u32]) -> u32 {
    let (first, last) = (members[0], members[members.len() - 1]);
    match names.target_content(first as usize) {
        None => first,
        Some(_) => {
            let exists = |&&member: &&u32| names.base_content(member as usize).is_some();
            let existing = members.iter().find(exists);
            existing.copied().unwrap_or(last)
        }
    }
}

/// Whether a regular file's content is not what the base has under its name.
fn differs(names: &Names<'_, '_>, at: usize) -> bool {
    match (names.base_content(at), names.target_content(at)) {
        // Layers that the images share are one piece of memory.
        (Some(base), Some(target)) => !std::ptr::eq(base, target) && base != target,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

impl std::ops::Index<usize> for Wishes {
    type Output = Option<Wish>;

    fn index(&self, at: usize) -> &Option<Wish> {
        &self.wishes[at]
    }
}
