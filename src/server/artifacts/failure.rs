//! What the place of the files says when something can't be done.

use crate::server::ServerError;
use crate::server::bucket::reason;

/// An error of the place, without what it says of URLs.
pub(super) fn failure(action: &'static str, error: &object_store::Error) -> ServerError {
    tracing::debug!("{action} v2 deltas: {error:?}");
    ServerError::Artifacts { action, reason: reason(error) }
}
