//! What was found of a tree that nothing may have changed.

use std::io;

use super::file_tree::shown;
use crate::Cause;

/// How many paths are told of.
const SHOWN: usize = 5;

/// What of a tree is not as its image says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TreeFindings {
    /// Files, links and folders that were not as the image says.
    pub(crate) differing: u64,
    /// How many of these were made again.
    pub(crate) mended: u64,
    /// Names that the image does not have.
    pub(crate) foreign: u64,
    /// The first paths of both kinds.
    pub(crate) paths: Vec<String>,
    /// The first of those that could not be made again, as they are, why, and what is to blame.
    pub(crate) not_mended: Vec<(Vec<u8>, String, Cause)>,
}

impl TreeFindings {
    pub(super) fn differs(&mut self, path: &[u8]) {
        self.differing += 1;
        self.show(path);
    }

    pub(super) fn is_foreign(&mut self, path: &[u8]) {
        self.foreign += 1;
        self.show(path);
    }

    pub(super) fn is_not_mended(&mut self, path: &[u8], why: &io::Error) {
        if self.not_mended.len() < SHOWN {
            self.not_mended.push((path.to_vec(), why.to_string(), Cause::of_io(why)));
        }
    }

    fn show(&mut self, path: &[u8]) {
        if self.paths.len() < SHOWN {
            self.paths.push(format!("/{}", shown(path)));
        }
    }
}
