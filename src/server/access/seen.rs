//! Tokens that were verified before: a device asks every half minute with the same one, and checking
//! a signature is most of what such a request costs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::claims::Claims;

/// Tokens in each of the two halves, at about half a kilobyte: more than 10,000 devices that wait.
const HALF: usize = 12_288;

/// Tokens that hold, by their hashes. What was asked for longest ago goes first.
#[derive(Default)]
pub(super) struct Seen(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    young: HashMap<[u8; 32], Known>,
    old: HashMap<[u8; 32], Known>,
}

#[derive(Clone)]
struct Known {
    claims: Arc<Claims>,
    /// Which keys there were: a token of a key that was withdrawn is checked again.
    keys: u64,
}

impl Seen {
    /// What a token says that was verified with the keys `keys` and holds at `now`.
    pub(super) fn get(&self, token: &str, keys: u64, now: SystemTime) -> Option<Arc<Claims>> {
        let hash = hash(token);
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match halves.young.get(&hash) {
            Some(known) => known.clone(),
            None => {
                let known = halves.old.remove(&hash)?;
                halves.insert(hash, known.clone());
                known
            }
        };
        let holds = known.keys == keys && known.claims.hold_at(now);
        holds.then_some(known.claims)
    }

    pub(super) fn insert(&self, token: &str, keys: u64, claims: &Arc<Claims>) {
        let known = Known { claims: Arc::clone(claims), keys };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash(token), known);
    }
}

impl Halves {
    fn insert(&mut self, hash: [u8; 32], known: Known) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, known);
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
