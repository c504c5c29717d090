//! The search of one segment: along what pairing gave, and along what seeds find wherever nothing is good enough yet.

use std::ops::Range;

use super::super::Base;
use super::dense_index::DenseIndex;
use super::found::{Match, merged};
use super::pairing::{Guess, Span};
use super::partners::Partner;
use super::search::{Following, Search};
use super::seed_index::SeedIndex;

/// Searches segments of one target.
pub(in crate::delta) struct Searcher<'a> {
    pub(in crate::delta) base: &'a Base<'a>,
    pub(in crate::delta) seeds: &'a SeedIndex,
    /// The seeds of partners, if there are any.
    pub(in crate::delta) dense: Option<&'a DenseIndex<'a>>,
    pub(in crate::delta) target: &'a [u8],
}

/// What the survey says of a segment.
pub(in crate::delta) struct Hints<'a> {
    /// The displacement of what is right before the segment and of what is right behind it, if that is one.
    pub(in crate::delta) bridge: Option<i64>,
    pub(in crate::delta) spans: &'a [Span],
    pub(in crate::delta) guesses: &'a [Guess],
    pub(in crate::delta) partners: &'a [Partner],
}

impl<'a> Searcher<'a> {
    /// Returns the matches in `segment` of the target, by start. `settled` is memory to work in.
    pub(in crate::delta) fn find(
        &self,
        segment: Range<usize>,
        hints: &Hints<'_>,
        following: &mut impl Following,
        settled: &mut Vec<u8>,
    ) -> Vec<Match> {
        let bytes = &self.target[segment.clone()];
        let (base, seeds, dense) = (self.base, self.seeds, self.dense);
        let mut search = Search::new(base, seeds, dense, bytes, segment.start, settled);
        if let Some(displacement) = hints.bridge {
            following.bridge(&mut search, displacement);
        }
        let spans = hints.spans.iter().map(|span| (span.displacement(), span.start..span.end()));
        let guesses = hints.guesses.iter().map(|guess| (guess.displacement, guess.range.clone()));
        for (displacement, range) in spans.chain(guesses) {
            let start = range.start.max(segment.start) - segment.start;
            let end = range.end.min(segment.end).saturating_sub(segment.start);
            if start < end {
                following.walk(&mut search, displacement, start..end);
            }
        }
        search.look_up_everywhere(following, hints.partners);
        merged(search.matches)
    }
}
