//! What a person sees while deltas are made elsewhere.

use remora::api::{PairState, PairStatus};

use super::line::work;
use crate::cli::progress::Tally;
use crate::cli::session::Session;

/// Percent of all pairs together, with how many are done and what is done now. The answer, which comes when all are done,
/// says of each what has become of it.
pub(super) struct Board {
    tally: Tally,
    shown: Vec<Shown>,
}

/// What was shown of a pair.
#[derive(Clone, Copy, Default)]
struct Shown {
    percent: u64,
    end: Option<PairState>,
}

impl Board {
    pub(super) fn new(session: &Session, pairs: usize) -> Self {
        let tally = session.tally("prepare", pairs as u64 * 100);
        Board { tally, shown: vec![Shown::default(); pairs] }
    }

    /// Notes what has become of pair number `index`.
    pub(super) fn show(&mut self, index: usize, status: &PairStatus) {
        let percent = match status.is_done() {
            true => 100,
            false => status.percent.map_or(0, u64::from),
        };
        let shown = &mut self.shown[index];
        // A delta that is begun anew does not move the bar back.
        let more = percent.saturating_sub(shown.percent);
        shown.percent = percent.max(shown.percent);
        shown.end = status.is_done().then_some(status.status);
        let words = format!("{}; {}", counted(&self.shown), work(status));
        self.tally.advance(more, &words);
    }
}

/// How many pairs are done, and how many of them in vain.
fn counted(shown: &[Shown]) -> String {
    let done = shown.iter().filter(|pair| pair.end.is_some()).count();
    let failed = shown.iter().filter(|pair| pair.end == Some(PairState::Failed)).count();
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    format!("{done} of {} done{failed}", shown.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_told_before_the_end() {
        let pair = |end| Shown { percent: 0, end };
        let mut pairs = [pair(None), pair(Some(PairState::Ready)), pair(None)];
        assert_eq!(counted(&pairs), "1 of 3 done");
        pairs[2] = pair(Some(PairState::Failed));
        assert_eq!(counted(&pairs), "2 of 3 done, 1 failed");
    }
}
