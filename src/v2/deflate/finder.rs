//! Finding earlier occurrences: hash chains over the last 32 KiB of the file.

use super::symbols::{MATCH_MAX, MATCH_MIN, WINDOW};

const HASH_BITS: u32 = 15;
/// How many earlier places are looked at for one position.
const DEPTH: usize = 64;
/// A match this long is good enough to stop looking.
const NICE: usize = 128;

/// An earlier occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) len: u16,
    pub(super) distance: u16,
}

/// Knows where in the window each three bytes occur.
pub(super) struct Finder<'a> {
    file: &'a [u8],
    /// Positions are kept relative to this one, and plus one so that 0 is none.
    origin: usize,
    /// All positions before this one are known, as far as the window reaches.
    next: usize,
    heads: Vec<u32>,
    chain: Vec<u32>,
}

impl<'a> Finder<'a> {
    /// For positions from `start` on.
    pub(super) fn new(file: &'a [u8], start: usize) -> Self {
        let origin = start.saturating_sub(WINDOW);
        let (heads, chain) = (vec![0; 1 << HASH_BITS], vec![0; WINDOW]);
        Finder { file, origin, next: origin, heads, chain }
    }

    /// Moves on to `position`: everything in the window before it can be found from there.
    pub(super) fn forward(&mut self, position: usize) {
        self.next = self.next.max(position.saturating_sub(WINDOW));
        while self.next < position {
            self.insert();
        }
    }

    fn insert(&mut self) {
        if let Some(hash) = self.hash(self.next) {
            let relative = self.next - self.origin;
            self.chain[relative % WINDOW] = self.heads[hash];
            self.heads[hash] = relative as u32 + 1;
        }
        self.next += 1;
    }

    fn hash(&self, position: usize) -> Option<usize> {
        let bytes = self.file.get(position..position + MATCH_MIN)?;
        let value = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
        Some((value.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize)
    }

    /// Appends the matches at the position that was moved on to, of rising length up to `end`, each
    /// the nearest of its length, and moves on by one.
    pub(super) fn find(&mut self, end: usize, matches: &mut Vec<Match>) {
        let position = self.next;
        let longest = (end - position).min(MATCH_MAX);
        let head = self.hash(position).map_or(0, |hash| self.heads[hash]);
        self.insert();
        if longest < MATCH_MIN {
            return;
        }
        let mut best = MATCH_MIN - 1;
        let mut candidate = head;
        for _ in 0..DEPTH {
            let Some(relative) = candidate.checked_sub(1) else { return };
            let place = self.origin + relative as usize;
            if position - place > WINDOW {
                return;
            }
            // Only what also has the byte after the best so far can be longer.
            if self.file[place + best] == self.file[position + best] {
                let len = self.common(place, position, longest);
                if len > best {
                    best = len;
                    matches.push(Match { len: len as u16, distance: (position - place) as u16 });
                }
                if best >= longest.min(NICE) {
                    return;
                }
            }
            let earlier = self.chain[relative as usize % WINDOW];
            // An overwritten link leads forward, never back.
            if earlier >= candidate {
                return;
            }
            candidate = earlier;
        }
    }

    fn common(&self, place: usize, position: usize, longest: usize) -> usize {
        let (a, b) = (&self.file[place..], &self.file[position..position + longest]);
        let mut len = 0;
        for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
            let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
            let differing = word(a) ^ word(b);
            if differing != 0 {
                return len + differing.trailing_zeros() as usize / 8;
            }
            len += 8;
        }
        len + a[len..].iter().zip(&b[len..]).take_while(|(a, b)| a == b).count()
    }
}
