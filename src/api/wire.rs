//! What requests and answers hold. Field names are what builders and pages read; they stay.

use serde::{Deserialize, Serialize};

/// A list of deltas that are to be made, or that somebody asks after.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Pairs {
    /// The pairs.
    pub(crate) pairs: Vec<WantedPair>,
    /// Whose turn they take [default: each its target repository's]. The builder alone can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fleet: Option<String>,
    /// Tokens beside the one in the header, where that one does not permit all pairs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tokens: Vec<String>,
}

/// A delta that is to be made, or that somebody asks after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = PreparePair))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WantedPair {
    /// The image that devices have.
    pub src: String,
    /// The image that they are to get.
    pub dest: String,
    /// The format, as `--format` takes it [default: v3].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

impl WantedPair {
    /// The usual delta from `src` to `dest`.
    pub fn new(src: &str, dest: &str) -> Self {
        WantedPair { src: src.to_owned(), dest: dest.to_owned(), format: None }
    }
}

/// What has become of the pairs, in their order.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct Listed {
    pub(crate) pairs: Vec<PairStatus>,
}

/// How it stands with a delta.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PairState {
    /// Nobody asked for it yet, it was forgotten, or it could not be asked for; then there is a reason.
    #[default]
    Unknown,
    /// The delta waits for its turn, for memory, or for the registry to come back.
    Pending,
    /// The delta is being made.
    Preparing,
    /// The delta is there, or is not worth it.
    Ready,
    /// The delta cannot be made.
    Failed,
}

/// The state of a delta, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct PairStatus {
    /// The image that devices have, as it was asked for; not in events.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub src: String,
    /// The image that they are to get, as it was asked for; not in events.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dest: String,
    /// The format, as `--format` takes it.
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
    /// The bytes that a device downloads: of a v2 delta its file, of others the blobs that make layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The bytes that a device would download without the delta.
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
    /// The stage of the work: `fetch`, `index`, `encode`, `verify` or `push`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// How far that is altogether, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

impl PairStatus {
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

/// The deltas between two images that are ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Deltas {
    /// The bytes that a host with `src` downloads without a delta, if a delta was made that knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_size: Option<u64>,
    /// The deltas, the smallest first.
    pub deltas: Vec<ReadyDelta>,
    /// The deltas that are being made, or wait for their turn.
    #[serde(default)]
    pub coming: Vec<ComingDelta>,
    /// The deltas that cannot be made, or are not worth it.
    #[serde(default)]
    pub refused: Vec<RefusedDelta>,
}

/// A delta that is being made, or waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ComingDelta {
    /// The format, as `--format` takes it.
    pub format: String,
    /// `pending` or `preparing`.
    pub status: PairState,
    /// How many deltas are before it in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The stage of the work: `fetch`, `index`, `encode`, `verify` or `push`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// How far that is altogether, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Why it was put off the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A delta that cannot be made, or is not worth it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RefusedDelta {
    /// The format, as `--format` takes it.
    pub format: String,
    /// Why.
    pub reason: String,
}

/// A delta that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ReadyDelta {
    /// The format, as `--format` takes it.
    pub format: String,
    /// The reference of the delta.
    pub name: String,
    /// The bytes that a host downloads: those of the blobs that make layers.
    pub size: u64,
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
