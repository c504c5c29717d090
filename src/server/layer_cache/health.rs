//! Whether the bucket is worth asking. Trouble is told once, until it is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long nobody asks after a fault: each layer would wait again.
const PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Until when nobody asks.
    paused: Option<Instant>,
    /// Whether trouble was told of that is not over.
    is_troubled: bool,
}

impl Health {
    pub(super) fn is_paused(&self) -> bool {
        self.state().paused.is_some_and(|until| Instant::now() < until)
    }

    /// The service does not do what it should.
    pub(super) fn failed(&self, why: &str) {
        let mut state = self.state();
        state.paused = Instant::now().checked_add(PAUSE);
        if !std::mem::replace(&mut state.is_troubled, true) {
            tracing::warn!("the layer cache: {why}; layers come from the registry");
        }
    }

    /// The service answered.
    pub(super) fn answered(&self) {
        if std::mem::take(&mut self.state().is_troubled) {
            tracing::info!("the layer cache is well again");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
