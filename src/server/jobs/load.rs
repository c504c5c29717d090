//! Who has how many jobs that are not done, so that nobody fills the queue alone.

use std::collections::HashMap;

use super::job::Active;

/// Jobs that wait or run, by fleet and by who asked first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    fleets: HashMap<String, FleetLoad>,
    /// Jobs of devices, by who asked.
    device_askers: HashMap<String, usize>,
    /// Jobs of releases, by who asked.
    release_askers: HashMap<String, usize>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct FleetLoad {
    all: usize,
    /// Those that no release asked for: the ones that may have to make room.
    devices: usize,
}

impl Load {
    pub(super) fn add(&mut self, job: &Active) {
        let fleet = self.fleets.entry(job.fleet.clone()).or_default();
        fleet.all += 1;
        fleet.devices += usize::from(!job.release);
        if let Some(asker) = &job.asker {
            *self.askers(job.release).entry(asker.clone()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, job: &Active) {
        if let Some(asker) = &job.asker {
            let askers = self.askers(job.release);
            let left = askers.get_mut(asker).map(|count| {
                *count -= 1;
                *count
            });
            if left == Some(0) {
                askers.remove(asker);
            }
        }
        let Some(fleet) = self.fleets.get_mut(&job.fleet) else { return };
        fleet.all -= 1;
        fleet.devices -= usize::from(!job.release);
        if fleet.all == 0 {
            self.fleets.remove(&job.fleet);
        }
    }

    fn askers(&mut self, release: bool) -> &mut HashMap<String, usize> {
        match release {
            true => &mut self.release_askers,
            false => &mut self.device_askers,
        }
    }

    /// The fleets of which there are jobs that releases asked for, with how many.
    pub(super) fn releases(&self) -> impl Iterator<Item = (&str, usize)> {
        let fleets = self.fleets.iter().map(|(fleet, load)| (&**fleet, load.all - load.devices));
        fleets.filter(|(_, jobs)| *jobs > 0)
    }

    /// How many jobs of a fleet there are.
    pub(super) fn of_fleet(&self, fleet: &str) -> usize {
        self.fleets.get(fleet).map_or(0, |load| load.all)
    }

    /// How many jobs of a fleet there are that no release asked for.
    pub(super) fn of_devices(&self, fleet: &str) -> usize {
        self.fleets.get(fleet).map_or(0, |load| load.devices)
    }

    /// How many jobs there are that this caller asked for first, for devices.
    pub(super) fn of_asker(&self, asker: &str) -> usize {
        self.device_askers.get(asker).copied().unwrap_or(0)
    }

    /// How many jobs there are that this caller asked for first, for releases.
    pub(super) fn of_release_asker(&self, asker: &str) -> usize {
        self.release_askers.get(asker).copied().unwrap_or(0)
    }

    /// The fleet with the most jobs that no release asked for, and how many those are.
    pub(super) fn largest(&self) -> Option<(&str, usize)> {
        let fleets = self.fleets.iter().map(|(fleet, load)| (fleet.as_str(), load.devices));
        // The name decides between equals, so that the same happens each time.
        fleets.max_by_key(|(fleet, devices)| (*devices, std::cmp::Reverse(*fleet)))
    }
}
