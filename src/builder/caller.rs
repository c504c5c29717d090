//! Somebody who may build for a fleet.

use crate::release::ReleaseSettings;
use crate::release::rows::{ApiVersion, BuildFleet};

/// Somebody who may build for a fleet, as the API says.
pub(super) struct Caller {
    pub(super) user: String,
    pub(super) fleet: BuildFleet,
    /// The installation, with the caller's own token.
    pub(super) installation: ReleaseSettings,
    /// The version of its API.
    pub(super) version: ApiVersion,
}
