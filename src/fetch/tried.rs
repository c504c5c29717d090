//! What a pull has tried in vain, which its next plan leaves out.

use super::FetchError;
use super::failed::Failed;
use crate::Cause;
use crate::apply::LayerDeltas;
use crate::image::{Digest, RegistryReference};
use crate::progress::Progress;

/// Deltas that are tried before the layers come as they are.
const MAX_USELESS: usize = 3;

/// How often a plan is made anew because a stored layer that it counted on was damaged, and has been dropped.
const MAX_DAMAGED: usize = 4;

/// The delta of a plan.
pub(super) enum TriedDelta<'a> {
    /// It was found, and others may do.
    Found(&'a LayerDeltas),
    /// It was named itself.
    Named(&'a LayerDeltas),
}

/// What was tried.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// The deltas that were of no use, by the digests of their manifests.
    useless: Vec<Digest>,
    /// The deltas that broke off on their way, and may be taken up once.
    broken_off: Vec<Digest>,
    /// The candidates that could not be looked at in time.
    pub(super) unseen: Vec<RegistryReference>,
    /// Damaged layers that were met.
    damaged: usize,
}

impl Tried {
    /// Whether so many deltas were of no use that no more are tried.
    pub(super) fn is_enough(&self) -> bool {
        self.useless.len() >= MAX_USELESS
    }

    /// Whether `delta` was of no use.
    pub(super) fn has(&self, delta: &LayerDeltas) -> bool {
        self.useless.contains(&delta.digest())
    }

    /// Learns from the failure of a plan by `delta`, of whose blobs some bytes `came`, unless that ends the pull.
    ///
    /// # Errors
    /// The failure, if another plan would fail in the same way.
    pub(super) fn learn(
        &mut self,
        delta: Option<TriedDelta<'_>>,
        failed: Failed,
        came: bool,
        progress: &dyn Progress,
    ) -> Result<(), FetchError> {
        let Failed { error, by_delta } = failed;
        if error.cause() == Cause::DamagedLayer && self.damaged < MAX_DAMAGED {
            self.damaged += 1;
            progress.note(&format!("{error}; looking for another way"));
            return Ok(());
        }
        if !by_delta || !may_be_the_deltas_fault(error.cause()) {
            return Err(error);
        }
        match delta {
            Some(TriedDelta::Found(delta)) => self.give_up(delta, &error, came, progress),
            Some(TriedDelta::Named(delta)) => return Err(error.of_named_delta(delta)),
            None => return Err(error),
        }
        Ok(())
    }

    fn give_up(
        &mut self,
        delta: &LayerDeltas,
        error: &FetchError,
        came: bool,
        progress: &dyn Progress,
    ) {
        let (name, digest) = (delta.image().reference(), delta.digest());
        let broke_off = error.cause() == Cause::Unreachable && came;
        if broke_off && !self.broken_off.contains(&digest) {
            progress.note(&format!("taking up the delta {name} once more: {error}"));
            self.broken_off.push(digest);
            return;
        }
        progress.note(&format!("going on without the delta {name}: {error}"));
        self.useless.push(digest);
    }
}

/// Whether another way, without the delta, may do: it takes less memory too. If the network is to blame, the next plan's
/// questions show it.
fn may_be_the_deltas_fault(cause: Cause) -> bool {
    cause.is_of_content_or_place() || cause == Cause::Resources
}
