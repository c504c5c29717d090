//! The last bytes of the input, and where in them three bytes were before.

use super::format::{DISTANCE_MAX, MATCH_MAX, MATCH_MIN, WINDOW};
use super::level::Effort;

/// Bytes of two windows are held: when the second is nearly used up, it becomes the first.
const HELD: usize = 2 * WINDOW;
/// The number of a hash: five bits for each of three bytes, over each other.
const HASHES: usize = 1 << 15;
/// No place: what is at the very start of the input is found nowhere.
const NOWHERE: u16 = 0;

/// The input around the place that is looked at.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// The last place of each hash, and the place before each place.
    last: Vec<u16>,
    before: Vec<u16>,
    /// The place that is looked at.
    pub(super) at: usize,
    /// How many bytes from there on are known.
    pub(super) ahead: usize,
    /// Where the match that was found last begins; may be in front of what is held.
    pub(super) found: isize,
    /// Where the block begins; may be in front of what is held.
    pub(super) block: isize,
    /// How many candidates were looked at.
    pub(super) looks: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        Window {
            bytes: vec![0; HELD],
            last: vec![NOWHERE; HASHES],
            before: vec![NOWHERE; WINDOW],
            at: 0,
            ahead: 0,
            found: 0,
            block: 0,
            looks: 0,
        }
    }

    /// Begins with another input.
    pub(super) fn clear(&mut self) {
        self.last.fill(NOWHERE);
        (self.at, self.ahead, self.found, self.block, self.looks) = (0, 0, 0, 0, 0);
    }

    /// Takes over as much of `input` as there is room for.
    pub(super) fn fill(&mut self, input: &mut &[u8]) {
        let end = self.at + self.ahead;
        let some = input.split_off(..input.len().min(HELD - end)).unwrap_or_default();
        self.bytes[end..end + some.len()].copy_from_slice(some);
        self.ahead += some.len();
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.at + self.ahead == HELD
    }

    /// Makes the second half the first, if the second is nearly used up.
    pub(super) fn slide(&mut self) {
        if self.at < WINDOW + DISTANCE_MAX {
            return;
        }
        self.bytes.copy_within(WINDOW.., 0);
        self.at -= WINDOW;
        self.found -= WINDOW as isize;
        self.block -= WINDOW as isize;
        let slid = |place: &mut u16| *place = place.saturating_sub(WINDOW as u16);
        self.last.iter_mut().for_each(slid);
        self.before.iter_mut().for_each(slid);
    }

    /// The byte at `place`.
    pub(super) fn byte(&self, place: usize) -> u8 {
        self.bytes[place]
    }

    /// The bytes of the block, if they are held.
    pub(super) fn block_bytes(&self) -> Option<&[u8]> {
        let start = usize::try_from(self.block).ok()?;
        self.bytes.get(start..self.at)
    }

    /// Notes the three bytes at `place`, and returns where they probably were before.
    pub(super) fn note(&mut self, place: usize) -> Option<usize> {
        let three = &self.bytes[place..place + MATCH_MIN];
        let shifted = |index: usize| usize::from(three[index]) << (5 * (2 - index));
        let hash = (shifted(0) ^ shifted(1) ^ shifted(2)) & (HASHES - 1);
        let before = std::mem::replace(&mut self.last[hash], place as u16);
        self.before[place % WINDOW] = before;
        (before != NOWHERE).then_some(usize::from(before))
    }

    /// Whether a match may be as far back as `place`.
    pub(super) fn reaches(&self, place: usize) -> bool {
        self.at - place <= DISTANCE_MAX
    }

    /// The length of the longest match, if any has more than `known` bytes, else `known`; no longer than what is ahead. `first` is the
    /// first candidate.
    pub(super) fn longest(&mut self, first: usize, known: usize, effort: &Effort) -> usize {
        if known >= self.ahead {
            return self.ahead;
        }
        let own = &self.bytes[self.at..self.at + self.ahead.min(MATCH_MAX)];
        let nice = effort.nice.min(self.ahead);
        let limit = self.at.saturating_sub(DISTANCE_MAX);
        let mut left =
            if known >= effort.good { effort.candidates >> 2 } else { effort.candidates };
        let (mut best, mut place) = (known, first);
        let most = left;
        loop {
            let other = &self.bytes[place..place + own.len()];
            if other[best - 1..=best] == own[best - 1..=best] && other[..2] == own[..2] {
                let len = common(own, other);
                if len > best {
                    (self.found, best) = (place as isize, len);
                    if len >= nice {
                        break;
                    }
                }
            }
            place = usize::from(self.before[place % WINDOW]);
            left -= 1;
            if place <= limit || left == 0 {
                break;
            }
        }
        self.looks += (most - left) as u64;
        best
    }
}

/// How many bytes both begin with alike.
fn common(one: &[u8], other: &[u8]) -> usize {
    const STEP: usize = 8;
    let (ones, others) = (one.chunks_exact(STEP), other.chunks_exact(STEP));
    let mut len = STEP * ones.zip(others).take_while(|(one, other)| one == other).count();
    while len < one.len() && one[len] == other[len] {
        len += 1;
    }
    len
}
