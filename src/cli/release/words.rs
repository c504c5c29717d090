//! How it stands with a service, in a few words.

use remora::release::{FleetPair, ReleaseSummary, ServiceUpdate, UpdateState};

/// Letters of a commit that tell it from others.
const COMMIT_LETTERS: usize = 8;

/// The state of a delta, as far as words go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) status: UpdateState,
    /// Whether devices have the image.
    unchanged: bool,
    /// The bytes of the delta that is there.
    pub(super) delta_size: Option<u64>,
    position: Option<u64>,
    stage: Option<&'a str>,
    percent: Option<u8>,
}

impl<'a> From<&'a ServiceUpdate> for Standing<'a> {
    fn from(service: &'a ServiceUpdate) -> Self {
        Standing {
            status: service.status,
            unchanged: service.unchanged,
            delta_size: service.target.delta.as_ref().map(|delta| delta.size),
            position: service.position,
            stage: service.stage.as_deref(),
            percent: service.percent,
        }
    }
}

impl<'a> From<&'a FleetPair> for Standing<'a> {
    fn from(pair: &'a FleetPair) -> Self {
        Standing {
            status: pair.status,
            unchanged: pair.unchanged,
            delta_size: pair.delta_size,
            position: pair.position,
            stage: pair.stage.as_deref(),
            percent: pair.percent,
        }
    }
}

impl Standing<'_> {
    /// The state.
    pub(super) fn words(&self) -> String {
        match self.status {
            _ if self.unchanged => "unchanged".to_owned(),
            UpdateState::Ready if self.delta_size.is_none() => "pulled in full".to_owned(),
            UpdateState::Preparing => self.preparing(),
            status => name(status).to_owned(),
        }
    }

    fn preparing(&self) -> String {
        match (self.stage, self.percent, self.position) {
            (Some(stage), Some(percent), _) => format!("{stage} {percent} %"),
            (_, _, Some(0)) => "next in the queue".to_owned(),
            (_, _, Some(before)) => format!("queued, {before} before"),
            _ => name(UpdateState::Preparing).to_owned(),
        }
    }

    /// The same without figures that change at every look.
    pub(super) fn step(&self) -> String {
        match (self.status, self.stage) {
            (UpdateState::Preparing, Some(stage)) => stage.to_owned(),
            (UpdateState::Preparing, None) if self.position.is_some() => "queued".to_owned(),
            _ => self.words(),
        }
    }

    /// How far it is, 0 to 100.
    pub(super) fn percent(&self) -> u64 {
        match self.status {
            UpdateState::Ready | UpdateState::Failed => 100,
            _ => self.percent.map_or(0, u64::from).min(100),
        }
    }

    /// Whether nothing more will become of it.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.status, UpdateState::Ready | UpdateState::Failed)
    }
}

/// A state's name, as in JSON.
pub(super) fn name(state: UpdateState) -> &'static str {
    match state {
        UpdateState::Failed => "failed",
        UpdateState::Pending => "pending",
        UpdateState::Preparing => "preparing",
        UpdateState::Ready => "ready",
        _ => "unknown",
    }
}

/// What becomes of a service.
pub(super) fn change(service: &ServiceUpdate) -> &'static str {
    match &service.source {
        _ if service.unchanged => "unchanged",
        None => "new",
        Some(_) => "changed",
    }
}

/// A release in a line of its own.
pub(super) fn release(release: &ReleaseSummary) -> String {
    let version = release.raw_version.as_deref().unwrap_or("no version");
    let kind = if release.is_final { "" } else { ", a draft" };
    format!("{version} (ID {}, commit {}){kind}", release.id, commit(release))
}

/// A release in a table: its version or, without one, its commit.
pub(super) fn label(release: &ReleaseSummary) -> String {
    release.raw_version.clone().unwrap_or_else(|| commit(release))
}

/// The first letters of a release's commit.
pub(super) fn commit(release: &ReleaseSummary) -> String {
    release.commit.chars().take(COMMIT_LETTERS).collect()
}

/// `1 device`, `2 devices`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", crate::cli::units::count(count)),
    }
}
