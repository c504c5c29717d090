//! Names in a finished tree, followed through symbolic links as a system that has the tree as its root follows
//! them.

use super::tree::{InodeId, Kind, Tree};

/// How many symbolic links Linux follows in one path (path_resolution(7)).
const MAX_FOLLOWED: usize = 40;

impl<C> Tree<'_, C> {
    /// Returns the inode that `path` leads to from the root folder. Symbolic links are followed, the last
    /// one too, and none of them leads out of the tree. `None` if nothing is there, or there are too many links.
    pub fn follow(&self, path: &[u8]) -> Option<InodeId> {
        let mut todo: Vec<&[u8]> = path.split(|&byte| byte == b'/').rev().collect();
        let mut way = vec![self.root()];
        let mut links = 0;
        while let Some(name) = todo.pop() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    way.truncate(1.max(way.len() - 1));
                    continue;
                }
                _ => {}
            }
            let child = self.child(*way.last()?, name)?;
            let Kind::Symlink(target) = self.inode(child).kind else {
                way.push(child);
                continue;
            };
            links += 1;
            if links > MAX_FOLLOWED {
                return None;
            }
            if target.starts_with(b"/") {
                way.truncate(1);
            }
            todo.extend(target.split(|&byte| byte == b'/').rev());
        }
        way.pop()
    }
}
