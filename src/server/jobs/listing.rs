//! Jobs in the order in which the ledger got them, by state and by repository: what pages are read from.
//!
//! A page is read with a few look-ups however many jobs there are, since the table is locked meanwhile. A
//! job is listed from when the ledger has it: its number there is its place, the same at every server.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use super::status::JobState;
use crate::server::pair::Pair;

/// Of the jobs of one repository and state so many are looked at for a page, at most. Only those of other
/// repositories that the reader may not see are passed over.
const MAX_LOOKS: usize = 1_000;

/// Where a job is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    /// The job's number in the ledger; `None`: the ledger does not have it yet.
    id: Option<u64>,
    state: Option<JobState>,
}

/// What a repository is to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Source,
    Target,
}

/// A repository stands as its hash: names are long, and there may be one for each job.
type InRepository = (u64, Role, JobState, u64);

/// All jobs, in order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    places: HashMap<Arc<Pair>, Place>,
    by_state: BTreeMap<(JobState, u64), Arc<Pair>>,
    by_repository: BTreeMap<InRepository, Arc<Pair>>,
    counts: [usize; JobState::ALL.len()],
    hasher: RandomState,
}

/// Which jobs a page is to have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Those in this state; `None`: in any.
    pub(crate) state: Option<JobState>,
    /// Those from or to this repository.
    pub(crate) repository: Option<String>,
    /// Those between these repositories alone; `None`: between any.
    pub(crate) within: Option<Arc<[String]>>,
    /// Those that the ledger got before the job with this number.
    pub(crate) before: Option<u64>,
    /// How many.
    pub(crate) count: usize,
}

impl Listing {
    /// The ledger has a job under this number.
    pub(super) fn number(&mut self, pair: &Arc<Pair>, id: u64) {
        let place = self.places.get(pair).copied().unwrap_or_default();
        self.put(pair, Place { id: Some(id), ..place });
    }

    /// A job is in this state.
    pub(super) fn set(&mut self, pair: &Arc<Pair>, state: JobState) {
        let place = self.places.get(pair).copied().unwrap_or_default();
        self.put(pair, Place { state: Some(state), ..place });
    }

    /// A job is no more.
    pub(super) fn remove(&mut self, pair: &Arc<Pair>) {
        if let Some(place) = self.places.remove(pair) {
            self.unlist(pair, place);
        }
    }

    fn put(&mut self, pair: &Arc<Pair>, place: Place) {
        let before = self.places.insert(Arc::clone(pair), place);
        if before == Some(place) {
            return;
        }
        if let Some(before) = before {
            self.unlist(pair, before);
        }
        if let Place { id: Some(id), state: Some(state) } = place {
            self.counts[state as usize] += 1;
            self.by_state.insert((state, id), Arc::clone(pair));
            for key in self.repositories(pair, state, id) {
                self.by_repository.insert(key, Arc::clone(pair));
            }
        }
    }

    fn unlist(&mut self, pair: &Pair, place: Place) {
        if let Place { id: Some(id), state: Some(state) } = place {
            self.counts[state as usize] -= 1;
            self.by_state.remove(&(state, id));
            for key in self.repositories(pair, state, id) {
                self.by_repository.remove(&key);
            }
        }
    }

    fn repositories(&self, pair: &Pair, state: JobState, id: u64) -> [InRepository; 2] {
        let source = self.hasher.hash_one(&pair.source.repository);
        let target = self.hasher.hash_one(&pair.target.repository);
        [(source, Role::Source, state, id), (target, Role::Target, state, id)]
    }

    /// How many jobs there are in each state, in the order of [`JobState::ALL`].
    pub(super) fn counts(&self) -> [usize; JobState::ALL.len()] {
        self.counts
    }

    /// A page of jobs with their numbers, the newest first.
    pub(super) fn page(&self, wanted: &Wanted) -> Vec<(u64, Arc<Pair>)> {
        let mut found: Vec<(u64, Arc<Pair>)> = Vec::new();
        let states = JobState::ALL.into_iter().filter(|it| wanted.state.is_none_or(|is| is == *it));
        for state in states {
            match (&wanted.within, &wanted.repository) {
                (None, None) => found.extend(self.of_state(state, wanted)),
                (None, Some(repository)) => {
                    found.extend(self.of_repository(repository, Role::Target, state, wanted));
                    found.extend(self.of_repository(repository, Role::Source, state, wanted));
                }
                (Some(within), _) => found.extend(within.iter().flat_map(|repository| {
                    self.of_repository(repository, Role::Target, state, wanted)
                })),
            }
        }
        found.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        found.dedup_by_key(|(id, _)| *id);
        found.truncate(wanted.count);
        found
    }

    fn of_state(
        &self,
        state: JobState,
        wanted: &Wanted,
    ) -> impl Iterator<Item = (u64, Arc<Pair>)> + use<'_> {
        let before = wanted.before.unwrap_or(u64::MAX);
        let jobs = self.by_state.range((state, 0)..(state, before)).rev();
        jobs.map(|((_, id), pair)| (*id, Arc::clone(pair))).take(wanted.count)
    }

    fn of_repository<'a>(
        &'a self,
        repository: &'a str,
        role: Role,
        state: JobState,
        wanted: &'a Wanted,
    ) -> impl Iterator<Item = (u64, Arc<Pair>)> + 'a {
        let hash = self.hasher.hash_one(repository);
        let before = wanted.before.unwrap_or(u64::MAX);
        let jobs = self.by_repository.range((hash, role, state, 0)..(hash, role, state, before));
        let jobs = jobs.rev().take(MAX_LOOKS).filter(move |(_, pair)| {
            // Hashes of two repositories may be equal.
            let image = if role == Role::Target { &pair.target } else { &pair.source };
            image.repository == repository && wanted.has(pair)
        });
        jobs.map(|((.., id), pair)| (*id, Arc::clone(pair))).take(wanted.count)
    }
}

impl Wanted {
    /// Whether a pair is between the repositories that are wanted.
    fn has(&self, pair: &Pair) -> bool {
        let (source, target) = (&pair.source.repository, &pair.target.repository);
        let is_meant = self.repository.as_ref().is_none_or(|it| [source, target].contains(&it));
        let within = |name| self.within.as_ref().is_none_or(|within| within.contains(name));
        is_meant && within(source) && within(target)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Dialect;
    use crate::image::Digest;
    use crate::server::pair::PinnedImage;

    /// A pair whose digests say its number.
    fn pair(number: u64, source: u8, target: u8) -> Arc<Pair> {
        let image = |repository: u8| PinnedImage {
            repository: format!("r/{repository}"),
            digest: Digest::of(&number.to_le_bytes()),
        };
        Arc::new(Pair { format: Dialect::V3, source: image(source), target: image(target) })
    }

    fn ids(listing: &Listing, wanted: &Wanted) -> Vec<u64> {
        listing.page(wanted).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn a_job_is_listed_when_the_ledger_has_it_and_until_it_is_no_more() {
        let (mut listing, all) = (Listing::default(), Wanted { count: 10, ..Wanted::default() });
        listing.set(&pair(1, 0, 1), JobState::Pending);
        assert!(ids(&listing, &all).is_empty());
        listing.number(&pair(1, 0, 1), 7);
        assert_eq!((ids(&listing, &all), listing.counts()), (vec![7], [1, 0, 0, 0]));
        listing.set(&pair(1, 0, 1), JobState::Failed);
        assert_eq!((ids(&listing, &all), listing.counts()), (vec![7], [0, 0, 0, 1]));
        listing.number(&pair(1, 0, 1), 9);
        assert_eq!(ids(&listing, &all), [9]);
        listing.remove(&pair(1, 0, 1));
        listing.remove(&pair(1, 0, 1));
        assert!(listing.by_state.is_empty() && listing.by_repository.is_empty());
        assert_eq!((listing.places.len(), listing.counts()), (0, [0; 4]));
    }

    proptest! {
        #[test]
        fn pages_together_are_all_that_is_wanted_in_order(
            jobs in prop::collection::vec((0..4usize, 0..4u8, 0..4u8), 0..60),
            state in prop::option::of(0..4usize),
            repository in prop::option::of(0..4u8),
            within in prop::option::of(prop::collection::vec(0..4u8, 0..4)),
            count in 1..7usize,
        ) {
            let mut listing = Listing::default();
            for (id, (state, source, target)) in (0..).zip(&jobs) {
                let pair = pair(id, *source, *target);
                listing.number(&pair, id);
                listing.set(&pair, JobState::ALL[*state]);
            }
            let name = |number: &u8| format!("r/{number}");
            let mut wanted = Wanted {
                state: state.map(|state| JobState::ALL[state]),
                repository: repository.as_ref().map(name),
                within: within.as_ref().map(|within| within.iter().map(name).collect()),
                before: None,
                count,
            };
            let expected: Vec<u64> = jobs
                .iter()
                .enumerate()
                .filter(|(_, (is, source, target))| {
                    state.is_none_or(|state| state == *is)
                        && repository.is_none_or(|it| [source, target].contains(&&it))
                        && within
                            .as_ref()
                            .is_none_or(|it| it.contains(source) && it.contains(target))
                })
                .map(|(id, _)| id as u64)
                .rev()
                .collect();
            let mut found = Vec::new();
            loop {
                let page = ids(&listing, &wanted);
                let Some(last) = page.last() else { break };
                wanted.before = Some(*last);
                found.extend(page);
            }
            prop_assert_eq!(found, expected);
        }
    }
}
