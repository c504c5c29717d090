//! What the reader will want: for which files it asks for content, as its generator decides it,
//! and where it must be made to ask.

use std::collections::{BTreeMap, HashMap};

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
    leaders: Vec<usize>,
    /// The names of every class of hard links of at least two, by rising position.
    classes: Vec<Vec<usize>>,
    /// Which of `classes` a name belongs to.
    class_of: HashMap<usize, usize>,
}

impl Wishes {
    /// Foresees what the reader will ask for. With `protect_shared` it is made to write files anew
    /// of which it would only change attributes.
    pub(super) fn foresee(names: &Names<'_, '_>, protect_shared: bool) -> Result<Self, V2Error> {
        let mut wishes = Wishes::of_classes(names);
        let leaders: Vec<usize> = (0..names.len()).filter(|&at| wishes.leaders[at] == at).collect();
        let differing: Vec<bool> = leaders.par_iter().map(|&at| differs(names, at)).collect();
        for (&at, differs) in leaders.iter().zip(differing) {
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
        let mut members: HashMap<InodeId, Vec<usize>> = HashMap::new();
        let mut first: Vec<Option<usize>> = vec![None; names.target_inodes()];
        for (at, name) in names.iter().enumerate() {
            match first[name.target.index()] {
                None => first[name.target.index()] = Some(at),
                Some(first) => {
                    members.entry(name.target).or_insert_with(|| vec![first]).push(at);
                }
            }
        }
        let mut classes: Vec<Vec<usize>> = members.into_values().collect();
        classes.sort_unstable();
        let mut leaders: Vec<usize> = (0..names.len()).collect();
        let mut class_of = HashMap::new();
        for (number, members) in classes.iter().enumerate() {
            let leader = leader(names, members);
            for &member in members {
                leaders[member] = leader;
                class_of.insert(member, number);
            }
        }
        Wishes { wishes: vec![None; names.len()], leaders, classes, class_of }
    }

    /// Parts what the base has on one inode and the target does not: all but one of the classes
    /// that would keep the inode are written anew.
    fn part(&mut self, names: &Names<'_, '_>, leaders: &[usize]) -> Result<(), V2Error> {
        let mut keepers: BTreeMap<InodeId, Vec<usize>> = BTreeMap::new();
        for &at in leaders {
            let keeps = self.wishes[at].is_none() && names.same_kind(at);
            if let (true, false, Some(base)) =
                (keeps, names.target_inode(at).is_directory(), names[at].base)
            {
                keepers.entry(base).or_default().push(at);
            }
        }
        for keepers in keepers.values().filter(|keepers| keepers.len() > 1) {
            let unchanged = keepers.iter().find(|&&at| self.is_unchanged(names, at));
            let keeper = *unchanged.unwrap_or(&keepers[0]);
            for &at in keepers.iter().filter(|&&at| at != keeper) {
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
        let alone = [at];
        let members = self.class(at).unwrap_or(&alone);
        let base = names[members[0]].base;
        self.wishes[self.leaders[at]].is_none()
            && members.iter().all(|&member| {
                names[member].base == base
                    && names.same_kind(member)
                    && names.same_attributes(member)
            })
    }

    /// All classes of hard links.
    pub(super) fn classes(&self) -> &[Vec<usize>] {
        &self.classes
    }

    /// The names that are hard links of each other with this one; `None` if it is alone.
    pub(super) fn class(&self, at: usize) -> Option<&[usize]> {
        self.class_of.get(&at).map(|&class| &self.classes[class][..])
    }

    /// The name by which the reader decides for the whole class.
    pub(super) fn leader(&self, at: usize) -> usize {
        self.leaders[at]
    }
}

/// The member that the reader examines: of regular files the first that exists as one, else the
/// last; of anything else the first.
fn leader(names: &Names<'_, '_>, members: &[usize]) -> usize {
    let (first, last) = (members[0], members[members.len() - 1]);
    match names.target_content(first) {
        None => first,
        Some(_) => {
            let existing = members.iter().find(|&&member| names.base_content(member).is_some());
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
