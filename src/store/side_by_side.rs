//! Several questions to places where images live at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

/// How many layers are brought in, or deltas looked at, at once: enough to keep a link busy while one answer is awaited,
/// few enough for any registry.
const FETCHES: usize = 4;

/// Calls `work` for each of `items`, a few at a time, until one fails; returns the results in the order of the items. The
/// threads are of our own, because they wait for the network more than they compute.
pub(crate) fn in_threads<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Ok(Vec::new()));
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { return };
            if results.lock().unwrap_or_else(PoisonError::into_inner).is_err() {
                return;
            }
            let result = work(item);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *results, result) {
                (Err(_), _) => return,
                (Ok(done), Ok(one)) => done.push((number, one)),
                (failed, Err(error)) => *failed = Err(error),
            }
        }
    };
    std::thread::scope(|scope| {
        // This thread works too: the system may have no other to give.
        for _ in 1..FETCHES.min(items.len()) {
            let thread = Builder::new().name("fetch".to_owned());
            if let Err(error) = thread.spawn_scoped(scope, worker) {
                tracing::debug!("fetching less at a time: {error}");
                break;
            }
        }
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    results.sort_unstable_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
