//! The one matching pass of all dialects: where the base has what targets have.
//!
//! The images as a whole are surveyed first (`survey.rs`): which entries of the base those of a target probably come from
//! (`pairing.rs`, `partners.rs`), and where the base has which seeds (`sampling.rs`, `seed_index.rs`). Then segments of the
//! targets are searched one by one (`searcher.rs`): along the displacements that pairing gave, and along those that look-ups
//! of seeds find (`look_up.rs`). Dialects differ in how a displacement is followed (`search.rs`): `runs.rs` is for those that
//! copy bytes as they are, `lanes.rs` for those that add to them. Not here: which of the matches a delta takes.

mod agreement;
mod balance;
mod base_entries;
mod buckets;
mod dense_index;
mod found;
mod lanes;
mod look_up;
mod pairing;
mod partners;
mod runs;
mod sampling;
mod search;
mod searcher;
mod seed_index;
mod survey;

pub(super) use base_entries::BaseEntries;
pub(super) use dense_index::DenseIndex;
pub(super) use found::Match;
pub(super) use lanes::Lanes;
pub(super) use pairing::{Pairing, Span};
pub(super) use partners::{Partner, partners, partners_in};
pub(super) use runs::Runs;
pub(super) use searcher::{Hints, Searcher};
pub(super) use survey::Survey;
