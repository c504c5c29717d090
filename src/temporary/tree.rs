//! Folders with all that is in them, made under a temporary name and given their own in one step.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::live::live;
use super::name::{RANDOM_CHARACTERS, SUFFIX};
use super::system_error::without_path;
use crate::beneath::Folder;

/// How the names of temporary trees start. Files have shorter ones, so that neither is taken for the other.
const TREE_PREFIX: &str = ".remora-tree-";

/// A folder under a temporary name. Unless it is published, it goes with all that is in it.
#[derive(Debug)]
pub(crate) struct TemporaryTree {
    /// The folder itself, locked while the handle lives.
    folder: Folder,
    /// The folder that it lies in, and stays in.
    parent: Folder,
    path: PathBuf,
    gate: Arc<Mutex<()>>,
}

impl TemporaryTree {
    /// Makes an empty folder in the folder `parent` that nobody else may enter.
    pub(crate) fn new_in(parent: &Path) -> io::Result<Self> {
        let parent_folder = Folder::open(parent)?;
        let mut live = live();
        loop {
            // Made through the handle: whoever owns the parent may exchange it meanwhile.
            let (folder, path) = tempfile::Builder::new()
                .prefix(TREE_PREFIX)
                .suffix(SUFFIX)
                .rand_bytes(RANDOM_CHARACTERS)
                .make_in(parent, |path| parent_folder.make_dir(name_of(path)))
                .map_err(without_path)?
                .into_parts();
            let path = path.keep().map_err(io::Error::from)?;
            let is_locked = folder.try_lock().inspect_err(|_| {
                // The error is the one to report.
                let _ = parent_folder.remove_dir(name_of(&path));
            })?;
            // Whoever collects leftovers may have come first: then the folder is gone.
            if is_locked && path.is_dir() {
                let gate = Arc::new(Mutex::new(()));
                live.trees.insert(path.clone(), Arc::clone(&gate));
                return Ok(TemporaryTree { folder, parent: parent_folder, path, gate });
            }
        }
    }

    /// Returns the folder, to be filled.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Returns the folder's temporary path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Holds back an interrupt that removes the tree for as long as what is returned lives: for one piece of
    /// work in the tree. After an interrupt it waits for ever.
    pub(crate) fn working(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything in the tree durable and gives the folder the name `name` beside where it is. An empty
    /// folder of that name is replaced, anything else is not.
    pub(crate) fn publish(self, name: &[u8]) -> io::Result<()> {
        self.folder.sync_file_system()?;
        let mut live = live();
        self.parent.rename(name_of(&self.path), &self.parent, name)?;
        live.trees.remove(&self.path);
        drop(live);
        self.parent.sync()
    }
}

impl Drop for TemporaryTree {
    fn drop(&mut self) {
        let mut live = live();
        if live.trees.remove(&self.path).is_some() {
            // Nobody is left to tell: the tree is under a name that nothing reads.
            let _ = self.parent.remove_tree(name_of(&self.path));
        }
    }
}

/// Removes a tree for good, once nobody puts anything there any more.
pub(super) fn discard(path: &Path, gate: &Mutex<()>) {
    std::mem::forget(gate.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(parent) = path.parent() {
        let _ = Folder::open(parent).and_then(|folder| folder.remove_tree(name_of(path)));
    }
}

/// Removes the temporary trees in `folder` that no process holds, as far as they are ours and can be removed.
pub(crate) fn remove_leftover_trees(folder: &Path) {
    let Ok(here) = Folder::open(folder) else { return };
    let Ok(names) = here.names() else { return };
    let named = names.flatten().filter(|name| is_tree_name(name));
    // The names are known before any of them goes.
    for name in named.collect::<Vec<_>>() {
        let _ = remove_leftover(&here, &name);
    }
}

fn remove_leftover(here: &Folder, name: &[u8]) -> io::Result<()> {
    let folder = here.open_dir(name)?;
    let is_ours = folder.owner()?.0 == rustix::process::geteuid();
    match is_ours && folder.try_lock()? {
        true => here.remove_tree(name),
        false => Ok(()),
    }
}

fn is_tree_name(name: &[u8]) -> bool {
    let random = name.strip_prefix(TREE_PREFIX.as_bytes());
    let random = random.and_then(|name| name.strip_suffix(SUFFIX.as_bytes()));
    random.is_some_and(|random| {
        random.len() == RANDOM_CHARACTERS && random.iter().all(u8::is_ascii_alphanumeric)
    })
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_bytes()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::super::{TemporaryFile, remove_leftovers};
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("readable");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("entry").file_name();
        entries.map(|entry| name(entry).into_string().expect("utf-8")).collect()
    }

    fn filled(folder: &Path) -> TemporaryTree {
        let tree = TemporaryTree::new_in(folder).expect("made");
        let below = tree.folder().make_dir(b"d").expect("made");
        below.make_file(b"f").expect("made").write_all(b"x").expect("written");
        tree
    }

    #[test]
    fn a_tree_appears_whole_or_goes() {
        let folder = tempfile::tempdir().expect("folder");
        drop(filled(folder.path()));
        assert_eq!(names(folder.path()), [""; 0]);
        filled(folder.path()).publish(b"done").expect("published");
        assert!(folder.path().join("done/d/f").is_file());
        filled(folder.path()).publish(b"done").expect_err("something is there");
        assert_eq!(names(folder.path()), ["done"]);
        fs::create_dir(folder.path().join("empty")).expect("made");
        filled(folder.path()).publish(b"empty").expect("replaced");
        assert!(folder.path().join("empty/d/f").is_file());
    }

    #[test]
    fn what_nobody_holds_goes_and_everything_else_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let path = |name: &str| folder.path().join(name);
        let held = filled(folder.path());
        let file = TemporaryFile::new_in(folder.path()).expect("made");
        for name in [".remora-tree-a1B2c3.tmp", ".remora-tree-notes.tmp", ".remora-a1B2c3.tmp"] {
            fs::create_dir_all(path(name).join("x/y")).expect("made");
        }
        std::os::unix::fs::symlink(".remora-tree-notes.tmp", path(".remora-tree-linked.tmp"))
            .expect("linked");
        remove_leftover_trees(folder.path());
        remove_leftovers(folder.path());
        assert!(!path(".remora-tree-a1B2c3.tmp").exists());
        for name in
            [".remora-tree-notes.tmp/x/y", ".remora-a1B2c3.tmp/x", ".remora-tree-linked.tmp"]
        {
            assert!(path(name).exists(), "{name}");
        }
        assert!(held.path.join("d/f").exists() && file.path().exists());
    }
}
