//! A finished tree compared with its image, and what differs made again.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use super::counts::Counts;
use super::error::UnpackError;
use super::file_tree::{FileInode, FileTree, path_below, with_tree_of};
use super::findings::TreeFindings;
use super::leaf::Maker;
use super::likeness::Found;
use super::mount_point::is_mount_point;
use super::options::{Files, Owners, UnpackOptions};
use super::shared::Shared;
use super::sparse_content::has_data;
use super::survey::Survey;
use crate::beneath::{Folder, Target};
use crate::image::DiffId;
use crate::progress::{Progress, check};
use crate::rootfs::{InodeId, Kind};
use crate::store::{KeptLayer, SoundFiles, Store, StoreError, hash_file};
use crate::temporary::TemporaryTree;

/// A tree that is on disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MadeTree<'a> {
    /// The folder, opened without following a link below the deployments.
    pub(crate) top: &'a Folder,
    /// Its path.
    pub(crate) rootfs: &'a Path,
    /// The layers that it was made from, bottom first.
    pub(crate) layers: &'a [DiffId],
    /// What became of owners.
    pub(crate) owners: Owners,
    /// Whose its files are.
    pub(crate) files: Files,
}

/// Compares a tree, which nothing may have changed, with what its layers say. If `mends`, what differs is made again;
/// programs that have a file open keep the old one. Names that the image does not have are left alone. Files in
/// `sound` need not be read.
///
/// # Errors
/// If a layer is not in the store, or something can't be read or made.
pub(crate) fn compare_tree(
    made: MadeTree<'_>,
    store: &Store,
    sound: &SoundFiles,
    mends: bool,
    progress: &dyn Progress,
) -> Result<TreeFindings, UnpackError> {
    let MadeTree { top, rootfs, layers, owners, files } = made;
    let layer = |diff_id: &DiffId| {
        store.kept_layer(*diff_id)?.ok_or(StoreError::Lost { diff_id: *diff_id })
    };
    let kept: Vec<KeptLayer> = layers.iter().map(layer).collect::<Result<_, _>>()?;
    let beside = rootfs.parent().unwrap_or(rootfs);
    let site = match mends {
        true => {
            Some(TemporaryTree::new_in(beside).map_err(UnpackError::place("write to", beside))?)
        }
        false => None,
    };
    let mut options = UnpackOptions::new(owners);
    options.files = files;
    let shared = Shared::beside(top, store, &options, progress)?;
    with_tree_of(&kept, store, |tree| {
        let maker = site.as_ref().map(|site| Maker {
            owners,
            counts: Counts::default(),
            shared: shared.as_ref(),
            site,
            progress,
        });
        let findings = TreeFindings::default();
        let seen = HashMap::new();
        let survey = Survey::of(tree, true)?;
        let mut comparing =
            Comparing { tree, top, owners, sound, maker, progress, survey, seen, findings };
        comparing.run().map_err(UnpackError::place("compare", rootfs))?;
        Ok(comparing.findings)
    })
}

pub(super) struct Comparing<'t, 'a> {
    pub(super) tree: &'t FileTree<'a>,
    pub(super) top: &'t Folder,
    pub(super) owners: Owners,
    sound: &'t SoundFiles,
    /// Who makes again what differs, if anybody.
    pub(super) maker: Option<Maker<'t>>,
    progress: &'t dyn Progress,
    pub(super) survey: Survey,
    /// Where the first name of each file with several is that is as it should be, and which inode it has.
    pub(super) seen: HashMap<InodeId, FirstName<'a>>,
    pub(super) findings: TreeFindings,
}

/// A name of a file that is as it should be.
pub(super) struct FirstName<'a> {
    pub(super) folder: Vec<u8>,
    pub(super) name: &'a [u8],
    pub(super) identity: (u64, u64),
}

/// A folder that is to be looked at.
pub(super) struct Todo {
    pub(super) id: InodeId,
    pub(super) path: Vec<u8>,
    /// Whether the folder itself has been made again, or does not look as it should.
    differs: bool,
}

/// A folder that is being looked at.
pub(super) struct Level<'f> {
    pub(super) folder: &'f Folder,
    pub(super) id: InodeId,
    pub(super) path: &'f [u8],
    /// Whether it has been made writable.
    pub(super) is_open: bool,
}

impl<'a> Comparing<'_, 'a> {
    fn run(&mut self) -> io::Result<()> {
        let id = self.tree.root();
        let found = Found::at(&self.top.handle()?)?;
        let differs = !found.is_like(self.tree.inode(id), self.owners);
        if differs {
            self.findings.differs(b"");
            self.findings.mended += u64::from(self.maker.is_some());
            if self.maker.is_some() {
                let target = Target::Open(self.top.as_fd());
                found.remove_extra_xattrs(target, self.tree.inode(id), self.owners)?;
            }
        }
        let mut todo = vec![Todo { id, path: Vec::new(), differs }];
        while let Some(next) = todo.pop() {
            check(self.progress)?;
            match self.top.open_below(&next.path) {
                Ok(folder) => self.look_into(&folder, &next, &mut todo)?,
                // Its owner may not enter it; root would.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                // Told already: something else is there, or nothing.
                Err(_) if next.differs => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn look_into(&mut self, folder: &Folder, here: &Todo, todo: &mut Vec<Todo>) -> io::Result<()> {
        let mut level = Level { folder, id: here.id, path: &here.path, is_open: false };
        let (mut differs, mut is_as_made) = (here.differs, true);
        let has_others = self.look_for_foreign(&level)?;
        let tree = self.tree;
        for (name, id) in tree.children(here.id) {
            let is_folder = tree.inode(id).is_directory();
            let path = path_below(level.path, name);
            let is_right = match is_folder {
                true => self.is_folder(&level, name, id)?,
                false => self.is_leaf(&level, name, id)?,
            };
            if !is_right {
                is_as_made = false;
                self.findings.differs(&path);
                differs |= self.try_to_mend(&mut level, name, id, &path)?;
            }
            if is_folder {
                todo.push(Todo { id, path, differs: !is_right });
            }
        }
        let mut is_counted = here.differs;
        // Whoever makes a mount point, or changes something else that is told of, changes the time of the folder too.
        if !differs && is_as_made && !has_others {
            is_counted = !Found::at(&folder.handle()?)?.has_time(tree.inode(here.id));
            if is_counted {
                self.findings.differs(&here.path);
                self.findings.mended += u64::from(self.maker.is_some());
            }
        }
        match differs || is_counted || level.is_open {
            true => self.finish_folder(folder, here, is_counted),
            false => Ok(()),
        }
    }

    /// Counts the names that the image does not have, other than those that a runtime makes to mount something there. Returns
    /// whether there are any of either kind.
    fn look_for_foreign(&mut self, level: &Level<'_>) -> io::Result<bool> {
        let own: HashSet<&[u8]> = self.tree.children(level.id).map(|(name, _)| name).collect();
        let mut has_others = false;
        for name in level.folder.names()? {
            let name = name?;
            if own.contains(&name[..]) {
                continue;
            }
            has_others = true;
            if !is_mount_point(level.folder, &name) {
                self.findings.is_foreign(&path_below(level.path, &name));
            }
        }
        Ok(has_others)
    }

    fn is_folder(&self, level: &Level<'_>, name: &[u8], id: InodeId) -> io::Result<bool> {
        let Some(found) = Found::of(level.folder, name)? else { return Ok(false) };
        Ok(found.is_directory() && found.is_like(self.tree.inode(id), self.owners))
    }

    /// Whether a name leads to what the image says, and names of one file to one.
    fn is_leaf(&mut self, level: &Level<'_>, name: &'a [u8], id: InodeId) -> io::Result<bool> {
        let Some(found) = Found::of(level.folder, name)? else { return Ok(false) };
        let identity = found.identity();
        if let Some(first) = self.seen.get(&id) {
            return Ok(first.identity == identity);
        }
        let inode = self.tree.inode(id);
        let is_right = found.is_like(inode, self.owners)
            && self.has_content(level.folder, name, inode, identity)?;
        if is_right && self.survey.has_links(id) {
            let first = FirstName { folder: level.path.to_vec(), name, identity };
            self.seen.insert(id, first);
        }
        Ok(is_right)
    }

    fn has_content(
        &self,
        folder: &Folder,
        name: &[u8],
        inode: &FileInode<'_>,
        identity: (u64, u64),
    ) -> io::Result<bool> {
        // The length is right.
        let Kind::File(content) = inode.kind else { return Ok(true) };
        let compared = match (inode.holes(), self.sound.get(&identity)) {
            (None, Some(known)) => Ok(*known == content.digest()),
            (None, None) => {
                folder.open_file(name).and_then(|file| Ok(hash_file(&file)?.1 == content.digest()))
            }
            (Some(map), _) => folder.open_file(name).and_then(|file| has_data(&file, map, content)),
        };
        match compared {
            // That this user may not look says nothing of the file.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
            Err(_) => Ok(false),
            read => read,
        }
    }
}
