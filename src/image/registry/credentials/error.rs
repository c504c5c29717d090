//! What can go wrong with credentials. No text quotes a file or a helper's secrets.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::output::OutputError;
use crate::{Cause, Remedy};

/// Why credentials could not be looked up, kept or forgotten.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file with credentials could not be read.
    #[error("cannot read the credentials in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// A file with credentials makes no sense.
    #[error("the credentials in {} make no sense: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// In what way; never quotes the file.
        reason: String,
    },
    /// A credential helper failed.
    #[error("the credential helper docker-credential-{name} failed: {reason}")]
    Helper {
        /// The helper's name.
        name: String,
        /// The reason.
        reason: String,
    },
    /// There is no usual file for credentials: the user has no home folder.
    #[error("there is no file to keep credentials in")]
    NoFile,
    /// A file with credentials could not be written.
    #[error("cannot keep credentials: {0}")]
    Unwritable(Arc<OutputError>),
    /// The logins that a helper keeps are for whole registries.
    #[error("docker-credential-{helper} keeps the logins of {host}, and none of a namespace in it")]
    Namespace {
        /// The helper's name.
        helper: String,
        /// The registry.
        host: String,
    },
    /// There is nothing to forget.
    #[error("{} has no login for {key}", path.display())]
    NotLoggedIn {
        /// The file that was looked into.
        path: PathBuf,
        /// The registry, or a namespace in it.
        key: String,
        /// Another file that has one.
        elsewhere: Option<PathBuf>,
    },
}

impl CredentialsError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            CredentialsError::Unreadable { .. }
            | CredentialsError::Malformed { .. }
            | CredentialsError::Helper { .. } => Cause::Credentials,
            CredentialsError::NoFile | CredentialsError::Namespace { .. } => Cause::Usage,
            CredentialsError::Unwritable(error) => error.cause(),
            CredentialsError::NotLoggedIn { .. } => Cause::Missing,
        }
    }

    /// Returns the remedy, if it is more than a text.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            CredentialsError::Unreadable { .. } => Some(Remedy::CheckCredentialsFile),
            CredentialsError::NoFile => Some(Remedy::NameCredentialsFile),
            CredentialsError::NotLoggedIn { elsewhere: None, .. } => {
                Some(Remedy::NameCredentialsFile)
            }
            _ => None,
        }
    }

    /// Returns what a user can do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            CredentialsError::Unreadable { .. } | CredentialsError::NoFile => return None,
            CredentialsError::Malformed { .. } => {
                "mend the file, or move it away and log in again to have a new one written"
            }
            CredentialsError::Helper { .. } => {
                "try the helper by hand, or take it out of the file and log in again"
            }
            CredentialsError::Unwritable(error) => return error.hint(),
            CredentialsError::Namespace { .. } => "log in to the whole registry",
            CredentialsError::NotLoggedIn { elsewhere, .. } => {
                let other = elsewhere.as_ref()?.display();
                return Some(format!("{other} has one: log out with that file"));
            }
        };
        Some(hint.to_owned())
    }
}
