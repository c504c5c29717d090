//! A builder that makes nothing, and keeps a list of what it was asked for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::built;
use crate::progress::{Progress, Stage};
use crate::server::build::{Blame, BuildError, Builder, Built, Estimate};
use crate::server::pair::Pair;

#[derive(Default)]
pub(super) struct Fake {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Builds don't end.
    held: bool,
    /// Builds that end all the same.
    let_go: HashSet<Pair>,
    begun: Vec<Pair>,
    running: Vec<Pair>,
    most_at_once: usize,
    most_memory: u64,
    memory: HashMap<Pair, u64>,
    plans: HashMap<Pair, VecDeque<Plan>>,
}

/// What a build comes to, instead of success.
#[derive(Clone)]
pub(super) enum Plan {
    Fail(Blame),
    Panic,
    Built(Built),
}

impl Fake {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Builds begin, and end only when they are let go.
    pub(super) fn holding() -> Arc<Self> {
        let fake = Fake::new();
        fake.state().held = true;
        fake
    }

    /// The next builds of a pair.
    pub(super) fn plan(&self, pair: Pair, plans: impl IntoIterator<Item = Plan>) {
        self.state().plans.entry(pair).or_default().extend(plans);
    }

    pub(super) fn needs(&self, pair: Pair, memory: u64) {
        self.state().memory.insert(pair, memory);
    }

    pub(super) fn let_go(&self, pair: Pair) {
        self.state().let_go.insert(pair);
        self.changed.notify_all();
    }

    pub(super) fn let_all_go(&self) {
        self.state().held = false;
        self.changed.notify_all();
    }

    /// The pairs in the order in which their builds began.
    pub(super) fn begun(&self) -> Vec<Pair> {
        self.state().begun.clone()
    }

    pub(super) fn running(&self) -> usize {
        self.state().running.len()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.state().most_at_once
    }

    pub(super) fn most_memory(&self) -> u64 {
        self.state().most_memory
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, pair: &Pair) {
        let mut state = self.state();
        assert!(!state.running.contains(pair), "{pair} is built twice at the same time");
        state.begun.push(pair.clone());
        state.running.push(pair.clone());
        state.most_at_once = state.most_at_once.max(state.running.len());
        let memory =
            state.running.iter().map(|pair| state.memory.get(pair).copied().unwrap_or(0)).sum();
        state.most_memory = state.most_memory.max(memory);
    }

    fn end(&self, pair: &Pair) -> Option<Plan> {
        let mut state = self.state();
        state.running.retain(|other| other != pair);
        state.plans.get_mut(pair).and_then(VecDeque::pop_front)
    }

    /// Waits to be let go; `false` if the build is to stop before.
    fn wait(&self, pair: &Pair, progress: &dyn Progress) -> bool {
        let mut state = self.state();
        while state.held && !state.let_go.contains(pair) {
            if progress.cancelled() {
                return false;
            }
            let moment = Duration::from_millis(1);
            state = self.changed.wait_timeout(state, moment).expect("nobody panics with it").0;
        }
        true
    }
}

impl Builder for Fake {
    fn estimate(&self, pair: &Pair) -> Result<Estimate, BuildError> {
        Ok(Estimate { memory: self.state().memory.get(pair).copied().unwrap_or(0) })
    }

    fn build(
        &self,
        pair: &Pair,
        _fleet: &str,
        progress: &dyn Progress,
    ) -> Result<Built, BuildError> {
        self.begin(pair);
        progress.expect(Stage::Encode, 2);
        progress.advance(Stage::Encode, 1);
        let whole = self.wait(pair, progress);
        if !whole {
            self.state().running.retain(|other| other != pair);
            return Err(failure(Blame::Cancelled));
        }
        match self.end(pair) {
            None => Ok(built(pair)),
            Some(Plan::Built(built)) => Ok(built),
            Some(Plan::Fail(cause)) => Err(failure(cause)),
            Some(Plan::Panic) => panic!("on purpose"),
        }
    }

    fn link(&self, _fleet: &str, _repository: &str) -> f64 {
        10.0
    }
}

pub(super) fn failure(cause: Blame) -> BuildError {
    BuildError { cause, message: format!("failed: {}", cause.name()) }
}
