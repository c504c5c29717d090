//! A whole fleet: which releases its devices run, and what their update to another one costs.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::delta_server::Wanted;
use super::document::{FleetSummary, PayloadSource, ReleaseSummary, ServiceUpdate, UpdateState};
use super::model::{Fleet, Release, ServiceImage};
use super::registry::Registry;
use super::running::{Devices, groups};
use super::services::{Change, Changes};
use super::states::Known;
use super::totals::{pulled, total};
use super::waiting::Waiting;
use super::{Installation, PrepareOptions, ReleaseError, ReleaseName};
use crate::Dialect;
use crate::api::PairStatus;
use crate::image::Digest;

/// Devices of a fleet that run the same release and ask for the same kind of delta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunningRelease {
    /// The release; `None` for devices that have never told, or whose release is gone.
    pub release: Option<ReleaseSummary>,
    /// `v2` or `v3`.
    pub delta_format: &'static str,
    /// Devices that follow the fleet.
    pub devices: u64,
    /// Devices that follow the fleet and are on their way to this release.
    pub coming: u64,
    /// Devices that are kept at a release.
    pub pinned: u64,
}

/// A delta that some of the fleet's devices need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FleetPair {
    /// The service.
    pub service_name: String,
    /// The release that the devices run.
    pub from_release: u64,
    /// `v2` or `v3`.
    pub delta_format: &'static str,
    /// Devices that run that release and follow the fleet.
    pub devices: u64,
    /// Devices that are on their way to that release.
    pub coming: u64,
    /// How it stands.
    pub status: UpdateState,
    /// Whether the devices have the image already.
    pub unchanged: bool,
    /// Why it stands so, where there is something to say.
    pub reason: Option<String>,
    /// Deltas before this one in the queue.
    pub position: Option<u64>,
    /// The stage of the work, while the delta is made.
    pub stage: Option<String>,
    /// How far the work is altogether, 0 to 100.
    pub percent: Option<u8>,
    /// Bytes of the delta, if it is there.
    pub delta_size: Option<u64>,
    /// Compressed bytes of the layers that the devices lack.
    pub pull_size: Option<u64>,
    /// Bytes that the service costs one of these devices now.
    pub payload_size: u64,
    /// Where that figure comes from.
    pub payload_source: PayloadSource,
}

/// The update of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FleetUpdate {
    /// The fleet.
    pub fleet: FleetSummary,
    /// The release that the devices are to get.
    #[serde(rename = "produces__release")]
    pub target: ReleaseSummary,
    /// The releases that its devices run, the most devices first.
    pub running: Vec<RunningRelease>,
    /// What devices that follow the fleet need, the most devices first.
    pub pairs: Vec<FleetPair>,
    /// All devices.
    pub devices: u64,
    /// Devices that are to be updated and can be served by deltas.
    pub devices_to_update: u64,
    /// Bytes over the air if every device pulled the images.
    pub pull_total: u64,
    /// Bytes over the air as the deltas stand now.
    pub payload_total: u64,
    /// Whether the time ended before all deltas were there.
    pub timed_out: bool,
    /// Whether the release was let out.
    pub finalized: bool,
}

/// What is known of a fleet before anybody asks how its deltas stand.
pub(super) struct Outlook {
    pub(super) fleet: Fleet,
    target: Release,
    running: Vec<RunningRelease>,
    groups: Vec<Group>,
}

/// Devices that need the same update.
struct Group {
    from: u64,
    format: Dialect,
    devices: Devices,
    changes: Vec<Change>,
    /// Bytes of a plain pull, change by change.
    pull_sizes: Vec<Option<u64>>,
}

impl Installation {
    /// Says what the update of a fleet's devices to `target`, or else to the release that the fleet tracks,
    /// takes. Nothing is begun.
    ///
    /// # Errors
    /// [`ReleaseError::NoFleet`] or [`ReleaseError::Ambiguous`] if the name is not one fleet's,
    /// [`ReleaseError::NothingTracked`] if there is no release to update to; also if API or delta server
    /// cannot be asked.
    pub fn fleet(
        &mut self,
        fleet: &str,
        target: Option<&ReleaseName>,
    ) -> Result<FleetUpdate, ReleaseError> {
        let outlook = self.outlook(fleet, target)?;
        let wanted = outlook.wanted();
        let statuses = self.status(&wanted)?;
        Ok(outlook.told(&wanted, &statuses, false))
    }

    /// Has the deltas made that a fleet's devices need for `target`, those for the most devices first; waits
    /// and lets the release out as `options` say. `seen` is shown how far it is whenever it was looked at.
    ///
    /// # Errors
    /// As [`fleet`](Installation::fleet) and [`prepare`](Installation::prepare).
    pub fn prepare_fleet(
        &mut self,
        fleet: &str,
        target: Option<&ReleaseName>,
        options: PrepareOptions,
        seen: &mut dyn FnMut(&FleetUpdate),
    ) -> Result<FleetUpdate, ReleaseError> {
        let outlook = self.outlook(fleet, target)?;
        let wanted = outlook.wanted();
        let mut work = Waiting::begin(&wanted, &outlook.fleet.slug, options, self)?;
        let shown = &mut |statuses: &[PairStatus]| seen(&outlook.told(&wanted, statuses, true));
        work.wait(self, shown)?;
        let mut told = outlook.told(&wanted, &work.asked.statuses, true);
        told.timed_out = work.timed_out();
        let states = told.pairs.iter().map(|pair| pair.status);
        let release = work.let_out(self, outlook.target.id, states)?;
        told.finalized = release.is_some();
        told.target = release.unwrap_or(told.target);
        Ok(told)
    }

    fn outlook(
        &mut self,
        fleet: &str,
        target: Option<&ReleaseName>,
    ) -> Result<Outlook, ReleaseError> {
        let fleet = self.fleet_called(fleet)?;
        let target = match target {
            Some(name) => self.release(name)?,
            None => self.tracked(&fleet)?,
        };
        if target.fleet != fleet.id {
            return Err(ReleaseError::TwoFleets);
        }
        self.outlook_of(fleet, target, true)
    }

    /// The outlook of a fleet whose devices are to get `target`; without sizes the registry is asked for
    /// nothing but digests that the API does not know.
    pub(super) fn outlook_of(
        &mut self,
        fleet: Fleet,
        target: Release,
        with_sizes: bool,
    ) -> Result<Outlook, ReleaseError> {
        let version = self.api.fleet_delta_version(fleet.id)?;
        let groups = groups(&self.api.devices(fleet.id)?, version.as_deref());
        let mut ids: Vec<u64> = groups.keys().filter_map(|(release, _)| *release).collect();
        ids.dedup();
        let releases = self.api.releases(&ids)?;
        let of = |id: Option<u64>| releases.iter().find(|release| Some(release.id) == id);
        let running = groups.iter().map(|(&(id, format), devices)| RunningRelease {
            release: of(id).map(Release::summary),
            delta_format: format,
            devices: devices.following,
            coming: devices.coming,
            pinned: devices.pinned,
        });
        let mut running: Vec<RunningRelease> = running.collect();
        running.sort_by_key(|group| std::cmp::Reverse(group.devices + group.pinned));
        let to_update = groups.into_iter().filter_map(|((id, format), devices)| {
            let from = of(id).filter(|from| from.id != target.id)?;
            let needed = devices.following + devices.coming > 0;
            needed.then(|| (from.clone(), format.parse().unwrap_or_default(), devices))
        });
        let groups = self.looked_at(to_update.collect(), &target, with_sizes)?;
        Ok(Outlook { fleet, target, running, groups })
    }

    /// Looks at the images of all these releases, and of the one that devices are to get.
    fn looked_at(
        &mut self,
        mut sources: Vec<(Release, Dialect, Devices)>,
        target: &Release,
        with_sizes: bool,
    ) -> Result<Vec<Group>, ReleaseError> {
        let mut target = target.clone();
        let images = sources.iter().flat_map(|(release, ..)| &release.images);
        let known = images.chain(&target.images).all(|image| image.digest().is_some());
        let mut registry = None;
        if with_sizes || !known {
            let images = sources.iter().flat_map(|(release, ..)| &release.images);
            let opened = registry.insert(self.registry(images, target.images.iter())?);
            let images = sources.iter_mut().flat_map(|(release, ..)| &mut release.images);
            opened.find_digests(images.chain(&mut target.images));
            let images = sources.iter().flat_map(|(release, ..)| &release.images);
            if with_sizes {
                opened.read(images.chain(&target.images));
            }
        }
        // The most devices first: in this order deltas are made.
        sources.sort_by_key(|(release, _, devices)| {
            (std::cmp::Reverse(devices.following + devices.coming), std::cmp::Reverse(release.id))
        });
        let group = |(release, format, devices): (Release, Dialect, Devices)| {
            let changes = Changes::between(&release, &target).changes;
            let pull_sizes = pull_sizes(registry.as_ref(), &changes);
            Group { from: release.id, format, devices, changes, pull_sizes }
        };
        Ok(sources.into_iter().map(group).collect())
    }
}

fn pull_sizes(registry: Option<&Registry>, changes: &[Change]) -> Vec<Option<u64>> {
    let size = |change: &Change| registry?.pull_size(change.source.as_ref(), &change.target);
    changes.iter().map(size).collect()
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
    fn told(&self, wanted: &[Wanted<'_>], statuses: &[PairStatus], asked: bool) -> FleetUpdate {
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
