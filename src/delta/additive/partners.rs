//! Which old file a changed one probably comes from: by its path, by its path without digits, by its name, or else by
//! what most of its seeds say.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use super::super::Base;
use super::super::base_entries::BaseEntries;
use super::super::pairing::Pairing;
use super::super::seed_index::{SEED, Samples, SeedIndex, WINDOW};
use super::super::tar_entries::tar_entries;

/// Files with fewer bytes get no partner by a vote: what they may have in common the common index finds.
const VOTERS_MIN: usize = 4 << 10;
/// So many windows of a file vote at most.
const WINDOWS_MAX: usize = 256;
/// Of a file that is searched once more, every second position tells what moved where: a fifth of the time less, at about the same
/// bytes. One in four makes Python packages 0.4 % larger.
const COARSE_SHIFT: u32 = 1;
/// A file with fewer votes is no partner.
const VOTES_MIN: u32 = 3;

/// A stretch of the target whose bytes probably come from one content of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partner {
    /// The stretch of the target.
    pub(super) range: Range<usize>,
    /// The number of the content.
    pub(super) content: u32,
    /// One in how many of its positions suffices in the dense index, as a power of two.
    pub(super) shift: u32,
}

/// What is known of old files.
pub(super) struct OldFiles<'a> {
    pub(super) base: &'a Base<'a>,
    pub(super) known: &'a BaseEntries,
    pub(super) seeds: &'a SeedIndex,
    /// Whether a file that probably comes from another (that is the first) is searched once more.
    pub(super) is_searched_again: &'a (dyn Fn(&[u8], &[u8]) -> bool + Sync),
}

impl OldFiles<'_> {
    /// Returns the partners of the files in `target` that no span of its `pairing` has whole, in order.
    pub(super) fn partners(&self, target: &[u8], pairing: &Pairing) -> Vec<Partner> {
        let mut partners = Vec::new();
        for entry in tar_entries(target).filter(|entry| entry.content.len() >= SEED) {
            let range = entry.content;
            let spans = pairing.spans_in(&range);
            if spans.iter().any(|span| span.start <= range.start && span.end() >= range.end) {
                continue;
            }
            let bytes = &target[range.clone()];
            let named = self.known.partner(&entry.path);
            if let Some(content) = named.or_else(|| self.vote(bytes)) {
                let old = self.known.contents()[content as usize].bytes(self.base);
                let shift = if (self.is_searched_again)(old, bytes) { COARSE_SHIFT } else { 0 };
                partners.push(Partner { range, content, shift });
            }
        }
        partners
    }

    /// The content that has most of the seeds of `bytes`.
    fn vote(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.len() < VOTERS_MIN {
            return None;
        }
        let mut votes: HashMap<u32, u32> = HashMap::new();
        let mut samples = Samples::default();
        let step = (bytes.len() / WINDOWS_MAX).max(WINDOW);
        for start in (0..bytes.len()).step_by(step) {
            let end = bytes.len().min(start + WINDOW + SEED - 1);
            self.seeds.samples(&bytes[start..end], &mut samples);
            for &(hash, _) in samples.found() {
                let places = self.seeds.positions(hash);
                let contents = places.filter_map(|offset| self.known.at(self.base, offset));
                contents.for_each(|content| *votes.entry(content).or_default() += 1);
            }
        }
        let most = votes.into_iter().max_by_key(|&(content, votes)| (votes, Reverse(content)));
        most.filter(|&(_, votes)| votes >= VOTES_MIN).map(|(content, _)| content)
    }
}
