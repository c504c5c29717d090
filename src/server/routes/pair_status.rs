//! What is told about a delta: by the status, by the answer to a request for many, and by events.
//! How that is written is the API's ([`PairStatus`]).

use super::answer::Answer;
use super::service::Service;
use crate::api::{PairState, PairStatus};
use crate::server::build::{Built, BuiltPlace};
use crate::server::jobs::{JobState, JobStatus};
use crate::server::pair::Pair;

impl PairStatus {
    /// What the jobs know of a pair.
    pub(super) fn now(service: &Service, pair: &Pair) -> Self {
        Self::told(service, pair, service.jobs.status(pair).as_ref())
    }

    /// The same of a status that is at hand; none: nobody asked.
    pub(super) fn told(service: &Service, pair: &Pair, status: Option<&JobStatus>) -> Self {
        let known = PairStatus {
            format: pair.format.name().to_owned(),
            source: Some(pair.source.to_string()),
            target: Some(pair.target.to_string()),
            ..Self::default()
        };
        let Some(status) = status else { return known };
        let told = PairStatus {
            status: status.state.into(),
            reason: status.reason().map(str::to_owned),
            position: status.position,
            stage: status.stage.map(|stage| stage.name().to_owned()),
            percent: status.percent,
            ..known
        };
        match &status.built {
            Some(built) => told.built(service, pair, built),
            None => told,
        }
    }

    /// The same with what is known of the delta itself.
    pub(super) fn built(self, service: &Service, pair: &Pair, built: &Built) -> Self {
        PairStatus {
            name: name(service, pair, built),
            size: Some(built.bytes),
            pull_size: built.pull_bytes,
            commands: Some(built.commands),
            seconds: Some(built.seconds),
            ..self
        }
    }

    /// A pair that was not even queued or looked for: it failed, or nobody can say at the moment.
    pub(super) fn refused(answer: &Answer) -> Self {
        let status = match answer {
            Answer::QueueFull
            | Answer::RegistryAway
            | Answer::RegistryGone
            | Answer::DatabaseAway
            | Answer::Stopping
            | Answer::StillBuilding => PairState::Unknown,
            _ => PairState::Failed,
        };
        PairStatus { status, reason: Some(answer.text()), ..Self::default() }
    }

    /// The same, with what was asked for.
    pub(super) fn of(self, format: &str, src: &str, dest: &str) -> Self {
        PairStatus { format: format.to_owned(), src: src.to_owned(), dest: dest.to_owned(), ..self }
    }
}

impl From<JobState> for PairState {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Pending => PairState::Pending,
            JobState::Preparing => PairState::Preparing,
            JobState::Ready => PairState::Ready,
            JobState::Failed => PairState::Failed,
        }
    }
}

/// What devices are told to pull.
fn name(service: &Service, pair: &Pair, built: &Built) -> Option<String> {
    match &built.place {
        BuiltPlace::Tag { tag, .. } => Some(service.images.name(&pair.target.repository, tag)),
        BuiltPlace::File { .. } | BuiltPlace::NotWorth => None,
    }
}
