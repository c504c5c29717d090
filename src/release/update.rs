//! The update from one release to another.

use super::delta_server::Wanted;
use super::document::{
    FleetSummary, ReleaseSummary, RemovedService, ServiceUpdate, UpdateInfo, UpdateState,
};
use super::model::{Fleet, Release, ServiceImage};
use super::registry::Registry;
use super::services::{Change, Changes};
use super::states::Known;
use super::totals::total;
use super::{Installation, ReleaseError, ReleaseName};
use crate::Dialect;
use crate::api::PairStatus;

/// An update whose images were looked at: all but how it stands with its deltas.
pub(super) struct Update {
    pub(super) fleet: Fleet,
    source: Release,
    pub(super) target: Release,
    changes: Changes,
    /// Bytes of a plain pull, change by change.
    pull_sizes: Vec<Option<u64>>,
}

impl Installation {
    /// Says what an update from one release to another means, service by service. Nothing is begun.
    ///
    /// # Errors
    /// [`ReleaseError::NoRelease`], [`ReleaseError::Ambiguous`] or [`ReleaseError::TwoFleets`] if the names
    /// do not name two releases of one fleet; also if API or delta server cannot be asked.
    pub fn update_info(
        &mut self,
        source: &ReleaseName,
        target: &ReleaseName,
    ) -> Result<UpdateInfo, ReleaseError> {
        let update = self.update(source, target)?;
        let statuses = self.status(&update.wanted())?;
        Ok(update.info(&statuses, false))
    }

    /// Looks at both releases and their images.
    pub(super) fn update(
        &mut self,
        source: &ReleaseName,
        target: &ReleaseName,
    ) -> Result<Update, ReleaseError> {
        let (mut source, mut target) = (self.release(source)?, self.release(target)?);
        if source.fleet != target.fleet {
            return Err(ReleaseError::TwoFleets);
        }
        let fleet = self.fleet_of(&target)?;
        let registry = self.registry(source.images.iter(), target.images.iter())?;
        registry.find_digests(source.images.iter_mut().chain(&mut target.images));
        let changes = Changes::between(&source, &target);
        let pull_sizes = pull_sizes(registry, &changes.changes);
        Ok(Update { fleet, source, target, changes, pull_sizes })
    }
}

fn pull_sizes(mut registry: Registry, changes: &[Change]) -> Vec<Option<u64>> {
    let moved = changes.iter().filter(|change| !change.is_none());
    registry.read(moved.flat_map(|change| change.source.iter().chain([&change.target])));
    let size = |change: &Change| registry.pull_size(change.source.as_ref(), &change.target);
    changes.iter().map(size).collect()
}

impl Update {
    /// The deltas that serve it.
    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        let pairs = self.changes.changes.iter().filter_map(Change::pair);
        pairs.map(|(source, target)| Wanted { source, target, format: Dialect::V3 }).collect()
    }

    /// The document about it, with the states of its [`wanted`](Self::wanted) deltas.
    pub(super) fn info(&self, statuses: &[PairStatus], asked: bool) -> UpdateInfo {
        let mut statuses = statuses.iter();
        let of_change = |(change, pull_size): (&Change, &Option<u64>)| {
            let delta = change.pair().and_then(|_| statuses.next());
            Known { change, delta, asked, pull_size: *pull_size }.update()
        };
        let services: Vec<ServiceUpdate> =
            self.changes.changes.iter().zip(&self.pull_sizes).map(of_change).collect();
        let states = services.iter().map(|service| service.status);
        let overall_status = states.min().unwrap_or(UpdateState::Ready);
        let payload_now = total(&services, |service| service.payload_size);
        let removed = |image: &ServiceImage| RemovedService {
            service_name: image.service.clone(),
            image: image.summary(),
        };
        UpdateInfo {
            source: self.source.summary(),
            target: self.target.summary(),
            overall_status,
            total_payload: (overall_status == UpdateState::Ready).then_some(payload_now),
            payload_now,
            services,
            fleet: self.fleet.summary(),
            removed_services: self.changes.removed.iter().map(removed).collect(),
        }
    }
}

impl Release {
    pub(super) fn summary(&self) -> ReleaseSummary {
        ReleaseSummary {
            id: self.id,
            commit: self.commit.clone(),
            raw_version: self.version.clone(),
            is_final: self.is_final,
        }
    }
}

impl Fleet {
    pub(super) fn summary(&self) -> FleetSummary {
        FleetSummary { id: self.id, slug: self.slug.clone() }
    }
}
