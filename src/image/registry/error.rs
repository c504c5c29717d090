//! What can go wrong between here and a registry. No text contains a secret: URLs of storage
//! back ends and upload sessions carry signatures, so only hosts are named.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::StatusCode;

use super::CredentialsError;
use super::limits::MAX_MESSAGE_CHARS;
use crate::image::Digest;
use crate::{Cause, Remedy};

/// Why a registry did not give or take something.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The HTTP client could not be set up.
    #[error("cannot set up the connection to registries: {0}")]
    Setup(String),
    /// No answer, or one that was cut off.
    #[error("cannot reach {host}: {reason}")]
    Network {
        /// The registry.
        host: String,
        /// What happened.
        reason: String,
        /// Whether it was about certificates: trying again does not help then.
        tls: bool,
    },
    /// Plain HTTP would be needed and is not allowed.
    #[error("{0} wants to be reached in plain HTTP")]
    PlainHttp(String),
    /// The credentials could not be looked up.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// 401 with the best credentials there are.
    #[error("{place}: {}", if *.known { "the credentials are not accepted for this" } else { "authentication is required" })]
    Unauthorized {
        /// Registry and repository.
        place: String,
        /// Whether there were credentials for it.
        known: bool,
    },
    /// 403.
    #[error("{place}: access denied{message}")]
    Denied {
        /// Registry and repository.
        place: String,
        /// What the registry says, after a colon.
        message: String,
    },
    /// The registry asks for a longer pause than is sensible.
    #[error("{host} asks to come back in {seconds} s (status {status})")]
    Busy {
        /// The registry.
        host: String,
        /// The HTTP status, usually 429.
        status: u16,
        /// How long it wants to be left alone.
        seconds: u64,
    },
    /// Any other status that is no success.
    #[error("{place}: the registry answered {status} to {action}{message}")]
    Status {
        /// Registry and repository.
        place: String,
        /// The HTTP status.
        status: u16,
        /// What was asked.
        action: &'static str,
        /// What the registry says, after a colon.
        message: String,
    },
    /// A blob that the manifest names is not there.
    #[error("{place} does not have the blob {digest}{}", if *.foreign { ", a foreign layer" } else { "" })]
    NoBlob {
        /// Registry and repository.
        place: String,
        /// The blob.
        digest: Digest,
        /// Whether it is a foreign layer, kept elsewhere.
        foreign: bool,
    },
    /// The registry does not keep to the protocol.
    #[error("{place}: the registry's answer makes no sense: {problem}")]
    Protocol {
        /// Registry and repository.
        place: String,
        /// In what way.
        problem: String,
    },
}

/// Statuses that a registry answers with to the parts of a push when blobs have vanished meanwhile.
const LOST_UPLOAD: [u16; 3] = [400, 404, 416];

impl RegistryError {
    /// What is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            RegistryError::Setup(_) => Cause::Resources,
            RegistryError::Network { tls: true, .. } | RegistryError::PlainHttp(_) => Cause::Tls,
            RegistryError::Network { tls: false, .. } => Cause::Unreachable,
            RegistryError::Credentials(_) => Cause::Credentials,
            RegistryError::Unauthorized { .. } => Cause::Unauthorized,
            RegistryError::Denied { .. } => Cause::Denied,
            RegistryError::Busy { .. } => Cause::RateLimited,
            RegistryError::Status { status, .. } => status_cause(*status),
            RegistryError::NoBlob { .. } => Cause::MissingBlob,
            RegistryError::Protocol { .. } => Cause::Protocol,
        }
    }

    pub(in crate::image) fn may_be_lost_upload(&self) -> bool {
        matches!(self, RegistryError::Status { status, .. } if LOST_UPLOAD.contains(status))
    }

    pub(in crate::image) fn asked_pause(&self) -> Option<Duration> {
        match self {
            RegistryError::Busy { seconds, .. } => Some(Duration::from_secs(*seconds)),
            _ => None,
        }
    }

    /// What to do about it, where it is more than a text.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            RegistryError::Network { tls: true, .. } => Some(Remedy::TrustAuthority),
            RegistryError::PlainHttp(_) => Some(Remedy::AllowPlainHttp),
            RegistryError::Unauthorized { known: true, .. } => Some(Remedy::OtherCredentials),
            RegistryError::Credentials(CredentialsError::Unreadable { .. }) => {
                Some(Remedy::CheckCredentialsFile)
            }
            _ => None,
        }
    }

    /// What a user can do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            RegistryError::Network { tls: false, .. } => {
                "check the registry's name and the network"
            }
            RegistryError::Credentials(error) => return error.hint(),
            RegistryError::Unauthorized { known: false, .. } => {
                "check the name, and log in with skopeo login, podman login or docker login"
            }
            RegistryError::Denied { .. } => {
                "check that these credentials may do this in that repository"
            }
            RegistryError::NoBlob { foreign: true, .. } => {
                "push the image with its foreign layers: their URLs are never followed"
            }
            RegistryError::NoBlob { .. } => "push the image again: the registry lost a part of it",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn network(host: &str, error: reqwest::Error) -> Self {
        let tls = tls_error(&error).is_some_and(|error| !speaks_no_tls(error));
        RegistryError::Network { host: host.to_owned(), reason: root_cause(error), tls }
    }

    pub(super) fn silence(host: &str, time: Duration) -> Self {
        RegistryError::Network {
            host: host.to_owned(),
            reason: format!("no sign of life for {} s", time.as_secs()),
            tls: false,
        }
    }

    /// Whether the same request may succeed a moment later.
    pub(super) fn may_retry(&self) -> bool {
        match self {
            RegistryError::Network { tls, .. } => !tls,
            RegistryError::Status { status, .. } => {
                StatusCode::from_u16(*status).is_ok_and(is_passing)
            }
            _ => false,
        }
    }
}

/// What a status means that has no error of its own.
fn status_cause(status: u16) -> Cause {
    match status {
        429 => Cause::RateLimited,
        // Timeout, conflict with another push, too early.
        408 | 409 | 425 => Cause::Passing,
        // What a cache that only reads answers to a push, where it does not say 405.
        400..=499 | 501 => Cause::Refused,
        _ => Cause::Passing,
    }
}

/// Whether a status tells of a state that passes.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status.is_server_error()
            && status != StatusCode::NOT_IMPLEMENTED
            && status != StatusCode::HTTP_VERSION_NOT_SUPPORTED)
}

/// The TLS error inside a request's error, if that is what it is.
pub(super) fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(error);
        }
        // An I/O error that wraps another hides it: its source is the wrapped one's source.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        if let Some(error) = wrapped.and_then(|error| error.downcast_ref::<rustls::Error>()) {
            return Some(error);
        }
        cause = wrapped.map(|error| error as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// Whether the other side answered in something that is not TLS at all.
pub(super) fn speaks_no_tls(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidMessage(_))
}

/// The innermost cause, which is the one that tells; the outer ones say only "error sending request".
fn root_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn StdError = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    printable(&cause.to_string())
}

/// What the registry says, cut to a length and without control characters, after a colon.
pub(super) fn message(body: &[u8]) -> String {
    let envelope: Result<oci_client::errors::OciEnvelope, _> = serde_json::from_slice(body);
    let text = match envelope {
        Ok(envelope) => {
            let messages = envelope.errors.into_iter().map(|error| match error.message.as_str() {
                "" => serde_json::to_string(&error.code).unwrap_or_default(),
                message => message.to_owned(),
            });
            messages.collect::<Vec<_>>().join(", ")
        }
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    if text.is_empty() { text } else { format!(": {}", printable(&text)) }
}

fn printable(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(MAX_MESSAGE_CHARS).collect()
}

impl From<RegistryError> for std::io::Error {
    /// For a [`std::io::Read`] that has to report it.
    fn from(error: RegistryError) -> Self {
        crate::image::ImageError::from(error).into()
    }
}
