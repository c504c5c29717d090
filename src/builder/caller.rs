//! Somebody who may build for a fleet.

use crate::release::ReleaseSettings;
use crate::release::rows::BuildFleet;

/// Somebody who may build for a fleet, as the API says.
pub(super) struct Caller {
    pub(super) user: String,
    pub(super) fleet: BuildFleet,
    /// The installation, with the caller's own token.
    pub(super) installation: ReleaseSettings,
}
