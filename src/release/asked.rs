//! Deltas that were asked for, and how it stands with each.

use super::delta_server::Wanted;
use super::{Installation, ReleaseError};
use crate::api::{PairState, PairStatus};

/// Deltas that were asked for.
pub(super) struct Asked<'a> {
    wanted: &'a [Wanted<'a>],
    /// How it stands with each.
    pub(super) statuses: Vec<PairStatus>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(wanted: &'a [Wanted<'a>], statuses: Vec<PairStatus>) -> Self {
        Asked { wanted, statuses }
    }

    /// Whether every delta is there or cannot be made.
    pub(super) fn is_done(&self) -> bool {
        self.statuses.iter().all(PairStatus::is_done)
    }

    /// Looks at those that are not done. A delta that the server does not know, because it had no room or
    /// lost it, is asked for again, for `fleet`.
    pub(super) fn look(
        &mut self,
        installation: &mut Installation,
        fleet: &str,
    ) -> Result<(), ReleaseError> {
        let open = self.open(|status| !status.is_done());
        let pairs: Vec<Wanted<'_>> = open.iter().map(|index| self.wanted[*index]).collect();
        for (index, status) in open.into_iter().zip(installation.status(&pairs)?) {
            self.statuses[index] = status;
        }
        let lost = self.open(|status| status.status == PairState::Unknown);
        let pairs: Vec<Wanted<'_>> = lost.iter().map(|index| self.wanted[*index]).collect();
        for (index, status) in lost.into_iter().zip(installation.have_made(&pairs, fleet)?) {
            self.statuses[index] = status;
        }
        Ok(())
    }

    fn open(&self, is_wanted: impl Fn(&PairStatus) -> bool) -> Vec<usize> {
        let all = self.statuses.iter().enumerate();
        all.filter(|(_, status)| is_wanted(status)).map(|(index, _)| index).collect()
    }
}
