//! What could not be dealt with while everything else went on.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Something in the store that could not be dealt with. Work on everything else went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trouble {
    /// Where.
    pub path: PathBuf,
    /// The problem.
    pub problem: String,
}

impl Trouble {
    pub(crate) fn at(path: &Path, problem: impl Display) -> Self {
        Trouble { path: path.to_owned(), problem: problem.to_string() }
    }
}

impl Display for Trouble {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.problem.contains(&*self.path.to_string_lossy()) {
            true => write!(out, "{}", self.problem),
            false => write!(out, "{}: {}", self.path.display(), self.problem),
        }
    }
}
