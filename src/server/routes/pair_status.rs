//! What is told about a delta: by the status, by the answer to a request for many, and by events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::Answer;
use super::service::Service;
use crate::server::build::{Built, Place};
use crate::server::jobs::{JobState, JobStatus};
use crate::server::pair::Pair;

/// How it stands with a delta.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PairState {
    /// Nobody asked for it yet, or it was forgotten.
    #[default]
    Unknown,
    /// It waits for its turn, for memory, or for the registry to come back.
    Pending,
    /// It is being made.
    Preparing,
    /// It is there, or not worth it.
    Ready,
    /// It cannot be made.
    Failed,
}

/// What is known of a delta.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PairStatus {
    /// The image that devices have, as it was asked for; not in events.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub src: String,
    /// The image that they are to get, as it was asked for; not in events.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dest: String,
    /// `v2` or `v3`.
    pub format: String,
    /// The repository and digest that `src` stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The repository and digest that `dest` stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How it stands.
    pub status: PairState,
    /// The image that devices are told to pull, of a v3 delta that is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What a device downloads, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What it would download without the delta, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_size: Option<u64>,
    /// Commands that the device carries out. 0 of a delta that was found in the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<u64>,
    /// How long it took to make. 0 of a delta that was found in the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Why it failed, or waits, or is not worth it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many deltas are before it in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// What is being done: `fetch`, `index`, `encode`, `verify` or `push`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// How far that is altogether, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

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
        let built = status.built.as_ref();
        PairStatus {
            status: status.state.into(),
            name: built.and_then(|built| name(service, pair, built)),
            size: built.map(|built| built.bytes),
            pull_size: built.and_then(|built| built.pull_bytes),
            commands: built.map(|built| built.commands),
            seconds: built.map(|built| built.seconds),
            reason: status.reason().map(str::to_owned),
            position: status.position,
            stage: status.stage.map(|stage| stage.name().to_owned()),
            percent: status.percent,
            ..known
        }
    }

    /// A pair that was not even queued.
    pub(super) fn refused(answer: &Answer) -> Self {
        let reason = Some(answer.text());
        PairStatus { status: PairState::Failed, reason, ..Self::default() }
    }

    /// The same, with what was asked for.
    pub(super) fn of(self, format: &str, src: &str, dest: &str) -> Self {
        PairStatus { format: format.to_owned(), src: src.to_owned(), dest: dest.to_owned(), ..self }
    }

    /// Whether nothing more will become of it by itself.
    pub fn is_done(&self) -> bool {
        matches!(self.status, PairState::Ready | PairState::Failed)
    }

    /// Whether both are about the delta between the same two images.
    pub(crate) fn is_same_job(&self, other: &PairStatus) -> bool {
        let job =
            |it: &PairStatus| Some((it.source.clone()?, it.target.clone()?, it.format.clone()));
        job(self).is_some_and(|own| job(other) == Some(own))
    }

    /// Takes over what `newer` says, which does not know what was asked for.
    pub(crate) fn take_over(&mut self, newer: &PairStatus) {
        let (src, dest) = (std::mem::take(&mut self.src), std::mem::take(&mut self.dest));
        *self = PairStatus { src, dest, ..newer.clone() };
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
        Place::Tag { tag, .. } => Some(service.images.name(&pair.target.repository, tag)),
        Place::File { .. } | Place::NotWorth => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_json_and_keeps_what_was_asked_for() {
        let asked = PairStatus {
            src: "r/a".into(),
            dest: "r/b".into(),
            format: "v3".into(),
            source: Some("a@1".into()),
            target: Some("b@2".into()),
            ..PairStatus::default()
        };
        let event = PairStatus {
            src: String::new(),
            dest: String::new(),
            status: PairState::Preparing,
            percent: Some(40),
            ..asked.clone()
        };
        let text = serde_json::to_string(&event).expect("plain data");
        let expected =
            r#"{"format":"v3","source":"a@1","target":"b@2","status":"preparing","percent":40}"#;
        assert_eq!(text, expected);
        let read: PairStatus = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read, event);
        let mut status = asked.clone();
        assert!(status.is_same_job(&read) && !PairStatus::default().is_same_job(&read));
        status.take_over(&read);
        assert_eq!(status, PairStatus { status: PairState::Preparing, percent: Some(40), ..asked });
    }
}
