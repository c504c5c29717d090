//! What can go wrong with engines.

use std::io;
use std::time::Duration;

use crate::engine::{AddressError, CertificatesError};
use crate::{Cause, ErrorKind};

/// An engine that can't be used now, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// The engine's address.
    pub engine: String,
    /// The reason.
    pub reason: String,
}

/// Why an engine does not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A text names no engine.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No engine is set.
    #[error("no engine is set: name one for amd64 or arm64")]
    NoEngines,
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(&'static str),
    /// A certificate or key can't be used.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// No engine that could build can be reached.
    #[error("no engine can be reached: {}", told(.0))]
    AllAway(Vec<Away>),
    /// So many builds wait that one more is refused.
    #[error("{0} builds wait already")]
    TooManyWaiting(usize),
    /// An engine can't be reached.
    #[error("cannot reach the engine {engine}: {reason}")]
    Unreachable {
        /// The engine.
        engine: String,
        /// Why not.
        reason: String,
    },
    /// An engine and this client don't trust each other.
    #[error("no trust between this builder and the engine {engine}: {reason}")]
    Tls {
        /// The engine.
        engine: String,
        /// Why not.
        reason: String,
    },
    /// An engine says nothing.
    #[error("the engine {engine} says nothing for {} s", after.as_secs())]
    Silent {
        /// The engine.
        engine: String,
        /// How long was waited.
        after: Duration,
    },
    /// An engine refuses a call.
    #[error("the engine {engine} answered {status}: {message}")]
    Answer {
        /// The engine.
        engine: String,
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// An engine's answer makes no sense.
    #[error("the engine {engine} answers what makes no sense: {reason}")]
    Protocol {
        /// The engine.
        engine: String,
        /// The reason.
        reason: String,
    },
    /// An engine went away while it worked.
    #[error("the engine {engine} went away while it worked: {reason}")]
    Lost {
        /// The engine.
        engine: String,
        /// How that showed.
        reason: String,
    },
    /// A build failed.
    #[error("{message}")]
    Failed {
        /// The engine's words.
        message: String,
        /// The exit code of a command that failed.
        code: Option<i64>,
    },
    /// A build takes too long.
    #[error("the build takes longer than {} minutes", limit.as_secs() / 60)]
    TooLong {
        /// The limit.
        limit: Duration,
    },
    /// The build's files can't be read.
    #[error("cannot read the files of the build: {0}")]
    Context(io::Error),
    /// The image is for other processors.
    #[error(
        "built for {built}, the fleet's devices are {wanted}: use a base image that is made for {wanted}"
    )]
    WrongArchitecture {
        /// The image's architecture.
        built: String,
        /// The architecture of the devices.
        wanted: String,
    },
    /// An engine can't run the programs of another processor.
    #[error(
        "the engine {engine} cannot run programs for {platform} (exec format error): \
         its host has no emulation; register a static QEMU with binfmt_misc and the flag F there, \
         or use an engine of that architecture"
    )]
    NoEmulation {
        /// The engine.
        engine: String,
        /// The platform of the build.
        platform: String,
    },
    /// The image of a build is gone from the engine.
    #[error(
        "somebody removed the image from the engine {engine} while it was built or pushed: push again"
    )]
    Vanished {
        /// The engine.
        engine: String,
    },
    /// A push failed.
    #[error("the engine {engine} cannot push {location}: {message}")]
    Push {
        /// The engine.
        engine: String,
        /// Where to.
        location: String,
        /// The engine's words.
        message: String,
    },
}

impl EngineError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            EngineError::Address(_) | EngineError::NoEngines | EngineError::Setting(_) => {
                Cause::Usage
            }
            EngineError::Certificates(_) => Cause::Credentials,
            EngineError::AllAway(_)
            | EngineError::Unreachable { .. }
            | EngineError::Lost { .. } => Cause::Unreachable,
            EngineError::Tls { .. } => Cause::Tls,
            EngineError::TooManyWaiting(_) | EngineError::Vanished { .. } => Cause::Passing,
            EngineError::Silent { .. } | EngineError::TooLong { .. } => Cause::Timeout,
            EngineError::Protocol { .. } => Cause::Protocol,
            EngineError::Context(error) => Cause::of_io(error),
            EngineError::Failed { .. }
            | EngineError::WrongArchitecture { .. }
            | EngineError::NoEmulation { .. } => Cause::Content,
            EngineError::Push { .. } => Cause::Refused,
            EngineError::Answer { status, .. } => match status {
                404 => Cause::Missing,
                500.. => Cause::Passing,
                _ => Cause::Refused,
            },
        }
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Whether the engine itself is not as it should be, so that another may do better.
    pub(super) fn is_the_engines(&self) -> bool {
        matches!(
            self,
            EngineError::Unreachable { .. }
                | EngineError::Tls { .. }
                | EngineError::Silent { .. }
                | EngineError::Lost { .. }
                | EngineError::Protocol { .. }
        )
    }
}

fn told(engines: &[Away]) -> String {
    let told = engines.iter().map(|away| format!("{} ({})", away.engine, away.reason));
    told.collect::<Vec<_>>().join(", ")
}
