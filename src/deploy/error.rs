//! The failures of deploying.

use std::io;
use std::path::{Path, PathBuf};

use super::DeploymentName;
use crate::store::{Reason, StoreError, whose};
use crate::unpack::UnpackError;
use crate::{Cause, ErrorKind, Remedy};

/// Why something could not be deployed, or gone back from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// No home directory to keep deployments under.
    #[error("no folder for deployments: neither XDG_DATA_HOME nor HOME is set")]
    NoDefaultPath,
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action that failed, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Root is to work in a folder that another user could exchange.
    #[error("{}, who could exchange what root deploys and starts there", whose(path, *owner))]
    Foreign {
        /// The folder, or a link on the way to the deployments.
        path: PathBuf,
        /// The user that it belongs to; `None` if it is root's, and others may write there.
        owner: Option<u32>,
    },
    /// What is written down of a deployment is damaged or gone.
    #[error("the record {} of a deployment can't be read", path.display())]
    DamagedRecord {
        /// The record's file.
        path: PathBuf,
    },
    /// The store could not be used.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The image's files could not be made.
    #[error(transparent)]
    Unpack(Box<UnpackError>),
    /// Another process deploys under the same name.
    #[error("somebody else is deploying {0} at the moment")]
    InUse(DeploymentName),
    /// A deployment cannot go because something of it runs.
    #[error("something of {name} number {number} runs")]
    Running {
        /// The name.
        name: DeploymentName,
        /// The deployment.
        number: u64,
    },
    /// A deployment cannot go because it is being compared with its image, mended, or started.
    #[error("somebody compares or mends {name} number {number}, or is about to start it")]
    Held {
        /// The name.
        name: DeploymentName,
        /// The deployment.
        number: u64,
    },
    /// Nothing is deployed under the name.
    #[error("nothing is deployed as {0}")]
    NotDeployed(DeploymentName),
    /// What is deployed under the name is on a file system that is not mounted.
    #[error("what is deployed as {name} is not there: the file system of {} is not mounted, or can't be looked at", path.display())]
    OutOfReach {
        /// The name.
        name: DeploymentName,
        /// The folder of its deployments.
        path: PathBuf,
    },
    /// There is no such deployment to go back to.
    #[error("{name} has no deployment {}", number.map_or_else(|| "before the current one".to_owned(), |number| number.to_string()))]
    NoDeployment {
        /// The name.
        name: DeploymentName,
        /// The deployment that was asked for, if one was.
        number: Option<u64>,
    },
    /// The deployment to go back to has lost its files.
    #[error("{name} number {number} has no files, or no config.json, any more")]
    Incomplete {
        /// The name.
        name: DeploymentName,
        /// The deployment.
        number: u64,
    },
    /// The check of the new deployment failed; the old one is still current.
    #[error("the check of {name} failed: {how}")]
    CheckFailed {
        /// The name.
        name: DeploymentName,
        /// How it ended.
        how: String,
    },
    /// The runtime did not start the check of the new deployment; the old one is still current.
    #[error("the check of {name} was not started; the runtime said: {said}")]
    CheckNotStarted {
        /// The name.
        name: DeploymentName,
        /// The end of what the runtime printed.
        said: String,
    },
    /// No program that starts containers was found.
    #[error("no OCI runtime is on PATH: neither {}", super::runtime::USUAL.join(" nor "))]
    NoRuntime,
    /// The runtime could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Runtime {
        /// The runtime's program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl From<UnpackError> for DeployError {
    fn from(error: UnpackError) -> Self {
        DeployError::Unpack(Box::new(error))
    }
}

impl From<DeployError> for Reason {
    fn from(error: DeployError) -> Self {
        let (problem, cause) = (error.to_string(), error.cause());
        Reason { problem, cause, remedy: error.remedy(), hint: error.hint() }
    }
}

impl From<StoreError> for DeployError {
    fn from(error: StoreError) -> Self {
        DeployError::Store(Box::new(error))
    }
}

impl DeployError {
    /// Makes an error of an I/O error: `.map_err(DeployError::io("write", path))`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| DeployError::Io { action, path, source }
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            DeployError::NoDefaultPath => Cause::NoFile,
            DeployError::Io { source, .. } | DeployError::Runtime { source, .. } => {
                Cause::of_io(source)
            }
            DeployError::Store(error) => error.cause(),
            DeployError::Unpack(error) => error.cause(),
            DeployError::Foreign { .. } => Cause::Permission,
            DeployError::DamagedRecord { .. } | DeployError::Incomplete { .. } => Cause::Disk,
            DeployError::InUse(_) | DeployError::Running { .. } | DeployError::Held { .. } => {
                Cause::InUse
            }
            DeployError::NotDeployed(_) | DeployError::NoDeployment { .. } => Cause::Missing,
            DeployError::CheckFailed { .. } | DeployError::CheckNotStarted { .. } => Cause::Refused,
            DeployError::NoRuntime | DeployError::OutOfReach { .. } => Cause::NoFile,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if one is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            DeployError::NoDefaultPath => Some(Remedy::NameDeployments),
            DeployError::Store(error) => error.remedy(),
            DeployError::Unpack(error) => error.remedy(),
            DeployError::NotDeployed(_) | DeployError::NoDeployment { .. } => {
                Some(Remedy::ListDeployments)
            }
            DeployError::CheckFailed { .. } => Some(Remedy::OldOneStays),
            DeployError::CheckNotStarted { .. } => Some(Remedy::MendRuntime),
            DeployError::NoRuntime => Some(Remedy::InstallRuntime),
            DeployError::OutOfReach { .. } => Some(Remedy::MountOrForget),
            DeployError::InUse(_) => Some(Remedy::WaitForDeploy),
            DeployError::Running { .. } => Some(Remedy::EndContainers),
            DeployError::Held { .. } => Some(Remedy::WaitForVerify),
            DeployError::Foreign { .. } => Some(Remedy::OwnDeployments),
            DeployError::DamagedRecord { .. } | DeployError::Incomplete { .. } => {
                Some(Remedy::RepairStore)
            }
            DeployError::Io { .. } | DeployError::Runtime { .. } => None,
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            DeployError::Store(error) => error.hint(),
            DeployError::Unpack(error) => error.hint(),
            _ => None,
        }
    }
}
