//! Waiting for a job.

use std::sync::Arc;

use tokio::sync::watch;

use super::outcome::Outcome;
use super::shared::Shared;
use crate::server::pair::Pair;

/// A place among those who wait for a job. Dropping it means no longer to wait.
#[derive(Debug)]
pub(crate) struct Ticket(Waits);

#[derive(Debug)]
enum Waits {
    Not(Outcome),
    For(watch::Receiver<Option<Outcome>>, Waiter),
}

impl Ticket {
    pub(super) fn known(outcome: Outcome) -> Self {
        Ticket(Waits::Not(outcome))
    }

    pub(super) fn waiting(receiver: watch::Receiver<Option<Outcome>>, waiter: Waiter) -> Self {
        Ticket(Waits::For(receiver, waiter))
    }

    /// Waits for the end of the job. May be given up and called again.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        match &mut self.0 {
            Waits::Not(outcome) => outcome.clone(),
            Waits::For(receiver, waiter) => {
                let outcome = end(receiver).await;
                waiter.shared.turn_to_answer().await;
                outcome
            }
        }
    }
}

async fn end(receiver: &mut watch::Receiver<Option<Outcome>>) -> Outcome {
    match receiver.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Outcome::Parked),
        // The sender is gone only when the server is.
        Err(_) => Outcome::Parked,
    }
}

/// Counts as one who waits, until dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) shared: Arc<Shared>,
    pub(super) pair: Arc<Pair>,
    /// The job's number: there may be another one for the pair by then.
    pub(super) job: u64,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.shared.left(&self.pair, self.job);
    }
}
