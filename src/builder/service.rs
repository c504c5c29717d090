//! What handlers and builds work with.

use std::sync::Arc;

use super::crowd::Crowd;
use super::engine::Engines;
use super::journal::Journal;
use super::metrics::Metrics;
use super::running::Running;
use super::settings::BuilderSettings;
use crate::api::Secret;
use crate::release::ReleaseSettings;
use crate::serving::{Door, FolderLock};

/// The builder's parts, shared by all requests.
pub(super) struct Service {
    pub(super) settings: BuilderSettings,
    pub(super) door: Door,
    pub(super) engines: Engines,
    pub(super) crowd: Arc<Crowd>,
    pub(super) running: Arc<Running>,
    pub(super) journal: Journal,
    pub(super) metrics: Metrics,
    pub(super) _lock: FolderLock,
}

impl Service {
    /// The installation, as whoever has `token` uses it.
    pub(super) fn installation(&self, token: Secret) -> ReleaseSettings {
        let installation = &self.settings.installation;
        let delta_server = installation.delta_server.as_deref().unwrap_or_default();
        ReleaseSettings::new(&installation.api, delta_server, token).changed(|settings| {
            settings.ca_file = installation.ca_file.clone();
            settings.plain_http = installation.plain_http;
        })
    }
}
