//! How many pushes each user has here, from the first byte of a project to the end of its build: a project lies on the
//! builder's disk all that time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All users who push.
#[derive(Debug)]
pub(super) struct Crowd {
    pushes: Mutex<HashMap<String, usize>>,
    of_a_user: usize,
}

impl Crowd {
    /// No user may have more than so many pushes at the same time.
    pub(super) fn new(of_a_user: usize) -> Arc<Self> {
        Arc::new(Crowd { pushes: Mutex::default(), of_a_user })
    }

    fn pushes(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.pushes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a push until what is returned is dropped; `None` if the user has too many.
    pub(super) fn enter(self: &Arc<Self>, user: &str) -> Option<Turn> {
        let mut pushes = self.pushes();
        let own = pushes.get(user).copied().unwrap_or(0);
        if own >= self.of_a_user {
            return None;
        }
        pushes.insert(user.to_owned(), own + 1);
        Some(Turn { crowd: Arc::clone(self), user: user.to_owned() })
    }
}

/// One push of a user.
#[derive(Debug)]
pub(super) struct Turn {
    crowd: Arc<Crowd>,
    user: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut pushes = self.crowd.pushes();
        match pushes.get_mut(&self.user) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(pushes.remove(&self.user)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_and_no_more_until_one_ends() {
        let crowd = Crowd::new(2);
        let first = crowd.enter("ann").expect("room");
        let _second = crowd.enter("ann").expect("room");
        assert!(crowd.enter("ann").is_none());
        assert!(crowd.enter("bob").is_some());
        drop(first);
        assert!(crowd.enter("ann").is_some());
        assert_eq!(crowd.pushes().len(), 1);
    }
}
