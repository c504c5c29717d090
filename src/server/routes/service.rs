//! What handlers work with.

use std::sync::Arc;

use crate::server::access::{DownloadSigner, Guard};
use crate::server::artifacts::Artifacts;
use crate::server::housekeeping::Housekeeping;
use crate::server::images::{Images, Insights};
use crate::server::jobs::Jobs;
use crate::server::metrics::Metrics;
use crate::server::page::{SessionKey, Streams};
use crate::server::settings::ServerSettings;
use crate::serving::Door;

/// The server's parts, shared by all requests.
pub(crate) struct Service {
    pub(crate) settings: ServerSettings,
    pub(crate) guard: Guard,
    pub(crate) signer: DownloadSigner,
    pub(crate) session_key: SessionKey,
    pub(crate) streams: Streams,
    pub(crate) images: Images,
    pub(crate) insights: Insights,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) housekeeping: Arc<Housekeeping>,
    pub(crate) metrics: Metrics,
    pub(crate) door: Door,
}

impl Service {
    /// The registry's name.
    pub(crate) fn registry(&self) -> &str {
        &self.settings.registry.host
    }
}
