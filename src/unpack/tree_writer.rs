//! The walk over a finished tree: every name is made once, in a folder that was just made.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::vec;

use rustix::io::Errno;

use super::counts::Counts;
use super::error::UnpackError;
use super::file_tree::{FileTree, shown};
use super::leaf::Maker;
use super::options::{Owners, UnpackOptions};
use super::shared::Shared;
use super::survey::Survey;
use crate::beneath::{Folder, Identity, Target};
use crate::progress::{Cancelled, Progress, Stage, check};
use crate::rootfs::InodeId;
use crate::space::{SpaceWatch, check_space};
use crate::store::{Linked, ObjectId};
use crate::temporary::TemporaryTree;

/// How many folders are held open on the way down. Those further up are found again through the folders in them.
const HELD: usize = 32;
/// The permissions that the owner of a folder needs to make links to what is in it.
const OWNER_MAY_ENTER: u16 = 0o500;

/// Where something is: a name in a folder.
#[derive(Clone, Copy)]
struct Spot<'a> {
    folder: InodeId,
    name: &'a [u8],
}

/// Whether a file is another name of one that is there.
enum Sharing {
    Shared,
    /// It is to be made.
    Own,
    /// It is to be made, and put in the place of this object.
    Replaces(ObjectId),
}

/// A folder on the way down from the top.
struct Level<'a> {
    id: InodeId,
    children: vec::IntoIter<(&'a [u8], InodeId)>,
    identity: Identity,
    /// The handle, unless too many are open.
    folder: Option<Folder>,
}

struct TreeWriter<'t, 'a> {
    tree: &'t FileTree<'a>,
    site: &'t TemporaryTree,
    top: &'t Folder,
    survey: Survey,
    maker: Maker<'t>,
    space: SpaceWatch,
    /// Where folders are.
    folders: HashMap<InodeId, Spot<'a>>,
    /// Where inodes with several names were made.
    made: HashMap<InodeId, Spot<'a>>,
    /// Where the first file of each kind was made that may be shared.
    twins: HashMap<[u8; 16], Spot<'a>>,
    /// The folder that the last hard link's target is in.
    linked: Option<(InodeId, Folder)>,
    /// Folders that nobody could enter any more if they had their modes, in the order they were completed.
    shut: Vec<InodeId>,
}

/// Makes everything that is in `tree` in `top`, an empty folder of `site`, which becomes the tree's root. Files that
/// `shared` has are links to those. Folders get their times last.
pub(crate) fn write_tree(
    tree: &FileTree<'_>,
    site: &TemporaryTree,
    top: &Folder,
    options: &UnpackOptions,
    shared: Option<&Shared>,
    progress: &dyn Progress,
) -> Result<Counts, UnpackError> {
    let survey = Survey::of(tree, shared.is_some())?;
    let no_room = |error| UnpackError::place("write to", site.path())(error);
    check_space(site.path(), survey.disk).map_err(no_room)?;
    progress.expect(Stage::Unpack, survey.bytes);
    let maker = Maker { owners: options.owners, counts: Counts::default(), shared, site, progress };
    let mut writer = TreeWriter {
        tree,
        site,
        top,
        survey,
        maker,
        space: SpaceWatch::new(site.path()),
        folders: HashMap::new(),
        made: HashMap::new(),
        twins: HashMap::new(),
        linked: None,
        shut: Vec::new(),
    };
    writer.run()?;
    writer.shut_folders()?;
    Ok(writer.maker.counts)
}

impl<'a> TreeWriter<'_, 'a> {
    fn run(&mut self) -> Result<(), UnpackError> {
        let top = self.top.open_below(b"").and_then(|top| self.level(self.tree.root(), top));
        let mut levels = vec![top.map_err(|error| self.failed(self.root(), error))?];
        while let Some(mut level) = levels.pop() {
            check(self.maker.progress)?;
            match level.children.next() {
                Some((name, id)) => {
                    let spot = Spot { folder: level.id, name };
                    let folder = level.folder.as_ref().expect("the deepest folder is open");
                    let below = self.enter(spot, id, folder);
                    let below = below.map_err(|error| self.failed(spot, error))?;
                    levels.push(level);
                    if let Some(below) = below {
                        close_far(&mut levels);
                        levels.push(below);
                    }
                }
                None => {
                    let spot = self.folders.get(&level.id).copied().unwrap_or(self.root());
                    self.leave(level, &mut levels).map_err(|error| self.failed(spot, error))?;
                }
            }
        }
        Ok(())
    }

    fn root(&self) -> Spot<'a> {
        Spot { folder: self.tree.root(), name: b"" }
    }

    fn level(&self, id: InodeId, folder: Folder) -> io::Result<Level<'a>> {
        let children: Vec<_> = self.tree.children(id).collect();
        let identity = folder.identity()?;
        Ok(Level { id, children: children.into_iter(), identity, folder: Some(folder) })
    }

    /// Makes what has a name. Returns the level below if it is a folder.
    fn enter(
        &mut self,
        spot: Spot<'a>,
        id: InodeId,
        folder: &Folder,
    ) -> io::Result<Option<Level<'a>>> {
        let inode = self.tree.inode(id);
        let site = self.site;
        let working = site.working();
        if inode.is_directory() {
            self.folders.insert(id, spot);
            let below = folder.make_dir(spot.name)?;
            return self.level(id, below).map(Some);
        }
        if let Some(&first) = self.made.get(&id) {
            self.link(first, spot, folder)?;
            return Ok(None);
        }
        drop(working);
        match self.share(spot, id, folder)? {
            Sharing::Shared => {}
            sharing => {
                self.space.about_to_write(inode.content().map_or(0, |content| content.len()))?;
                self.maker.make(folder, spot.name, inode)?;
                if let Sharing::Replaces(object) = sharing {
                    self.maker.replace_shared((folder, spot.name), inode, object)?;
                }
            }
        }
        if self.survey.has_links(id) {
            self.made.insert(id, spot);
        }
        Ok(None)
    }

    /// Makes a file another name of one that is like it, in the store or in this tree. If there is none, the file is the
    /// first of its kind.
    fn share(&mut self, spot: Spot<'a>, id: InodeId, folder: &Folder) -> io::Result<Sharing> {
        let inode = self.tree.inode(id);
        let Some(object) = self.maker.shared.and_then(|shared| shared.id(inode)) else {
            return Ok(Sharing::Own);
        };
        let alone = match self.maker.link_shared(folder, spot.name, inode, object)? {
            Linked::Yes => return Ok(Sharing::Shared),
            Linked::No => Sharing::Own,
            Linked::Unlike => Sharing::Replaces(object),
        };
        let Some(&twin) = self.twins.get(&object.key()) else {
            self.twins.insert(object.key(), spot);
            return Ok(alone);
        };
        let site = self.site;
        let working = site.working();
        let linked = self.link_to(twin, spot, folder);
        drop(working);
        match linked {
            // It has as many names as a file may have.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::MLINK) => Ok(Sharing::Own),
            Err(error) => Err(error),
            Ok(()) => {
                self.maker.count_shared(inode);
                Ok(Sharing::Shared)
            }
        }
    }

    fn link(&mut self, first: Spot<'a>, spot: Spot<'a>, folder: &Folder) -> io::Result<()> {
        self.maker.counts.hard_links += 1;
        self.link_to(first, spot, folder)
    }

    /// Makes `spot`, in `folder`, another name of what is at `first`.
    fn link_to(&mut self, first: Spot<'a>, spot: Spot<'a>, folder: &Folder) -> io::Result<()> {
        if first.folder == spot.folder {
            return folder.make_hard_link(first.name, folder, spot.name);
        }
        if self.linked.as_ref().is_none_or(|(id, _)| *id != first.folder) {
            let source = self.top.open_below(&self.path(first.folder))?;
            self.linked = Some((first.folder, source));
        }
        match &self.linked {
            Some((_, source)) => source.make_hard_link(first.name, folder, spot.name),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Completes a folder, and goes up.
    fn leave(&mut self, level: Level<'a>, above: &mut [Level<'a>]) -> io::Result<()> {
        let folder = level.folder.expect("the deepest folder is open");
        if let Some(above) = above.last_mut()
            && above.folder.is_none()
        {
            above.folder = Some(folder.parent(above.identity)?);
        }
        let site = self.site;
        let _working = site.working();
        self.maker.counts.directories += 1;
        let mode = self.tree.inode(level.id).attributes.mode;
        // Root enters whatever the mode says.
        let is_shut = mode & OWNER_MAY_ENTER != OWNER_MAY_ENTER;
        if is_shut && self.maker.owners == Owners::Recorded {
            self.shut.push(level.id);
            return Ok(());
        }
        self.maker.finish(Target::Open(folder.as_fd()), self.tree.inode(level.id))
    }

    /// Gives those folders their attributes that nobody can enter afterwards: the deepest first.
    fn shut_folders(&mut self) -> Result<(), UnpackError> {
        for id in std::mem::take(&mut self.shut) {
            let spot = self.folders.get(&id).copied().unwrap_or(self.root());
            let site = self.site;
            let _working = site.working();
            let folder = self.top.open_below(&self.path(id));
            let done = folder.and_then(|folder| {
                self.maker.finish(Target::Open(folder.as_fd()), self.tree.inode(id))
            });
            done.map_err(|error| self.failed(spot, error))?;
        }
        Ok(())
    }

    /// The path of a folder below the top.
    fn path(&self, mut id: InodeId) -> Vec<u8> {
        let mut names = Vec::new();
        while let Some(spot) = self.folders.get(&id) {
            names.push(spot.name);
            id = spot.folder;
        }
        names.reverse();
        names.join(&b'/')
    }

    fn failed(&self, spot: Spot<'_>, source: io::Error) -> UnpackError {
        if source.get_ref().is_some_and(|inner| inner.is::<Cancelled>()) {
            return Cancelled.into();
        }
        let mut path = [b"/", &self.path(spot.folder)[..], b"/", spot.name].concat();
        if path.starts_with(b"//") {
            path.remove(0);
        }
        UnpackError::Make { path: shown(&path), source }
    }
}

fn close_far(levels: &mut [Level<'_>]) {
    if let Some(far) = levels.len().checked_sub(HELD + 1) {
        levels[far].folder = None;
    }
}
