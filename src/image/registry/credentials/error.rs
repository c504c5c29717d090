//! What can go wrong while credentials are looked up.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why credentials could not be looked up.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file with credentials could not be read.
    #[error("cannot read the credentials in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
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
        /// Its name.
        name: String,
        /// What happened.
        reason: String,
    },
}

impl CredentialsError {
    /// What a user can do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            CredentialsError::Unreadable { .. } => return None,
            CredentialsError::Malformed { .. } => "log in again to have the file written anew",
            CredentialsError::Helper { .. } => "try the helper by hand, or log in without it",
        };
        Some(hint.to_owned())
    }
}
