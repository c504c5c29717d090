//! What can be wrong with a stack of layers.

use crate::quote::quoted;
use crate::tar::{TarError, TarProblem};
use crate::{Cause, ErrorKind, Remedy};

/// A layer that cannot be part of a tree, and where in it the reason lies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("layer {layer}, tar header at byte {offset}: {problem}")]
#[non_exhaustive]
pub struct RootfsError {
    /// Number of the layer, counted from 1 at the bottom.
    pub layer: usize,
    /// Byte offset of the entry's first header in the layer's tar.
    pub offset: u64,
    /// The problem.
    pub problem: Problem,
}

/// A problem with one entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The tar itself can't be read.
    #[error(transparent)]
    Tar(#[from] TarProblem),
    /// A type of entry that no image may have.
    #[error("{} has the unknown entry type {flag:?}", quoted(path))]
    UnknownType {
        /// The entry's name as written.
        path: String,
        /// The type flag.
        flag: char,
    },
    /// Sparse files that are too large to be laid out.
    #[error(
        "the sparse file {} has {bytes} bytes with its holes: all of them may have {limit}",
        quoted(path)
    )]
    SparseTooLarge {
        /// The file.
        path: String,
        /// The file's size with its holes, in bytes.
        bytes: u64,
        /// The most that all sparse files of an image may have together, in bytes.
        limit: u64,
    },
    /// A name that leads out of the tree.
    #[error("{} leads out of the root folder", quoted(.0))]
    Escape(String),
    /// A name longer than a file system takes.
    #[error("{} is too long a name", quoted(.0))]
    NameTooLong(String),
    /// A name with a NUL byte in it.
    #[error("{} has a NUL byte in it", quoted(.0))]
    Nul(String),
    /// Symbolic links that lead in circles.
    #[error("{} goes through too many symbolic links", quoted(.0))]
    Loop(String),
    /// An entry below something of the same layer that is not a directory.
    #[error("{} lies below something that is not a directory", quoted(.0))]
    NotADirectory(String),
    /// The root made into something that is not a directory.
    #[error("the root folder is made into something else")]
    RootReplaced,
    /// A whiteout that names nothing, or a special name.
    #[error("the whiteout {} names nothing that could be removed", quoted(.0))]
    BadWhiteout(String),
    /// A hard link to something that is not there, to itself, or to a directory.
    #[error(
        "{} is a hard link to {}, which is no file of this image",
        quoted(path),
        quoted(target)
    )]
    BadLink {
        /// The link.
        path: String,
        /// The path that the link should be the same as.
        target: String,
    },
    /// More entries than a tree may have.
    #[error("the image has more than {0} entries")]
    TooManyEntries(usize),
    /// More extended attributes than a tree may have.
    #[error("the image has more than {0} extended attributes")]
    TooManyXattrs(usize),
    /// Names lead through symbolic links so often that following them would take long.
    #[error("the names of the image take more than {0} steps through symbolic links")]
    TooManySteps(usize),
    /// The system gives no memory for so many entries.
    #[error("the system gives no memory for {0} entries")]
    OutOfMemory(usize),
}

impl RootfsError {
    pub(super) fn of_tar(layer: usize, error: TarError) -> Self {
        RootfsError { layer, offset: error.offset, problem: error.problem.into() }
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self.problem {
            Problem::SparseTooLarge { .. }
            | Problem::TooManyEntries(_)
            | Problem::TooManyXattrs(_)
            | Problem::TooManySteps(_) => Cause::TooLarge,
            Problem::OutOfMemory(_) => Cause::Resources,
            _ => Cause::Content,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if it is more than a text.
    pub fn remedy(&self) -> Option<Remedy> {
        let may_be_damage =
            matches!(self.problem, Problem::Tar(TarProblem::Checksum | TarProblem::Truncated));
        may_be_damage.then_some(Remedy::VerifyStore)
    }

    /// Returns what to do about the error, if there is something to do.
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
