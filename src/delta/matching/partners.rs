//! Which old file a changed one probably comes from: by its path, by its path without digits, by its name, or else by
//! what most of its seeds say.

use std::collections::HashMap;
use std::ops::Range;

use super::super::Base;
use super::super::tar_entries::tar_entries;
use super::base_entries::BaseEntries;
use super::pairing::Pairing;
use super::seed_index::{SEED, Samples, SeedIndex, WINDOW};

/// Files with fewer bytes get no partner by a vote: what they may have in common the common index finds.
const VOTERS_MIN: usize = 4 << 10;
/// So many windows of a file vote at most.
const WINDOWS_MAX: usize = 256;
/// A file with fewer votes is no partner.
const VOTES_MIN: u32 = 3;

/// A stretch of the target whose bytes probably come from one content of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delta) struct Partner {
    /// The stretch of the target.
    pub(in crate::delta) range: Range<usize>,
    /// The number of the content.
    pub(in crate::delta) content: u32,
}

/// Returns the partners of the files in `target` that no span of its `pairing` has whole, in order.
pub(in crate::delta) fn partners(
    base: &Base<'_>,
    known: &BaseEntries,
    index: &SeedIndex,
    target: &[u8],
    pairing: &Pairing,
) -> Vec<Partner> {
    let mut partners = Vec::new();
    for entry in tar_entries(target).filter(|entry| entry.content.len() >= SEED) {
        let spans = pairing.spans_in(&entry.content);
        if spans.iter().any(|s| s.start <= entry.content.start && s.end() >= entry.content.end) {
            continue;
        }
        let content = known.partner(&entry.path);
        let voted = || vote(base, known, index, &target[entry.content.clone()]);
        if let Some(content) = content.or_else(voted) {
            partners.push(Partner { range: entry.content, content });
        }
    }
    partners
}

/// Those of `partners` that are about a part of `segment`.
pub(in crate::delta) fn partners_in<'p>(
    partners: &'p [Partner],
    segment: &Range<usize>,
) -> &'p [Partner] {
    let first = partners.partition_point(|partner| partner.range.end <= segment.start);
    let last = partners.partition_point(|partner| partner.range.start < segment.end);
    &partners[first..last]
}

/// The content that has most of the seeds of `bytes`.
fn vote(base: &Base<'_>, known: &BaseEntries, index: &SeedIndex, bytes: &[u8]) -> Option<u32> {
    if bytes.len() < VOTERS_MIN {
        return None;
    }
    let mut votes: HashMap<u32, u32> = HashMap::new();
    let mut samples = Samples::default();
    let step = (bytes.len() / WINDOWS_MAX).max(WINDOW);
    for start in (0..bytes.len()).step_by(step) {
        index.samples(&bytes[start..bytes.len().min(start + WINDOW + SEED - 1)], &mut samples);
        for &(hash, _) in samples.found() {
            let places = index.positions(hash).filter_map(|offset| known.at(base, offset));
            places.for_each(|content| *votes.entry(content).or_default() += 1);
        }
    }
    let most =
        votes.into_iter().max_by_key(|&(content, votes)| (votes, std::cmp::Reverse(content)));
    most.filter(|&(_, votes)| votes >= VOTES_MIN).map(|(content, _)| content)
}
