//! What could not be dealt with while everything else went on.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::{Cause, Remedy};

/// Something in the store that could not be dealt with. Work on everything else went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trouble {
    /// Where.
    pub path: PathBuf,
    /// The problem.
    pub problem: String,
    /// What is to blame; in JSON its [`code`](Cause::code).
    #[serde(rename = "code", serialize_with = "as_code")]
    pub cause: Cause,
    /// The remedy, if one is known.
    #[serde(skip)]
    pub remedy: Option<Remedy>,
    /// One line that says what to do, if whoever failed knew one.
    #[serde(skip)]
    pub hint: Option<String>,
}

/// Why something could not be dealt with.
#[derive(Debug)]
pub(crate) struct Reason {
    pub(crate) problem: String,
    pub(crate) cause: Cause,
    pub(crate) remedy: Option<Remedy>,
    pub(crate) hint: Option<String>,
}

impl Trouble {
    /// Something that was found, and is no failure of this process.
    pub(crate) fn found(path: &Path, problem: impl Display, cause: Cause) -> Self {
        let problem = problem.to_string();
        Trouble::at(path, Reason { problem, cause, remedy: None, hint: None })
    }

    pub(crate) fn at(path: &Path, reason: impl Into<Reason>) -> Self {
        let reason = reason.into();
        let remedy = reason.remedy_for_whoever_looks_after_it();
        let Reason { problem, cause, hint, .. } = reason;
        Trouble { path: path.to_owned(), problem, cause, remedy, hint }
    }
}

impl Reason {
    /// The remedy for somebody who looks after a store and deployments that are there: another place is none.
    fn remedy_for_whoever_looks_after_it(&self) -> Option<Remedy> {
        match (self.cause, self.remedy) {
            (Cause::DiskFull, None | Some(Remedy::FreeStoreSpace)) => Some(Remedy::FreeSpace),
            (Cause::Permission, None | Some(Remedy::WritableStore)) => Some(Remedy::WorkAsOwner),
            (Cause::Disk, None | Some(Remedy::VerifyStore)) => Some(Remedy::CheckDisk),
            (Cause::DamagedLayer, None | Some(Remedy::VerifyStore)) => Some(Remedy::RepairStore),
            (Cause::Obstacle, None) => Some(Remedy::ClearStore),
            (Cause::Missing, None) => Some(Remedy::PullFromElsewhere),
            (_, remedy) => remedy,
        }
    }
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        let cause = Cause::of_io(&error);
        Reason { problem: error.to_string(), cause, remedy: read_only(&error), hint: None }
    }
}

/// The remedy if a file system may only be read.
pub(super) fn read_only(error: &io::Error) -> Option<Remedy> {
    (error.kind() == io::ErrorKind::ReadOnlyFilesystem).then_some(Remedy::MountForWriting)
}

fn as_code<S: Serializer>(cause: &Cause, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(cause.code())
}

impl Display for Trouble {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.problem.contains(&*self.path.to_string_lossy()) {
            true => write!(out, "{}", self.problem),
            false => write!(out, "{}: {}", self.path.display(), self.problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::super::StoreError;
    use super::super::error::io_error;
    use super::*;

    #[test]
    fn each_trouble_has_the_remedy_that_helps() {
        let path = Path::new("/store/objects/2e/x");
        for (errno, cause, remedy) in [
            (Errno::NOSPC, Cause::DiskFull, Remedy::FreeSpace),
            (Errno::DQUOT, Cause::DiskFull, Remedy::FreeSpace),
            (Errno::ACCESS, Cause::Permission, Remedy::WorkAsOwner),
            (Errno::ROFS, Cause::Permission, Remedy::MountForWriting),
            (Errno::IO, Cause::Disk, Remedy::CheckDisk),
            (Errno::NOTEMPTY, Cause::Obstacle, Remedy::ClearStore),
        ] {
            let bare = Trouble::at(path, io::Error::from(errno));
            let named = Trouble::at(path, io_error("read", path)(errno.into()));
            for trouble in [bare, named] {
                assert_eq!((trouble.cause, trouble.remedy), (cause, Some(remedy)), "{errno}");
            }
        }
        let of = |error: StoreError| Trouble::at(path, error).remedy;
        let obstacle = StoreError::Obstacle { path: path.to_owned(), kind: "folder" };
        assert_eq!(of(obstacle), Some(Remedy::ClearStore));
        let damaged = StoreError::DamagedName { path: path.to_owned(), problem: "cut".to_owned() };
        assert_eq!(of(damaged), Some(Remedy::RepairStore));
    }

    #[test]
    fn programs_get_a_trouble_with_a_code() {
        let trouble = Trouble::at(Path::new("/store/x"), io::Error::from(Errno::NOSPC));
        let value = serde_json::to_value(&trouble).expect("plain data");
        assert_eq!(
            value,
            serde_json::json!({
                "path": "/store/x", "problem": trouble.problem, "code": "disk_full"
            })
        );
    }
}
