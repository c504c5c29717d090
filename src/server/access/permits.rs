//! What one caller may do with many repositories, shown by one token or several.

use std::sync::Arc;

use super::claims::Claims;
use super::{Caller, Denied};

/// What a caller may do.
#[derive(Debug, Clone)]
pub(crate) struct Permits {
    caller: Caller,
    claims: Vec<Arc<Claims>>,
}

impl Permits {
    /// The permits of somebody who needs no token.
    pub(crate) fn of(caller: Caller) -> Self {
        Permits { caller, claims: Vec::new() }
    }

    /// The permits that a token gives.
    pub(super) fn with(caller: Caller, claims: Arc<Claims>) -> Self {
        Permits { caller, claims: vec![claims] }
    }

    /// Adds what another token permits.
    pub(super) fn add(&mut self, claims: Arc<Claims>) {
        self.claims.push(claims);
    }

    /// Whose they are.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether they are the builder's, who may say whose turn a delta takes.
    pub(crate) fn are_builders(&self) -> bool {
        matches!(self.caller, Caller::Builder | Caller::Anybody)
    }

    /// Whether the caller may see how the deltas between these two come along.
    pub(crate) fn watch(&self, source: &str, target: &str) -> Result<(), Denied> {
        let trusted = self.are_builders() || self.caller == Caller::TrustedNetwork;
        match trusted || (self.allow("pull", source) && self.allow("pull", target)) {
            true => Ok(()),
            false => {
                let needed =
                    if source == target { source } else { &format!("{source} and {target}") };
                Err(Denied::Forbidden(format!("the token does not permit to pull from {needed}")))
            }
        }
    }

    /// Whether the caller may have deltas between these two made ahead: whoever may put images where the
    /// delta goes.
    pub(crate) fn prepare(&self, source: &str, target: &str) -> Result<(), Denied> {
        if self.are_builders() {
            return Ok(());
        }
        match self.allow("pull", source) && self.allow("push", target) {
            true => Ok(()),
            false => Err(Denied::Forbidden(format!(
                "the token does not permit to pull from {source} and to push to {target}"
            ))),
        }
    }

    fn allow(&self, action: &str, repository: &str) -> bool {
        self.claims.iter().any(|claims| claims.allow(action, repository))
    }
}
