//! The survey of a base and its targets: all that is found once, before segments are searched.

use std::collections::TryReserveError;

use rayon::prelude::*;

use super::super::{Advance, Base};
use super::base_entries::BaseEntries;
use super::pairing::{Pairing, pair};
use super::sampling::stretches;
use super::seed_index::SeedIndex;

/// One in how many bytes of memory the entries of the base may take.
const ENTRIES_SHARE: u64 = 4;
/// The same of the pairings of all targets.
const PAIRINGS_SHARE: u64 = 8;

/// What is known of a base and its targets.
pub(in crate::delta) struct Survey {
    /// The entries of the base.
    pub(in crate::delta) known: BaseEntries,
    /// What each target has in common with them.
    pub(in crate::delta) pairings: Vec<Pairing>,
    /// Where the base has which seeds.
    pub(in crate::delta) seeds: SeedIndex,
}

impl Survey {
    /// Surveys `base` and `targets` in `memory` bytes: one in `step` seeds of the base is a sample where the base changed.
    /// `index_memory` returns how much the index of seeds may take, given what all else takes. `advance` is told how many
    /// bytes of targets were looked at.
    ///
    /// # Errors
    /// If the system does not give the memory for the index.
    pub(in crate::delta) fn new(
        base: &Base<'_>,
        targets: &[&[u8]],
        memory: u64,
        step: usize,
        index_memory: impl Fn(u64) -> u64,
        advance: &Advance<'_>,
    ) -> Result<Self, TryReserveError> {
        let known = BaseEntries::new(base, memory / ENTRIES_SHARE);
        let each = memory / PAIRINGS_SHARE / targets.len().max(1) as u64;
        let pairings: Vec<Pairing> =
            targets.par_iter().map(|target| pair(base, &known, target, each)).collect();
        let taken = known.bytes() + pairings.iter().map(Pairing::bytes).sum::<u64>();
        let stretches = stretches(base, &known, targets, &pairings, step);
        let seeds = SeedIndex::new(base, &stretches, index_memory(taken))?;
        advance(targets.iter().map(|target| target.len() as u64).sum());
        Ok(Survey { known, pairings, seeds })
    }
}
