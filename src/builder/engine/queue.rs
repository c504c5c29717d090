//! Who builds next: places at engines, and who waits for one. Nothing here knows time or contacts anybody.

use std::collections::HashMap;

/// A build that waits, or has been given a place that nobody has taken yet.
#[derive(Debug)]
struct Waiter {
    id: u64,
    user: String,
    /// Engines that could build, the better first.
    candidates: Vec<usize>,
    /// Those of them that have what the build needs already.
    warm: Vec<usize>,
    granted: Option<usize>,
}

/// What an engine does.
#[derive(Debug, Clone, Default)]
struct Seats {
    running: usize,
    is_away: bool,
}

/// All engines' places.
#[derive(Debug)]
pub(super) struct Queue {
    engines: Vec<Seats>,
    places: usize,
    places_of_a_user: Option<usize>,
    waiters: Vec<Waiter>,
    running_of: HashMap<String, usize>,
    /// When each user got a place last, counted in places given.
    served: HashMap<String, u64>,
    turn: u64,
    next_id: u64,
}

impl Queue {
    pub(super) fn new(engines: usize, places: usize, places_of_a_user: Option<usize>) -> Self {
        Queue {
            engines: vec![Seats::default(); engines],
            places,
            places_of_a_user,
            waiters: Vec::new(),
            running_of: HashMap::new(),
            served: HashMap::new(),
            turn: 0,
            next_id: 0,
        }
    }

    /// A build of `user` waits from now on. Returns its number.
    pub(super) fn join(&mut self, user: &str, candidates: Vec<usize>, warm: Vec<usize>) -> u64 {
        self.next_id += 1;
        let user = user.to_owned();
        let id = self.next_id;
        self.waiters.push(Waiter { id, user, candidates, warm, granted: None });
        id
    }

    /// The build waits no longer; a place that it was given is free again.
    pub(super) fn leave(&mut self, id: u64) {
        if let Some(waiter) = self.take_out(id) {
            match waiter.granted {
                Some(engine) => self.release(engine, &waiter.user),
                None => self.forget(&waiter.user),
            }
        }
    }

    /// The build begins: its place is to be released later.
    pub(super) fn begin(&mut self, id: u64) {
        self.take_out(id);
    }

    /// The place that was given turned out to be none: the build waits on.
    pub(super) fn take_back(&mut self, id: u64) {
        let Some(waiter) = self.waiters.iter_mut().find(|waiter| waiter.id == id) else { return };
        if let Some(engine) = waiter.granted.take() {
            let user = waiter.user.clone();
            self.release(engine, &user);
        }
    }

    /// A place at `engine` is free.
    pub(super) fn release(&mut self, engine: usize, user: &str) {
        self.engines[engine].running = self.engines[engine].running.saturating_sub(1);
        if let Some(running) = self.running_of.get_mut(user) {
            *running = running.saturating_sub(1);
        }
        self.forget(user);
    }

    /// An engine went away, or came back. Returns whether that is news.
    pub(super) fn set_away(&mut self, engine: usize, is_away: bool) -> bool {
        std::mem::replace(&mut self.engines[engine].is_away, is_away) != is_away
    }

    /// Gives away all places that can be given.
    pub(super) fn assign(&mut self) {
        while self.assign_one() {}
    }

    fn assign_one(&mut self) -> bool {
        let next = self.order().into_iter().find_map(|index| {
            let waiter = &self.waiters[index];
            if self.has_enough(&waiter.user) {
                return None;
            }
            self.best(waiter).map(|engine| (index, engine))
        });
        let Some((index, engine)) = next else { return false };
        self.turn += 1;
        let user = self.waiters[index].user.clone();
        self.waiters[index].granted = Some(engine);
        self.engines[engine].running += 1;
        *self.running_of.entry(user.clone()).or_default() += 1;
        self.served.insert(user, self.turn);
        true
    }

    /// The engine that the build got, if any.
    pub(super) fn granted(&self, id: u64) -> Option<usize> {
        self.waiters.iter().find(|waiter| waiter.id == id)?.granted
    }

    /// How many builds get a place of the same engines before this one.
    pub(super) fn before(&self, id: u64) -> usize {
        let Some(own) = self.waiters.iter().find(|waiter| waiter.id == id) else { return 0 };
        let order = self.order().into_iter().map(|index| &self.waiters[index]);
        let earlier = order.take_while(|waiter| waiter.id != id);
        let competes = |waiter: &&Waiter| {
            waiter.candidates.iter().any(|engine| own.candidates.contains(engine))
        };
        earlier.filter(competes).count()
    }

    /// How many builds wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiters.iter().filter(|waiter| waiter.granted.is_none()).count()
    }

    /// How many builds run at an engine, and how many wait that it could take.
    pub(super) fn load(&self, engine: usize) -> (usize, usize) {
        let could =
            |waiter: &&Waiter| waiter.granted.is_none() && waiter.candidates.contains(&engine);
        (self.engines[engine].running, self.waiters.iter().filter(could).count())
    }

    /// Those that wait in the order in which they get a place: users in turn, and of a user's builds the oldest. Whoever
    /// got one last comes last.
    fn order(&self) -> Vec<usize> {
        let mut nth: HashMap<&str, usize> = HashMap::new();
        let mut keys = Vec::new();
        for (index, waiter) in self.waiters.iter().enumerate() {
            if waiter.granted.is_some() {
                continue;
            }
            let round = nth.entry(&waiter.user).or_default();
            let served = self.served.get(&waiter.user).copied().unwrap_or(0);
            keys.push((*round, served, waiter.id, index));
            *round += 1;
        }
        keys.sort_unstable();
        keys.into_iter().map(|(.., index)| index).collect()
    }

    fn has_enough(&self, user: &str) -> bool {
        let running = self.running_of.get(user).copied().unwrap_or(0);
        self.places_of_a_user.is_some_and(|places| running >= places)
    }

    /// The engine with a free place that has most of what the build needs, and of those the one with the least to do.
    fn best(&self, waiter: &Waiter) -> Option<usize> {
        let is_free = |engine: &&usize| {
            let seats = &self.engines[**engine];
            !seats.is_away && seats.running < self.places
        };
        let free = waiter.candidates.iter().filter(is_free);
        let cost =
            |engine: &&usize| (!waiter.warm.contains(engine), self.engines[**engine].running);
        free.min_by_key(cost).copied()
    }

    fn take_out(&mut self, id: u64) -> Option<Waiter> {
        let index = self.waiters.iter().position(|waiter| waiter.id == id)?;
        Some(self.waiters.remove(index))
    }

    /// Nothing is remembered of users who neither wait nor build.
    fn forget(&mut self, user: &str) {
        let is_running = self.running_of.get(user).is_some_and(|running| *running > 0);
        if !is_running {
            self.running_of.remove(user);
            if !self.waiters.iter().any(|waiter| waiter.user == user) {
                self.served.remove(user);
            }
        }
    }
}
