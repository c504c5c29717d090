//! A look over the whole tree before anything is made.

use super::error::UnpackError;
use super::file_tree::{FileTree, shown};
use crate::rootfs::{InodeId, Kind};
use crate::store::FileContent;

/// The longest path that a system call takes, without its NUL byte.
const MAX_PATH: usize = 4095;
/// Bytes of disk that a file or folder takes beside its content, and that its content is rounded up to.
const BLOCK: u64 = 4096;

/// What a tree takes.
pub(super) struct Survey {
    /// By index of the inode: how many names it has, counted up to two.
    names: Vec<u8>,
    /// Bytes of content that are to be written or shared.
    pub(super) bytes: u64,
    /// Bytes of disk, about.
    pub(super) disk: u64,
    /// Whether files that the store has are not made anew.
    is_shared: bool,
}

impl Survey {
    pub(super) fn of(tree: &FileTree<'_>, is_shared: bool) -> Result<Self, UnpackError> {
        let names = vec![0; tree.inode_count()];
        let mut survey = Survey { names, bytes: 0, disk: BLOCK, is_shared };
        let mut todo = vec![(tree.root(), 0)];
        while let Some((folder, path_len)) = todo.pop() {
            for (name, id) in tree.children(folder) {
                let path_len = path_len + name.len() + usize::from(path_len > 0);
                if path_len > MAX_PATH {
                    return Err(too_long(name));
                }
                if survey.add(tree, id) {
                    todo.push((id, path_len));
                }
            }
        }
        Ok(survey)
    }

    /// Counts a name. Returns whether it is a folder's.
    fn add(&mut self, tree: &FileTree<'_>, id: InodeId) -> bool {
        let names = &mut self.names[id.index()];
        *names = (*names + 1).min(2);
        match tree.inode(id).kind {
            Kind::File(content) if *names == 1 => {
                let bytes = content.len();
                self.bytes += bytes;
                let is_there = self.is_shared && matches!(content, FileContent::Object(..));
                self.disk += if is_there { 0 } else { bytes.next_multiple_of(BLOCK) };
            }
            Kind::Directory(_) => self.disk += BLOCK,
            _ => {}
        }
        tree.inode(id).is_directory()
    }

    /// Returns whether an inode has several names.
    pub(super) fn has_links(&self, id: InodeId) -> bool {
        self.names[id.index()] > 1
    }
}

fn too_long(name: &[u8]) -> UnpackError {
    UnpackError::PathTooLong { path: shown(name), limit: MAX_PATH }
}
