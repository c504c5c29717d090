//! What deltas spare and cost, added up in memory between two writes to the ledger.
//!
//! No request writes: the keeper takes what came together every few seconds. A server that is killed loses
//! that much.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ledger::{FleetSum, OTHERS, Sum};
use crate::server::build::{Builder, Built, BuiltPlace};
use crate::server::pair::Pair;

/// Fleets that are told apart between two writes.
const MAX_FLEETS: usize = 256;
/// Characters of a fleet's name that are kept.
const MAX_NAME: usize = 200;

/// The sums of some seconds, by fleet.
#[derive(Debug, Default)]
pub(super) struct Sums(Mutex<HashMap<String, Fresh>>);

/// A sum whose seconds are still to be worked out.
#[derive(Debug, Default)]
struct Fresh {
    sum: Sum,
    /// A repository of the fleet's: its link may be told by that.
    repository: String,
}

impl Sums {
    /// A device was told of a delta.
    pub(super) fn delivered(&self, pair: &Pair, fleet: &str, built: &Built) {
        if built.place == BuiltPlace::NotWorth {
            return;
        }
        self.add(fleet, &pair.target.repository, |sum| {
            sum.deltas += 1;
            let pull = built.pull_bytes.unwrap_or(built.bytes);
            sum.saved_bytes = sum.saved_bytes.saturating_add(pull.saturating_sub(built.bytes));
        });
    }

    /// A build came to an end, after so many seconds, or failed for good.
    pub(super) fn built(&self, pair: &Pair, fleet: &str, seconds: Option<f64>) {
        self.add(fleet, &pair.target.repository, |sum| match seconds {
            Some(seconds) => {
                sum.builds += 1;
                sum.build_seconds += seconds;
            }
            None => sum.failures += 1,
        });
    }

    fn add(&self, fleet: &str, repository: &str, change: impl FnOnce(&mut Sum)) {
        let mut fleets = self.fleets();
        let name: String = fleet.chars().take(MAX_NAME).collect();
        let is_known = fleets.contains_key(&name) || fleets.len() < MAX_FLEETS;
        let name = if is_known { name } else { OTHERS.to_owned() };
        let fresh = fleets.entry(name).or_default();
        if fresh.repository.is_empty() {
            repository.clone_into(&mut fresh.repository);
        }
        change(&mut fresh.sum);
    }

    /// Takes what came together. The time that devices are spared is that in which their link carries the
    /// bytes. May read a file.
    pub(super) fn take(&self, builder: &dyn Builder) -> Vec<FleetSum> {
        let taken = std::mem::take(&mut *self.fleets());
        let with_seconds = |(fleet, Fresh { mut sum, repository }): (String, Fresh)| {
            if sum.saved_bytes > 0 {
                sum.saved_seconds = sum.saved_bytes as f64 / builder.link(&fleet, &repository);
            }
            FleetSum { fleet, sum }
        };
        taken.into_iter().map(with_seconds).collect()
    }

    pub(super) fn are_empty(&self) -> bool {
        self.fleets().is_empty()
    }

    fn fleets(&self) -> MutexGuard<'_, HashMap<String, Fresh>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use crate::image::Digest;
    use crate::progress::Progress;
    use crate::server::build::{BuildError, Estimate};
    use crate::server::pair::PinnedImage;

    /// Every link carries 100 bytes a second.
    struct Links;

    impl Builder for Links {
        fn estimate(&self, _pair: &Pair) -> Result<Estimate, BuildError> {
            Ok(Estimate { memory: 0 })
        }

        fn build(&self, _: &Pair, _: &str, _: &dyn Progress) -> Result<Built, BuildError> {
            panic!("nothing is built here")
        }

        fn link(&self, _fleet: &str, _repository: &str) -> f64 {
            100.0
        }
    }

    fn pair() -> Pair {
        let image = |name: &str| PinnedImage {
            repository: name.to_owned(),
            digest: Digest::of(name.as_bytes()),
        };
        Pair { format: Dialect::V3, source: image("a"), target: image("b") }
    }

    fn built(place: BuiltPlace, pull_bytes: Option<u64>) -> Built {
        Built { place, bytes: 500, pull_bytes, commands: 1, seconds: 2.0 }
    }

    #[test]
    fn what_is_spared_and_what_it_costs_is_added_up_by_fleet() {
        let (sums, file) = (Sums::default(), BuiltPlace::File { key: "k".to_owned() });
        for pull in [Some(1_500), Some(100), None] {
            sums.delivered(&pair(), "f", &built(file.clone(), pull));
        }
        sums.delivered(&pair(), "f", &built(BuiltPlace::NotWorth, Some(600)));
        sums.built(&pair(), "f", Some(2.0));
        sums.built(&pair(), "f", Some(0.5));
        sums.built(&pair(), "g", None);
        let mut taken = sums.take(&Links);
        taken.sort_by(|one, other| one.fleet.cmp(&other.fleet));
        let f = Sum {
            deltas: 3,
            saved_bytes: 1_000,
            saved_seconds: 10.0,
            builds: 2,
            build_seconds: 2.5,
            ..Sum::default()
        };
        let g = Sum { failures: 1, ..Sum::default() };
        let sum = |fleet: &str, sum| FleetSum { fleet: fleet.to_owned(), sum };
        assert_eq!(taken, [sum("f", f), sum("g", g)]);
        assert!(sums.are_empty());
    }

    #[test]
    fn memory_does_not_grow_with_fleets_nor_with_their_names() {
        let sums = Sums::default();
        for number in 0..2 * MAX_FLEETS {
            sums.built(&pair(), &format!("{number} {}", "x".repeat(10_000)), None);
        }
        let taken = sums.take(&Links);
        assert_eq!(taken.len(), MAX_FLEETS + 1);
        assert!(taken.iter().all(|sum| sum.fleet.len() <= MAX_NAME));
        assert_eq!(taken.iter().map(|sum| sum.sum.failures).sum::<u64>(), 2 * MAX_FLEETS as u64);
    }
}
