//! Failures of work on the side: of several, the one that came first is told.

use std::sync::{Mutex, PoisonError};

/// What work that runs beside the rest has failed with.
pub(crate) struct Failures<E>(Mutex<Option<E>>);

impl<E> Default for Failures<E> {
    fn default() -> Self {
        Failures(Mutex::new(None))
    }
}

impl<E> Failures<E> {
    /// Notes the failure of `result`, if it is the first.
    pub(crate) fn note(&self, result: Result<(), E>) {
        if let Err(error) = result {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    /// Returns the failure that came first, as an error.
    pub(crate) fn first(&self) -> Result<(), E> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
