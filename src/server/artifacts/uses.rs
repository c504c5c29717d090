//! Which files are used, and which were a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

#[derive(Debug)]
pub(super) struct Uses(Mutex<Known>);

#[derive(Debug)]
struct Known {
    /// Since when uses are noted: what was used before may have been used at that moment.
    since: SystemTime,
    uses: HashMap<String, Use>,
}

#[derive(Debug)]
struct Use {
    /// Downloads that run.
    pins: usize,
    last: SystemTime,
}

impl Uses {
    /// Notes uses from now on.
    pub(super) fn new() -> Self {
        Uses(Mutex::new(Known { since: SystemTime::now(), uses: HashMap::new() }))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the file is used now.
    pub(super) fn used(&self, key: &str) {
        self.change_pins(key, |pins| pins);
    }

    /// The file is used while the pin lives.
    pub(super) fn pin(self: &Arc<Self>, key: &str) -> Pin {
        self.change_pins(key, |pins| pins + 1);
        Pin { uses: Arc::clone(self), key: key.to_owned() }
    }

    fn change_pins(&self, key: &str, change: impl FnOnce(usize) -> usize) {
        let (mut known, now) = (self.known(), SystemTime::now());
        let one = known.uses.entry(key.to_owned()).or_insert(Use { pins: 0, last: now });
        one.pins = change(one.pins);
        one.last = now;
    }

    /// Whether any file is used.
    pub(super) fn any(&self) -> bool {
        self.known().uses.values().any(|one| one.pins > 0)
    }

    pub(super) fn last_use(&self, key: &str) -> Option<SystemTime> {
        self.known().uses.get(key).map(|one| one.last)
    }

    /// Whether the file is used, or was within `time`.
    pub(super) fn is_in_use(&self, key: &str, time: Duration) -> bool {
        let known = self.known();
        // A clock set back makes the last use lie in the future.
        let is_recent = |last| SystemTime::now().duration_since(last).is_ok_and(|age| age < time);
        let is_used = |one: &Use| one.pins > 0 || is_recent(one.last);
        is_recent(known.since) || known.uses.get(key).is_some_and(is_used)
    }

    pub(super) fn forget(&self, key: &str) {
        let uses = &mut self.known().uses;
        if uses.get(key).is_some_and(|one| one.pins == 0) {
            uses.remove(key);
        }
    }

    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        let mut known = self.known();
        known.since -= by;
        known.uses.values_mut().for_each(|one| one.last -= by);
    }
}

/// Keeps a file from being removed.
#[derive(Debug)]
pub(super) struct Pin {
    uses: Arc<Uses>,
    key: String,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.uses.change_pins(&self.key, |pins| pins - 1);
    }
}
