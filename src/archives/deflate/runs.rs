//! Lengths of codes, told in runs.

use super::format::{MANY_ZEROS, REPEAT, ZEROS};

/// Some lengths of codes that are told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// One of this length.
    One(u8),
    /// Three to six more of the length before.
    Repeat(usize),
    /// Three to ten of length 0.
    Zeros(usize),
    /// 11 to 138 of length 0.
    ManyZeros(usize),
}

impl Run {
    /// Its symbol.
    pub(super) fn symbol(self) -> usize {
        match self {
            Run::One(length) => usize::from(length),
            Run::Repeat(_) => REPEAT,
            Run::Zeros(_) => ZEROS,
            Run::ManyZeros(_) => MANY_ZEROS,
        }
    }

    /// The bits behind it, and how many.
    pub(super) fn extra(self) -> (u32, u32) {
        match self {
            Run::One(_) => (0, 0),
            Run::Repeat(count) => (count as u32 - 3, 2),
            Run::Zeros(count) => (count as u32 - 3, 3),
            Run::ManyZeros(count) => (count as u32 - 11, 7),
        }
    }
}

/// `lengths` in runs.
pub(super) fn runs(lengths: &[u8]) -> Vec<Run> {
    let (mut runs, mut before) = (Vec::new(), None);
    let mut rest = lengths;
    while let Some(&length) = rest.first() {
        // A length that goes on is repeated at once, another one is told first.
        let most = match (length, before == Some(length)) {
            (0, _) => 138,
            (_, true) => 6,
            (_, false) => 7,
        };
        let count = rest.iter().take(most).take_while(|other| **other == length).count();
        rest = &rest[count..];
        tell(length, count, before, &mut runs);
        before = Some(length);
    }
    runs
}

fn tell(length: u8, count: usize, before: Option<u8>, runs: &mut Vec<Run>) {
    let goes_on = before == Some(length);
    match (length, count) {
        (0, 11..) => runs.push(Run::ManyZeros(count)),
        (0, 3..) => runs.push(Run::Zeros(count)),
        (1.., 3..) if goes_on => runs.push(Run::Repeat(count)),
        (1.., 4..) => runs.extend([Run::One(length), Run::Repeat(count - 1)]),
        _ => runs.extend(std::iter::repeat_n(Run::One(length), count)),
    }
}
