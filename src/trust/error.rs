//! The failures of this room.

use std::io;
use std::path::PathBuf;

use super::key_problem::KeyProblem;
use crate::image::ImageError;
use crate::quote::quoted;
use crate::{Cause, ErrorKind, Remedy};

/// Why an image is not trusted, or why nobody can tell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A policy or a key cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is no policy.
    #[error("{place} is no policy: {reason}")]
    Policy {
        /// The file.
        place: String,
        /// The problem.
        reason: String,
    },
    /// A key cannot be used.
    #[error("{key} {problem}")]
    Key {
        /// The key's file, or what stands for it.
        key: String,
        /// The problem.
        problem: KeyProblem,
    },
    /// A rule demands what is not known here.
    #[error("{rule} asks for {what}, which is not supported")]
    Unsupported {
        /// The rule that applies to the image.
        rule: String,
        /// The requirement, as policies spell it.
        what: &'static str,
    },
    /// A rule rejects whatever it applies to.
    #[error("{reference} is rejected by {rule}")]
    Rejected {
        /// The image.
        reference: String,
        /// The rule that applies to it.
        rule: String,
    },
    /// There is no signature that a rule accepts.
    #[error("{reference} has no signature that {rule} accepts: {}", told(reasons))]
    NotSigned {
        /// The image.
        reference: String,
        /// The rule that applies to it.
        rule: String,
        /// Why none of the signatures was accepted.
        reasons: Vec<String>,
        /// The remedy, if it is another than a signature.
        remedy: Option<Remedy>,
    },
    /// Signatures cannot be had from where the image is.
    #[error(transparent)]
    Image(Box<ImageError>),
}

impl TrustError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            TrustError::File { source, .. } => Cause::of_io(source),
            TrustError::Policy { .. } | TrustError::Key { .. } | TrustError::Unsupported { .. } => {
                Cause::Usage
            }
            TrustError::Rejected { .. } | TrustError::NotSigned { .. } => Cause::Untrusted,
            TrustError::Image(error) => error.cause(),
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if one is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            TrustError::Image(error) => error.remedy(),
            TrustError::NotSigned { remedy, .. } => *remedy,
            _ => None,
        }
    }

    /// Returns what a user can do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            TrustError::Image(error) => return error.hint(),
            TrustError::Key { problem, .. } => problem.hint(),
            TrustError::Policy { .. } => "containers-policy.json(5) says what policies hold",
            TrustError::Unsupported { .. } => {
                "sigstoreSigned with keyPath or keyData is supported: put such a rule in its place"
            }
            TrustError::Rejected { .. } => {
                "if the image is to be used, add a rule for it to the policy"
            }
            TrustError::NotSigned { .. } => {
                "have the image signed with the key, for instance by cosign, or check which key and name the \
                 rule asks for"
            }
            TrustError::File { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// The failure of a policy at `place`.
    pub(super) fn policy(place: &str, reason: impl ToString) -> Self {
        TrustError::Policy { place: place.to_owned(), reason: reason.to_string() }
    }
}

impl From<ImageError> for TrustError {
    fn from(error: ImageError) -> Self {
        TrustError::Image(Box::new(error))
    }
}

fn told(reasons: &[String]) -> String {
    match reasons {
        [] => "it has none".to_owned(),
        _ => reasons.join("; "),
    }
}

/// A name out of a signature, as errors show it.
pub(super) fn shown(name: &str) -> String {
    quoted(name).to_string()
}
