//! The ways through a segment that a choice has weighed, and the cheapest of them traced back.

use super::matching::Match;

/// Matches weighed against each other at one byte.
pub(super) const OPEN: usize = 8;
/// The price of what can't be: above any real one, and far enough below the largest number.
pub(super) const UNREACHED: u32 = u32::MAX / 2;

/// How a position is reached in the cheapest way. Small, because there is one for every byte.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    /// Where the cheapest piece of a match that ends here began.
    pub(super) from: u32,
    /// The number of that match, and the flags below.
    pub(super) number: u32,
}

/// To come here in a literal is cheaper.
pub(super) const LITERAL: u32 = 1 << 31;
/// The literal that comes here begins with the byte before.
pub(super) const BEGAN: u32 = 1 << 30;

impl Step {
    fn is(self, flag: u32) -> bool {
        self.number & flag != 0
    }

    fn number(self) -> usize {
        (self.number & (BEGAN - 1)) as usize
    }
}

/// Memory to remember steps in.
#[derive(Default)]
pub(super) struct Ways(pub(super) Vec<Step>);

/// Returns the pieces of `matches` on the cheapest way to the last of `steps`, in order; what no piece has is literal.
pub(super) fn trace_back(steps: &[Step], matches: &[Match]) -> Vec<Match> {
    let mut pieces = Vec::new();
    let mut at = steps.len() - 1;
    let mut literal = steps[at].is(LITERAL);
    while at > 0 {
        let step = steps[at];
        if literal {
            literal = !step.is(BEGAN);
            at -= 1;
            continue;
        }
        let displacement = matches[step.number()].displacement;
        pieces.push(Match { start: step.from, end: at as u32, displacement });
        at = step.from as usize;
        literal = steps[at].is(LITERAL);
    }
    pieces.reverse();
    pieces
}
