//! What can be wrong with a stack of layers.

use crate::tar::{TarError, TarProblem};
use crate::{ErrorKind, Remedy};

/// A layer that cannot be part of a tree, and where in it the reason lies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("layer {layer}, tar header at byte {offset}: {problem}")]
#[non_exhaustive]
pub struct RootfsError {
    /// Number of the layer, counted from 1 at the bottom.
    pub layer: usize,
    /// Byte offset of the entry's first header in the layer's tar.
    pub offset: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with one entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The tar itself can't be read.
    #[error(transparent)]
    Tar(#[from] TarProblem),
    /// A type of entry that no image may have.
    #[error("{path:?} has the unknown entry type {flag:?}")]
    UnknownType {
        /// The entry's name as written.
        path: String,
        /// The type flag.
        flag: char,
    },
    /// Sparse files that are too large to be laid out.
    #[error(
        "the sparse file {path:?} has {bytes} bytes with its holes: all of them may have {limit}"
    )]
    SparseTooLarge {
        /// The file.
        path: String,
        /// Its size with its holes, in bytes.
        bytes: u64,
        /// The most that all sparse files of an image may have together, in bytes.
        limit: u64,
    },
    /// A name that leads out of the tree.
    #[error("{0:?} leads out of the root folder")]
    Escape(String),
    /// A name longer than a file system takes.
    #[error("{0:?} is too long a name")]
    NameTooLong(String),
    /// A name with a NUL byte in it.
    #[error("{0:?} has a NUL byte in it")]
    Nul(String),
    /// Symbolic links that lead in circles.
    #[error("{0:?} goes through too many symbolic links")]
    Loop(String),
    /// An entry below something of the same layer that is not a directory.
    #[error("{0:?} lies below something that is not a directory")]
    NotADirectory(String),
    /// The root made into something that is not a directory.
    #[error("the root folder is made into something else")]
    RootReplaced,
    /// A whiteout that names nothing, or a special name.
    #[error("the whiteout {0:?} names nothing that could be removed")]
    BadWhiteout(String),
    /// A hard link to something that is not there, to itself, or to a directory.
    #[error("{path:?} is a hard link to {target:?}, which is no file of this image")]
    BadLink {
        /// The link.
        path: String,
        /// What it should be the same as.
        target: String,
    },
    /// More entries than a tree may have.
    #[error("the image has more than {0} entries")]
    TooManyEntries(usize),
}

impl RootfsError {
    pub(super) fn of_tar(layer: usize, error: TarError) -> Self {
        RootfsError { layer, offset: error.offset, problem: error.problem.into() }
    }

    /// The kind of failure: always the content.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Content
    }

    /// What to do about it, where it is more than a text.
    pub fn remedy(&self) -> Option<Remedy> {
        let may_be_damage =
            matches!(self.problem, Problem::Tar(TarProblem::Checksum | TarProblem::Truncated));
        may_be_damage.then_some(Remedy::VerifyStore)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self.problem {
            Problem::UnknownType { .. } | Problem::SparseTooLarge { .. } => {
                "rebuild the image with a tool that writes plain layers"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Bytes of a name as text for a message, shortened.
pub(super) fn shown(name: &[u8]) -> String {
    const SHOWN_BYTES: usize = 200;
    String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES)]).into_owned()
}
