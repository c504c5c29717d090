//! Deltas asked for by the server itself, by the same way as by others.

use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::answer::Answer;
use super::pair_list::PairList;
use super::service::Service;
use super::{prepare, status};
use crate::api::{ApiError, Listed, PairStatus, Secret, WantedPair};
use crate::release::DeltaMaker;

/// The server, asked from a thread of its own that runs no async tasks.
pub(crate) struct OwnDeltas {
    service: Arc<Service>,
    runtime: Handle,
}

impl OwnDeltas {
    pub(crate) fn new(service: Arc<Service>, runtime: Handle) -> Self {
        OwnDeltas { service, runtime }
    }
}

impl DeltaMaker for OwnDeltas {
    fn status(&self, pairs: &[WantedPair]) -> Result<Vec<PairStatus>, ApiError> {
        let list = PairList::of_builder(pairs, None);
        told(self.runtime.block_on(status::of_list(&self.service, list)))
    }

    fn prepare(&self, pairs: &[WantedPair], fleet: &str) -> Result<Vec<PairStatus>, ApiError> {
        let list = PairList::of_builder(pairs, Some(fleet));
        told(self.runtime.block_on(prepare::of_list(&self.service, list)))
    }

    fn show(&mut self, _tokens: Vec<Secret>) {}
}

/// The list's answers; a list of the builder's is not refused.
fn told(answer: Result<Listed, Answer>) -> Result<Vec<PairStatus>, ApiError> {
    let listed = answer.map_err(|answer| ApiError::System(io::Error::other(answer.text())))?;
    Ok(listed.pairs)
}
