//! What the caller wants of a v2 delta.

use crate::delta::Effort;

/// Room for the names of images with some 350,000 files each.
const MEMORY: u64 = 256 << 20;

/// The names of the target that the file list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ListScope {
    /// The names that change. The smallest delta, and devices read only what they must.
    #[default]
    Pruned,
    /// All of them. A device whose files are not the base's notices (rsync's exit code 23), and
    /// reads and hashes every file of its image for that.
    Full,
}

/// How a v2 delta is made.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CreateOptions {
    /// The names that the file list has.
    pub list: ListScope,
    /// Makes devices write files anew of which only attributes change. Without it rsync changes
    /// them in place, which the base image on the device, sharing the inode, sees too.
    pub protect_shared: bool,
    /// Read the delta back and compare what a device would have with the target.
    pub verify: bool,
    /// How much time to spend on finding matches.
    pub effort: Effort,
    /// The most anonymous memory to take, in bytes: half of it for the indexes of old files, half for
    /// the names of both images. Images with more names than that are refused.
    pub memory: u64,
}

impl Default for CreateOptions {
    fn default() -> Self {
        CreateOptions {
            list: ListScope::default(),
            protect_shared: false,
            verify: true,
            effort: Effort::default(),
            memory: MEMORY,
        }
    }
}
