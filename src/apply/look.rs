//! Looking at what may be deltas.

use super::deadline::{Deadline, PATIENCE};
use super::{ApplyError, LayerDeltas};
use crate::image::{ImageReference, Platform, RegistryReference, Transports};
use crate::progress::Progress;
use crate::store::in_threads;
use crate::{Cause, ErrorKind};

/// What came of a look at a candidate.
pub(crate) enum Look {
    /// It is a delta.
    Delta(Box<LayerDeltas>),
    /// It is anything else, or has gone.
    PassedOver,
    /// Nobody can tell: it did not come.
    Failed,
}

/// Opens the candidates `names`, a few at a time and for a time in all; of an index the delta for `platform`. Returns what
/// came of each.
///
/// # Errors
/// If `progress` stops the work.
pub(crate) fn look_at(
    names: &[RegistryReference],
    transports: &Transports,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Vec<Look>, ApplyError> {
    let deadline = Deadline::after(PATIENCE, progress);
    in_threads(names, |name| look(name, transports, platform, &deadline))
}

fn look(
    reference: &RegistryReference,
    transports: &Transports,
    platform: &Platform,
    deadline: &Deadline<'_>,
) -> Result<Look, ApplyError> {
    let place = ImageReference::Registry(reference.clone());
    let opened = transports.open_any(&place, platform, deadline);
    let read = |opened| LayerDeltas::of(opened, deadline);
    match opened.map_err(ApplyError::from).and_then(read) {
        Ok(delta) => Ok(Look::Delta(Box::new(delta))),
        Err(_) if deadline.is_over() => Ok(Look::Failed),
        Err(error) if error.cause() == Cause::Cancelled => Err(error),
        Err(error) => {
            tracing::info!("{reference} is passed over: {error}");
            let is_none = error.kind() == ErrorKind::Content || is_missing(error.cause());
            Ok(if is_none { Look::PassedOver } else { Look::Failed })
        }
    }
}

fn is_missing(cause: Cause) -> bool {
    matches!(cause, Cause::Missing | Cause::MissingBlob)
}
