//! What can go wrong between here and a registry. No text contains a secret: URLs of storage
//! back ends and upload sessions carry signatures, so only hosts are named.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

use super::credentials::CredentialsError;
use super::network_cause::{self, NetworkCause};
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
        /// The reason.
        reason: String,
        /// The cause, as far as it is known.
        cause: NetworkCause,
    },
    /// Plain HTTP would be needed and is not allowed.
    #[error("{0} wants to be reached in plain HTTP")]
    PlainHttp(String),
    /// The certificates that are kept for a registry can't be used.
    #[error("cannot use the certificates in {}: {reason}", path.display())]
    Certificates {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
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
        /// The registry's message, after a colon.
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
        /// The request.
        action: &'static str,
        /// The registry's message, after a colon.
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

/// The request that sends a manifest, as errors name it: another kind of manifest may do where one is refused.
pub(super) const PUSH_MANIFEST: &str = "pushing the manifest";

impl RegistryError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            RegistryError::Setup(_) => Cause::Resources,
            RegistryError::Network {
                cause: NetworkCause::Connection | NetworkCause::UnknownHost,
                ..
            } => Cause::Unreachable,
            RegistryError::Network { .. } | RegistryError::PlainHttp(_) => Cause::Tls,
            RegistryError::Certificates { .. } => Cause::Credentials,
            RegistryError::Credentials(error) => error.cause(),
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

    /// Returns the remedy, if it is more than a text.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            // Whoever left out the host of a name meant another registry, or no registry at all.
            RegistryError::Network { host, cause: NetworkCause::UnknownHost, .. }
                if host == HUB =>
            {
                Some(Remedy::NameRegistry)
            }
            RegistryError::Unauthorized { place, known: false } if is_of_hub(place) => {
                Some(Remedy::NameRegistry)
            }
            RegistryError::Network { cause, .. } => match cause {
                NetworkCause::Connection => None,
                NetworkCause::UnknownHost => Some(Remedy::CheckHostName),
                NetworkCause::NoTls => Some(Remedy::AllowPlainHttp),
                NetworkCause::UnknownAuthority | NetworkCause::Tls => Some(Remedy::TrustAuthority),
                NetworkCause::CertificateTime => Some(Remedy::RenewCertificate),
                NetworkCause::CertificateName => Some(Remedy::NameInCertificate),
                NetworkCause::ClientCertificate => Some(Remedy::ClientCertificate),
            },
            RegistryError::Certificates { .. } => Some(Remedy::ClientCertificate),
            RegistryError::Busy { status: 429, .. } => Some(Remedy::FewerRequests),
            RegistryError::Denied { message, .. } if says_quota(message) => {
                Some(Remedy::RegistrySpace)
            }
            RegistryError::Status { status: 415, action, .. } if *action != PUSH_MANIFEST => None,
            RegistryError::Status { status, message, .. } => status_remedy(*status, message),
            RegistryError::PlainHttp(_) => Some(Remedy::AllowPlainHttp),
            RegistryError::Unauthorized { known: true, .. } => Some(Remedy::OtherCredentials),
            RegistryError::Unauthorized { known: false, .. } => Some(Remedy::LogIn),
            RegistryError::Credentials(error) => error.remedy(),
            _ => None,
        }
    }

    /// Returns what a user can do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            RegistryError::Network { .. } => "check the registry's name and the network",
            RegistryError::Credentials(error) => return error.hint(),
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
        let (cause, reason) = network_cause::explain(error);
        RegistryError::Network { host: host.to_owned(), reason, cause }
    }

    /// A connection to `host` that ended or stands still.
    pub(super) fn connection(host: &str, reason: impl Into<String>) -> Self {
        let (reason, cause) = (reason.into(), NetworkCause::Connection);
        RegistryError::Network { host: host.to_owned(), reason, cause }
    }

    pub(super) fn silence(host: &str, time: Duration) -> Self {
        Self::connection(host, format!("no sign of life for {} s", time.as_secs()))
    }

    /// Whether the same request may succeed a moment later.
    pub(super) fn may_retry(&self) -> bool {
        match self {
            RegistryError::Network { cause, .. } => cause.may_pass(),
            RegistryError::Status { status, .. } => {
                StatusCode::from_u16(*status).is_ok_and(is_passing)
            }
            _ => false,
        }
    }
}

/// Docker Hub, where names without a host are looked for.
const HUB: &str = "docker.io";

fn is_of_hub(place: &str) -> bool {
    place.strip_prefix(HUB).is_some_and(|rest| rest.starts_with('/'))
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

/// What helps against a status, by what stands beside it.
fn status_remedy(status: u16, message: &str) -> Option<Remedy> {
    match status {
        _ if says_quota(message) => Some(Remedy::RegistrySpace),
        413 => Some(Remedy::LargerUploads),
        415 => Some(Remedy::OtherManifestKind),
        429 => Some(Remedy::FewerRequests),
        507 => Some(Remedy::RegistrySpace),
        400 if speaks_tls(message) => Some(Remedy::SpeakTls),
        _ => None,
    }
}

/// Whether a refusal is about room that is used up: the specification has no code for that.
fn says_quota(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["quota", "storage limit", "insufficient storage", "no space left", "upper limit"]
        .iter()
        .any(|text| message.contains(text))
}

/// What Go's and nginx's TLS servers answer to plain HTTP.
fn speaks_tls(message: &str) -> bool {
    ["HTTP request to an HTTPS server", "HTTP request was sent to HTTPS port"]
        .iter()
        .any(|text| message.contains(text))
}

/// Whether a status tells of a state that passes.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status.is_server_error()
            && status != StatusCode::NOT_IMPLEMENTED
            && status != StatusCode::HTTP_VERSION_NOT_SUPPORTED
            && status != StatusCode::INSUFFICIENT_STORAGE)
}
