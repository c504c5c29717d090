//! A whole fleet: which releases its devices run, and what their update to another one costs.

use super::fleet_document::{FleetUpdate, RunningRelease};
use super::model::{Fleet, Release};
use super::outlook::{Group, Outlook};
use super::registry::Registry;
use super::running::{Devices, groups, usual_format};
use super::services::{Change, Changes};
use super::waiting::Waiting;
use super::{Installation, PrepareOptions, ReleaseError, ReleaseName};
use crate::Dialect;
use crate::api::PairStatus;

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
        self.in_time(options, |installation| {
            let outlook = installation.outlook(fleet, target)?;
            installation.prepare_outlook(&outlook, options, seen)
        })
    }

    /// Has the deltas of an outlook made, and lets its release out, as `options` say.
    pub(super) fn prepare_outlook(
        &mut self,
        outlook: &Outlook,
        options: PrepareOptions,
        seen: &mut dyn FnMut(&FleetUpdate),
    ) -> Result<FleetUpdate, ReleaseError> {
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
        self.outlook_of(fleet, target, true, None)
    }

    /// The outlook of a fleet whose devices are to get `target`; with what leads there from the release `also`, which
    /// may be run by none of them. Without sizes the registry is asked for
    /// nothing but digests that the API does not know.
    pub(super) fn outlook_of(
        &mut self,
        fleet: Fleet,
        target: Release,
        with_sizes: bool,
        also: Option<u64>,
    ) -> Result<Outlook, ReleaseError> {
        let version = self.api.fleet_delta_version(fleet.id)?;
        let mut groups = groups(&self.api.devices(fleet.id)?, version.as_deref());
        if also.is_some() && !groups.keys().any(|(release, _)| *release == also) {
            groups.insert((also, usual_format(version.as_deref())), Devices::default());
        }
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
            let needed = devices.following + devices.coming > 0 || id == also;
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
