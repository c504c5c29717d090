//! Which stretches of a target segment occur in the base: candidates for COPY, not yet chosen.
//!
//! Three sources: the unchanged spans and the guesses that pairing gave, and look-ups of seeds. A
//! match found is followed along its displacement in both directions, because after a few changed
//! bytes things usually go on where they left off.

use std::ops::Range;

use super::Base;
use super::extent::{common_prefix, common_suffix, word};
use super::pairing::{Guess, Span};
use super::seed_index::{SEED, Samples, SeedIndex, WINDOW};
use super::tuning::Tuning;

/// A stretch of a segment that the base has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    /// Where it starts, counted from the start of the segment.
    pub(super) start: u32,
    /// Where it ends, counted likewise.
    pub(super) end: u32,
    /// Base position minus target position.
    pub(super) displacement: i64,
}

impl Match {
    pub(super) fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A displacement is given up after so many bytes without such a run.
const GIVE_UP: usize = 64;
/// The same for a displacement that pairing guessed.
const GIVE_UP_GUESS: usize = 1024;
/// How many of a settled match's last bytes are looked at all the same.
const UNSETTLED_TAIL: usize = 12;
/// How far a match grows backward into what earlier ones cover.
const BACKWARD: usize = 256;
/// Displacements are followed for so many bytes in all for each byte of a segment: real images need
/// a few, hostile ones could have any number of displacements that all look promising.
const FOLLOWED_PER_BYTE: usize = 64;
/// Displacements remembered as followed.
const REMEMBERED: usize = 16;

/// Finds the matches of one segment.
pub(super) struct Matcher<'a> {
    pub(super) base: &'a Base<'a>,
    pub(super) index: &'a SeedIndex,
    pub(super) target: &'a [u8],
    pub(super) tuning: &'a Tuning,
}

impl<'a> Matcher<'a> {
    /// The matches in `segment` of the target, by start. `spans` and `guesses` are those that
    /// overlap it. `cover` is memory to work in.
    pub(super) fn find(
        &self,
        segment: Range<usize>,
        spans: &[Span],
        guesses: &[Guess],
        cover: &mut Cover,
    ) -> Vec<Match> {
        refill(&mut cover.reach, segment.len(), 0);
        refill(&mut cover.settled, segment.len(), 0);
        let mut search = Search {
            base: self.base,
            index: self.index,
            tuning: self.tuning,
            bytes: &self.target[segment.clone()],
            origin: segment.start,
            matches: Vec::new(),
            cover,
            followed: [(0, 0); REMEMBERED],
            next_followed: 0,
            budget: FOLLOWED_PER_BYTE * segment.len(),
        };
        for span in spans {
            search.add_span(span);
        }
        for guess in guesses {
            let range = guess.range.start.max(segment.start)..guess.range.end.min(segment.end);
            if !range.is_empty() {
                let range = range.start - segment.start..range.end - segment.start;
                search.follow(guess.displacement, range, GIVE_UP_GUESS);
            }
        }
        search.look_up_everywhere();
        let mut matches = search.matches;
        matches.sort_unstable_by_key(|found| {
            (found.start, std::cmp::Reverse(found.end), found.displacement)
        });
        matches.dedup();
        matches
    }
}

/// What the matches noted so far cover.
#[derive(Default)]
pub(super) struct Cover {
    /// The furthest end of the matches that cover each position.
    reach: Vec<u32>,
    /// 0xff where a match is good enough to look no further.
    settled: Vec<u8>,
}

struct Search<'a> {
    base: &'a Base<'a>,
    index: &'a SeedIndex,
    tuning: &'a Tuning,
    bytes: &'a [u8],
    origin: usize,
    matches: Vec<Match>,
    cover: &'a mut Cover,
    /// Displacements followed lately and how far.
    followed: [(i64, usize); REMEMBERED],
    next_followed: usize,
    /// How many more bytes displacements may be followed.
    budget: usize,
}

impl<'a> Search<'a> {
    fn add_span(&mut self, span: &Span) {
        let start = span.start.max(self.origin) - self.origin;
        let end = (span.end() - self.origin).min(self.bytes.len());
        self.add(start, end, span.displacement());
    }

    fn add(&mut self, start: usize, end: usize, displacement: i64) {
        self.matches.push(Match { start: start as u32, end: end as u32, displacement });
        self.cover.reach[start..end].iter_mut().for_each(|reach| *reach = (*reach).max(end as u32));
        if end - start >= self.tuning.settled {
            self.cover.settled[start..end - UNSETTLED_TAIL].fill(0xff);
        }
    }

    /// Whether no one match noted so far has all of the run of `len` at `start`.
    fn adds(&self, start: usize, len: usize) -> bool {
        (self.cover.reach[start] as usize) < start + len
    }

    /// The base stream position that `at` of the segment comes from.
    fn source(&self, at: usize, displacement: i64) -> Option<u64> {
        u64::try_from((self.origin + at) as i64 + displacement).ok()
    }

    /// Notes every run along `displacement` in `range`, until none came for `give_up` bytes.
    fn follow(&mut self, displacement: i64, range: Range<usize>, give_up: usize) {
        let Some(source) = self.source(range.start, displacement) else { return };
        let tail: &'a [u8] = self.base.tail(source);
        let bytes: &'a [u8] = &self.bytes[range.clone()];
        let len = bytes.len().min(tail.len());
        let (mut at, mut last) = (0, 0);
        while at < len && at - last <= give_up {
            let probe = at + self.tuning.shortest_run - 1;
            if probe < len && bytes[probe] != tail[probe] {
                // No run that is long enough begins before what comes after this byte.
                at = (probe + 1).min(last + give_up + 1);
                continue;
            }
            let run = common_prefix(&bytes[at..len], &tail[at..len]);
            if run >= self.tuning.shortest_run && self.adds(range.start + at, run) {
                if last > 0 && at - last < self.tuning.narrow {
                    self.cover.settled[range.start + last..range.start + at].fill(0xff);
                }
                self.add(range.start + at, range.start + at + run, displacement);
                last = at + run;
            }
            at += run + 1;
        }
        self.budget = self.budget.saturating_sub(at);
        self.followed[self.next_followed] = (displacement, range.start + at);
        self.next_followed = (self.next_followed + 1) % REMEMBERED;
    }

    /// Notes the runs along `displacement` before `end`, going backward, until none came for a
    /// while or what is settled begins.
    fn follow_back(&mut self, displacement: i64, end: usize) {
        let Some(source) = self.source(end, displacement) else { return };
        let head: &'a [u8] = self.base.head(source);
        let bytes: &'a [u8] = &self.bytes[end.saturating_sub(BACKWARD)..end];
        let len = bytes.len().min(head.len());
        let (bytes, head) = (&bytes[bytes.len() - len..], &head[head.len() - len..]);
        let (mut left, mut last) = (len, len);
        while left > 0 && last - left <= GIVE_UP {
            let probe = left.checked_sub(self.tuning.shortest_run);
            if let Some(probe) = probe.filter(|&probe| bytes[probe] != head[probe]) {
                left = probe;
                continue;
            }
            let run = common_suffix(&bytes[..left], &head[..left]);
            if run >= self.tuning.shortest_run && self.adds(end - len + left - run, run) {
                self.add(end - len + left - run, end - len + left, displacement);
                last = left - run;
            }
            left = left.saturating_sub(run + 1);
        }
    }

    /// Looks up every seed that no good match covers and that may be a sample.
    fn look_up_everywhere(&mut self) {
        let bytes: &'a [u8] = self.bytes;
        let mut samples = Samples::default();
        let mut at = 0;
        while at < bytes.len() {
            at += self.settled_run(at);
            let seeds = self.unsettled_run(at);
            self.index.samples(&bytes[at..bytes.len().min(at + seeds + SEED - 1)], &mut samples);
            for &(hash, offset) in samples.found() {
                if self.cover.settled[at + offset as usize] == 0 {
                    self.look_up(at + offset as usize, hash);
                }
            }
            at += seeds;
        }
    }

    /// How many positions from `at` on are not settled, up to what is looked up at a time.
    fn unsettled_run(&self, at: usize) -> usize {
        let window = &self.cover.settled[at..self.bytes.len().min(at + WINDOW)];
        window.iter().take_while(|&&flag| flag == 0).count()
    }

    /// How many settled positions there are from `at` on.
    fn settled_run(&self, at: usize) -> usize {
        let rest = &self.cover.settled[at..];
        let words = rest.chunks_exact(8).take_while(|chunk| word(chunk, 0) == u64::MAX).count();
        words * 8 + rest[words * 8..].iter().take_while(|&&flag| flag != 0).count()
    }

    /// Verifies the candidates for position `at` and follows the best.
    fn look_up(&mut self, at: usize, hash: u64) {
        let index = self.index;
        let mut best: Option<Match> = None;
        for offset in index.positions(hash) {
            let displacement = offset as i64 - (self.origin + at) as i64;
            if self.followed.iter().any(|&(known, until)| known == displacement && at < until) {
                continue;
            }
            let (bytes, tail) = (&self.bytes[at..], self.base.tail(offset));
            // Most candidates that are none are told here, without a call.
            if tail.len() < 8 || word(bytes, 0) != word(tail, 0) {
                continue;
            }
            let ahead = common_prefix(bytes, tail);
            let floor = at.saturating_sub(BACKWARD);
            let behind = common_suffix(&self.bytes[floor..at], self.base.head(offset));
            let found =
                Match { start: (at - behind) as u32, end: (at + ahead) as u32, displacement };
            if best.is_none_or(|best| found.len() > best.len()) {
                best = Some(found);
            }
        }
        let Some(found) = best else { return };
        if self.budget == 0 {
            return self.add(found.start as usize, found.end as usize, found.displacement);
        }
        self.follow_back(found.displacement, found.start as usize);
        self.follow(found.displacement, found.start as usize..self.bytes.len(), GIVE_UP);
    }
}

/// Makes `list` `len` times `value`, in the memory it has.
pub(super) fn refill<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}
