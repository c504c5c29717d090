//! What a person sees while deltas are made elsewhere.

use remora::api::{PairState, PairStatus};

use super::line::{line, work};
use crate::cli::progress::Tally;
use crate::cli::session::Session;

/// Percent of all pairs together with what is done now, and a line for each pair that is done.
pub(super) struct Board<'a> {
    session: &'a Session,
    tally: Tally,
    shown: Vec<(u64, bool)>,
}

impl<'a> Board<'a> {
    pub(super) fn new(session: &'a Session, pairs: usize) -> Self {
        let tally = session.tally("prepare", pairs as u64 * 100);
        Board { session, tally, shown: vec![(0, false); pairs] }
    }

    /// Notes what has become of pair number `index`.
    pub(super) fn show(&mut self, index: usize, status: &PairStatus) {
        let percent = match status.status {
            PairState::Ready | PairState::Failed => 100,
            _ => status.percent.map_or(0, u64::from),
        };
        let (before, told) = &mut self.shown[index];
        // A delta that is begun anew does not move the bar back.
        let more = percent.saturating_sub(*before);
        *before = percent.max(*before);
        if status.is_done() && !std::mem::replace(told, true) {
            self.session.progress().note(&line(status));
        }
        let done = self.shown.iter().filter(|(_, told)| *told).count();
        let words = format!("{done} of {} done; {}", self.shown.len(), work(status));
        self.tally.advance(more, &words);
    }
}
