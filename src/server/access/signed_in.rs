//! Who signed in to the page.

use std::time::SystemTime;

use super::Caller;

/// Somebody whose credential held a moment ago, and what they may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedIn {
    /// Who they are.
    pub(crate) caller: Caller,
    /// The repositories that they may pull from; of no meaning for whoever may see everything.
    pub(crate) pulls: Vec<String>,
    /// When the credential ends; `None` if it does not by itself.
    pub(crate) ends: Option<SystemTime>,
}

impl SignedIn {
    /// Somebody who needs no token.
    pub(super) fn of(caller: Caller) -> Self {
        SignedIn { caller, pulls: Vec::new(), ends: None }
    }
}
