//! What a fleet's devices need, before and after somebody asks how the deltas stand. Pure.

use std::collections::{HashMap, HashSet};

use super::delta_server::Wanted;
use super::document::ServiceUpdate;
use super::fleet_document::{FleetPair, FleetUpdate, RunningRelease};
use super::model::{Fleet, Release, ServiceImage};
use super::running::Devices;
use super::services::Change;
use super::states::Known;
use super::totals::{pulled, total};
use crate::Dialect;
use crate::api::PairStatus;
use crate::image::Digest;

/// What is known of a fleet before anybody asks how its deltas stand.
pub(super) struct Outlook {
    pub(super) fleet: Fleet,
    pub(super) target: Release,
    pub(super) running: Vec<RunningRelease>,
    pub(super) groups: Vec<Group>,
}

/// Devices that need the same update.
pub(super) struct Group {
    pub(super) from: u64,
    pub(super) format: Dialect,
    pub(super) devices: Devices,
    pub(super) changes: Vec<Change>,
    /// Bytes of a plain pull, change by change.
    pub(super) pull_sizes: Vec<Option<u64>>,
}

impl Outlook {
    /// The same without the releases that fewer than `devices` run or are on their way to.
    pub(super) fn for_at_least(mut self, devices: u64) -> Self {
        self.groups.retain(|group| group.devices.following + group.devices.coming >= devices);
        self
    }

    /// Devices that the deltas serve.
    pub(super) fn devices(&self) -> u64 {
        self.groups.iter().map(|group| group.devices.following).sum()
    }

    /// The deltas that serve the fleet, each once.
    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        let mut seen = HashSet::new();
        let pairs = self.groups.iter().flat_map(Group::wanted).flatten();
        pairs.filter(|wanted| seen.insert(key(wanted))).collect()
    }

    /// The document, with the states of these deltas.
    pub(super) fn told(
        &self,
        wanted: &[Wanted<'_>],
        statuses: &[PairStatus],
        asked: bool,
    ) -> FleetUpdate {
        let states: HashMap<_, _> = wanted.iter().map(key).zip(statuses).collect();
        let mut update = FleetUpdate {
            fleet: self.fleet.summary(),
            target: self.target.summary(),
            running: self.running.clone(),
            pairs: Vec::new(),
            devices: self.running.iter().map(|group| group.devices + group.pinned).sum(),
            devices_to_update: self.groups.iter().map(|group| group.devices.following).sum(),
            pull_total: 0,
            payload_total: 0,
            timed_out: false,
            finalized: false,
        };
        for group in &self.groups {
            let services = group.services(&states, asked);
            let devices = group.devices.following;
            update.pull_total += devices.saturating_mul(total(&services, pulled));
            let paid = |service: &ServiceUpdate| service.payload_size;
            update.payload_total += devices.saturating_mul(total(&services, paid));
            update.pairs.extend(services.into_iter().map(|service| group.pair(service)));
        }
        update
    }
}

/// What tells a delta from others: the images, however they are named, and the kind.
fn key<'a>(wanted: &Wanted<'a>) -> (Named<'a>, Named<'a>, Dialect) {
    (named(wanted.source), named(wanted.target), wanted.format)
}

type Named<'a> = (Option<Digest>, &'a str);

/// An image by its digest alone or, without one, by its place.
fn named(image: &ServiceImage) -> Named<'_> {
    match image.digest() {
        Some(digest) => (Some(digest), ""),
        None => (None, &image.location),
    }
}

impl Group {
    /// The delta of each change, if one is needed.
    fn wanted(&self) -> impl Iterator<Item = Option<Wanted<'_>>> {
        self.changes.iter().map(|change| {
            let (source, target) = change.pair()?;
            Some(Wanted { source, target, format: self.format })
        })
    }

    fn services(
        &self,
        states: &HashMap<(Named<'_>, Named<'_>, Dialect), &PairStatus>,
        asked: bool,
    ) -> Vec<ServiceUpdate> {
        let changes = self.changes.iter().zip(&self.pull_sizes).zip(self.wanted());
        let service = |((change, pull_size), wanted): ((_, &Option<u64>), Option<Wanted<'_>>)| {
            let delta = wanted.and_then(|wanted| states.get(&key(&wanted)).copied());
            Known { change, delta, asked, pull_size: *pull_size }.update()
        };
        changes.map(service).collect()
    }

    fn pair(&self, service: ServiceUpdate) -> FleetPair {
        FleetPair {
            service_name: service.service_name,
            from_release: self.from,
            delta_format: self.format.name(),
            devices: self.devices.following,
            coming: self.devices.coming,
            status: service.status,
            unchanged: service.unchanged,
            reason: service.reason,
            position: service.position,
            stage: service.stage,
            percent: service.percent,
            delta_size: service.target.delta.map(|delta| delta.size),
            pull_size: service.pull_size,
            payload_size: service.payload_size,
            payload_source: service.payload_source,
        }
    }
}
