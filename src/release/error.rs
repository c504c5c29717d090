//! What can go wrong with releases.

use std::io;
use std::path::PathBuf;

use super::name::ReleaseNameError;
use crate::api::{ApiError, ConnectionError};
use crate::image::ImageError;
use crate::quote::quoted;
use crate::{Cause, ErrorKind, Remedy};

/// Why nothing can be said of an update, or done for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// No token is there to show.
    #[error("not logged in to openBalena")]
    NotLoggedIn,
    /// The session's time is over.
    #[error("the session with openBalena has ended")]
    SessionOver,
    /// The API does not take the token.
    #[error("{api} does not accept the token")]
    TokenRefused {
        /// The API's host, with the port if the URL has one.
        api: String,
    },
    /// The token is not a user's.
    #[error("the token is a {kind}'s; a user's is needed")]
    NotAUser {
        /// Whose it is.
        kind: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A settings file makes no sense.
    #[error("{}: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        reason: String,
    },
    /// A text names no release.
    #[error(transparent)]
    Name(ReleaseNameError),
    /// No such release, or none that this user may see.
    #[error("Release not found: {}", quoted(.0))]
    NoRelease(String),
    /// No such fleet, or none that this user may see.
    #[error("fleet not found: {}", quoted(.0))]
    NoFleet(String),
    /// The fleet's devices have no release that they are to run.
    #[error("the fleet {} tracks no release", quoted(.0))]
    NothingTracked(String),
    /// A name stands for several releases or fleets.
    #[error("{} is ambiguous: {}", quoted(name), choices.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// What the name may mean.
        choices: Vec<String>,
    },
    /// The releases are of two fleets.
    #[error("Source and target release must be from the same application")]
    TwoFleets,
    /// A release was invalidated or failed meanwhile.
    #[error("release {0} has been invalidated or has failed, and is not let out")]
    Withdrawn(u64),
    /// A release stays a draft.
    #[error("release {0} stays a draft: the API does not let this user make it final")]
    NotFinal(u64),
    /// Nobody said where openBalena is.
    #[error("there is no openBalena to ask: no domain is set")]
    NoAddress,
    /// The API or another server's URL is none.
    #[error("{} is not the URL of a server", quoted(.0))]
    Url(String),
    /// The API cannot be reached, or makes no sense.
    #[error("cannot ask openBalena's API at {api}: {reason}")]
    Unreachable {
        /// The API's host, with the port if the URL has one.
        api: String,
        /// The reason.
        reason: String,
    },
    /// The API refuses.
    #[error("openBalena's API at {api} answered {status}: {}", reason.trim())]
    Answer {
        /// The API's host, with the port if the URL has one.
        api: String,
        /// The HTTP status.
        status: u16,
        /// The API's words.
        reason: String,
    },
    /// The delta server could not be asked.
    #[error(transparent)]
    DeltaServer(#[from] ApiError),
    /// An image could not be read.
    #[error(transparent)]
    Image(Box<ImageError>),
}

impl ReleaseError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ReleaseError::NotLoggedIn
            | ReleaseError::SessionOver
            | ReleaseError::TokenRefused { .. }
            | ReleaseError::NotAUser { .. }
            | ReleaseError::Settings { .. }
            | ReleaseError::Name(_)
            | ReleaseError::NoRelease(_)
            | ReleaseError::NoFleet(_)
            | ReleaseError::NothingTracked(_)
            | ReleaseError::Ambiguous { .. }
            | ReleaseError::TwoFleets
            | ReleaseError::NoAddress
            | ReleaseError::Url(_) => Cause::Usage,
            ReleaseError::Withdrawn(_) => Cause::Content,
            ReleaseError::NotFinal(_) => Cause::Denied,
            ReleaseError::File { source, .. } => Cause::of_io(source),
            ReleaseError::Unreachable { .. } => Cause::Unreachable,
            ReleaseError::Answer { status, .. } => match status {
                401 => Cause::Unauthorized,
                403 => Cause::Denied,
                429 => Cause::RateLimited,
                400..500 => Cause::Refused,
                _ => Cause::Passing,
            },
            ReleaseError::DeltaServer(error) => error.cause(),
            ReleaseError::Image(error) => error.cause(),
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if it is more than a text.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            ReleaseError::NotLoggedIn
            | ReleaseError::SessionOver
            | ReleaseError::TokenRefused { .. }
            | ReleaseError::NotAUser { .. } => Some(Remedy::LogInToOpenBalena),
            ReleaseError::NoRelease(_) | ReleaseError::Ambiguous { .. } => {
                Some(Remedy::NameRelease)
            }
            ReleaseError::DeltaServer(error) => error.remedy(),
            ReleaseError::Image(error) => error.remedy(),
            _ => None,
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ReleaseError::File { .. } => "see that the file is there and may be read",
            ReleaseError::Settings { .. } => "mend the file, or move it away",
            ReleaseError::NoFleet(_) => "write the fleet's slug, ORGANISATION/NAME",
            ReleaseError::NothingTracked(_) => "name a release by its ID, commit or version",
            ReleaseError::TwoFleets => "name two releases of one fleet",
            ReleaseError::NoAddress => {
                "set BALENARC_BALENA_URL, balenaUrl in ~/.balenarc.yml, or the API's URL"
            }
            ReleaseError::Url(_) => "write http://HOST[:PORT] or https://HOST[:PORT]",
            ReleaseError::Unreachable { .. } => "check the domain that is set, and the network",
            ReleaseError::DeltaServer(error) => return error.hint(),
            ReleaseError::Image(error) => return error.hint(),
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether the delta server is there and says that it cannot answer at the moment.
    pub(super) fn is_answer_that_may_pass(&self) -> bool {
        matches!(self, ReleaseError::DeltaServer(ApiError::Answer { .. })) && self.may_pass()
    }

    /// Whether the same may succeed a while later though nobody has changed anything.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            ReleaseError::DeltaServer(error) => error.may_pass() || error.cause().may_pass(),
            error => error.cause().may_pass(),
        }
    }
}

impl From<ReleaseNameError> for ReleaseError {
    fn from(error: ReleaseNameError) -> Self {
        ReleaseError::Name(error)
    }
}

impl From<ImageError> for ReleaseError {
    fn from(error: ImageError) -> Self {
        ReleaseError::Image(Box::new(error))
    }
}

impl From<ConnectionError> for ReleaseError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Url(text) => ReleaseError::Url(text),
            ConnectionError::CaFile { path, source } => ReleaseError::File { path, source },
            ConnectionError::System(source) => ReleaseError::DeltaServer(ApiError::System(source)),
            ConnectionError::Unreachable { server, reason }
            | ConnectionError::Nonsense { server, reason } => {
                ReleaseError::Unreachable { api: server, reason }
            }
        }
    }
}
