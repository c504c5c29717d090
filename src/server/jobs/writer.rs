//! The way to the ledger: what is to be written goes to the one task that keeps it, in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::ledger::Change;
use super::message::{Message, Request};
use super::write_health::WriteHealth;

/// The way to the task that keeps the ledger.
#[derive(Debug)]
pub(super) struct Writer {
    messages: mpsc::UnboundedSender<Message>,
    health: Arc<WriteHealth>,
}

/// Resolves when a change is on disk; an error means that the server stops.
pub(super) type Written = oneshot::Receiver<()>;

impl Writer {
    /// A writer, and what it is given to write.
    pub(super) fn channel() -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (messages, receiver) = mpsc::unbounded_channel();
        (Writer { messages, health: Arc::default() }, receiver)
    }

    /// The change with this number; numbers grow.
    pub(super) fn change(&self, change: Change, number: u64) -> Written {
        self.send(Request::Change(change, number))
    }

    /// Resolves when everything before it is on disk.
    pub(super) fn check(&self) -> Written {
        self.send(Request::Check)
    }

    /// Resolves when there is a new survey.
    pub(super) fn survey(&self) -> Written {
        self.send(Request::Survey)
    }

    /// Ends the task; what comes later is not written. Resolves when the ledger is closed.
    pub(super) fn end(&self) -> Written {
        self.send(Request::End)
    }

    /// Whether writes succeed.
    pub(super) fn health(&self) -> Arc<WriteHealth> {
        Arc::clone(&self.health)
    }

    /// For how long every write has failed; `None` while writes succeed.
    pub(super) fn failing_for(&self) -> Option<Duration> {
        self.health.failing_for(Instant::now())
    }

    fn send(&self, request: Request) -> Written {
        let (sender, receiver) = oneshot::channel();
        // Without a task the receiver fails.
        let _ = self.messages.send(Message { request, done: Some(sender) });
        receiver
    }
}
