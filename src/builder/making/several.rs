//! Work of the same kind on many things, some of it at the same time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Requests to the API at the same time: as many as balena's own clients send.
const AT_ONCE: usize = 5;

/// Does `work` for each of `items`, given its number too. After a failure nothing more is begun; the first failure is
/// returned, when all that was begun has ended.
pub(super) fn several<T: Sync, E: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failure = Mutex::new(None);
    let one_after_the_other = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { return };
            if let Err(error) = work(number, item) {
                failed.store(true, Ordering::Relaxed);
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(items.len()) {
            // Without another thread it takes longer.
            let _ = thread::Builder::new().spawn_scoped(scope, one_after_the_other);
        }
        one_after_the_other();
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_done_once_and_not_too_many_at_the_same_time() {
        let items: Vec<usize> = (0..1000).collect();
        let (done, now, most) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |number: usize, item: &usize| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            assert_eq!(number, *item);
            done.lock().expect("no panic").push(number);
            now.fetch_sub(1, Ordering::SeqCst);
            Ok::<(), ()>(())
        };
        several(&items, work).expect("no failure");
        let mut done = done.into_inner().expect("no panic");
        done.sort_unstable();
        assert_eq!(done, items);
        assert!(most.into_inner() <= AT_ONCE);
    }

    #[test]
    fn after_a_failure_nothing_more_is_begun() {
        let begun = AtomicUsize::new(0);
        let work = |number: usize, _: &u8| {
            begun.fetch_add(1, Ordering::SeqCst);
            if number == 3 { Err(number) } else { Ok(()) }
        };
        assert_eq!(several(&[0; 100_000], work), Err(3));
        assert!(begun.into_inner() < 100_000);
        assert_eq!(several(&[0_u8; 0], |_, _| Err(1)), Ok(()));
    }
}
