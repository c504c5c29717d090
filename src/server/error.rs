//! What can go wrong with the server itself; what can go wrong with one delta is its job's failure.

use std::io;
use std::path::{Path, PathBuf};

use super::access::AccessError;
use crate::image::ImageError;
use crate::output::OutputError;
use crate::serving::{self, ServingError};
use crate::store::StoreError;
use crate::{Cause, ErrorKind, Remedy};

/// Why the server cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The server cannot be one, whatever it serves.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// The database of the jobs could not be used.
    #[error("cannot {action} the database {}: {reason}", path.display())]
    Database {
        /// The action that failed, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// Whether its tables are of another version.
        is_of_another_version: bool,
    },
    /// The database that servers share could not be used.
    #[error("cannot {action} the database {place}: {reason}")]
    DatabaseServer {
        /// The action that failed, as a verb.
        action: &'static str,
        /// Its host, port and name.
        place: String,
        /// Why not.
        reason: String,
        /// What is to blame.
        cause: Cause,
    },
    /// The address of the database that servers share makes no sense.
    #[error("the address of the database cannot be used: {0}")]
    DatabaseAddress(String),
    /// A file of the server could not be written.
    #[error(transparent)]
    Output(OutputError),
    /// The place of the v2 files could not be used.
    #[error("cannot {action} v2 deltas: {reason}")]
    Artifacts {
        /// The action that failed, as a verb.
        action: &'static str,
        /// Why not.
        reason: String,
    },
    /// The bucket for layers could not be used.
    #[error("cannot {action} the layer cache: {reason}")]
    LayerCache {
        /// The action that failed, as a verb.
        action: &'static str,
        /// Why not.
        reason: String,
    },
    /// The server cannot decide who may use it.
    #[error("{0}")]
    Access(String),
    /// The way to the registry cannot be set up.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The store of layers cannot be used.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The server is about to stop.
    #[error("the server is stopping")]
    Stopping,
}

impl ServerError {
    /// Whether it is trouble with the database that servers share which may pass by itself.
    pub(super) fn is_of_a_shared_database_that_is_away(&self) -> bool {
        let passing = [Cause::Unreachable, Cause::Passing];
        matches!(self, ServerError::DatabaseServer { cause, .. } if passing.contains(cause))
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ServerError::Serving(error) => error.cause(),
            ServerError::Database { .. } | ServerError::Artifacts { .. } => Cause::Disk,
            ServerError::DatabaseServer { cause, .. } => *cause,
            ServerError::Access(_)
            | ServerError::DatabaseAddress(_)
            | ServerError::LayerCache { .. } => Cause::Usage,
            ServerError::Image(error) => error.cause(),
            ServerError::Store(error) => error.cause(),
            ServerError::Output(error) => error.cause(),
            ServerError::Stopping => Cause::Passing,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if a room below knows one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            ServerError::Store(error) => error.remedy(),
            ServerError::Image(error) => error.remedy(),
            ServerError::Access(_) => Some(Remedy::TokenSettings),
            ServerError::Serving(error) => error.remedy(),
            _ => None,
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ServerError::Serving(error) => return error.hint(),
            ServerError::Database { is_of_another_version: true, .. } => {
                "run the newest version of Remora that ran here, or newer".into()
            }
            ServerError::Database { .. } => {
                "see that the disk has room; a damaged database may be deleted: \
                 what was made is found again by its tag, or made again"
                    .into()
            }
            ServerError::DatabaseServer { cause, .. } => database_hint(*cause).into(),
            ServerError::Artifacts { .. } => {
                "see that the folder or bucket for v2 files is there and may be written to".into()
            }
            ServerError::LayerCache { .. } => {
                "write it as s3://BUCKET/PREFIX, and give region, endpoint and credentials in AWS_… variables"
                    .into()
            }
            ServerError::Image(error) => return error.hint(),
            ServerError::Store(error) => return error.hint(),
            ServerError::Output(error) => return error.hint(),
            ServerError::DatabaseAddress(_) => {
                "write it as postgres://USER:PASSWORD@HOST[:PORT]/DATABASE; in a password, what is no \
                 letter or digit is written as % and two hexadecimal digits"
                    .into()
            }
            ServerError::Access(_) | ServerError::Stopping => return None,
        })
    }
}

fn database_hint(cause: Cause) -> &'static str {
    match cause {
        Cause::Unauthorized => "see that the address has the right user and password",
        Cause::Denied => {
            "the user needs a schema called remora: CREATE SCHEMA remora AUTHORIZATION USER"
        }
        Cause::Unreachable => "see that PostgreSQL runs and can be reached from here",
        Cause::Missing => "make the database: CREATE DATABASE NAME OWNER USER",
        Cause::Obstacle => {
            "its schema remora has other tables than this version makes: run the newest version that ran \
             here, or give a database whose schema remora is Remora's alone"
        }
        Cause::Refused => "PostgreSQL 13 or newer is needed",
        Cause::Protocol => {
            "a proxy in front of PostgreSQL must keep sessions (PgBouncer: pool_mode = session)"
        }
        Cause::NoFile => "see that the files which the address names are there and can be read",
        Cause::Tls => "see sslmode and sslrootcert of the address",
        _ => "see that PostgreSQL is version 13 or newer and takes writes; its log says more",
    }
}

impl From<AccessError> for ServerError {
    fn from(error: AccessError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        ServerError::Access(format!("{error}{}", cause.unwrap_or_default()))
    }
}

impl From<ImageError> for ServerError {
    fn from(error: ImageError) -> Self {
        ServerError::Image(Box::new(error))
    }
}

impl From<StoreError> for ServerError {
    fn from(error: StoreError) -> Self {
        ServerError::Store(Box::new(error))
    }
}

/// Makes a [`ServerError`] of an I/O error: `.map_err(io_error("write", path))`.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServerError {
    let error = serving::io_error(action, path);
    move |source| ServerError::Serving(error(source))
}

/// The system refuses what a server needs.
pub(super) fn system_error(error: io::Error) -> ServerError {
    ServerError::Serving(ServingError::System(error))
}
