//! Who has how many jobs that are not done, so that nobody fills the queue alone.

use std::collections::HashMap;

use super::job::Active;

/// Jobs that wait or run, by fleet and by who asked first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    fleets: HashMap<String, FleetLoad>,
    /// Without those of releases.
    askers: HashMap<String, usize>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct FleetLoad {
    all: usize,
    /// Those that no release asked for: the ones that may have to make room.
    devices: usize,
}

impl Load {
    pub(super) fn add(&mut self, job: &Active) {
        self.fleets.entry(job.fleet.clone()).or_default().all += 1;
        if !job.release {
            self.add_device(job);
        }
    }

    fn add_device(&mut self, job: &Active) {
        self.fleets.entry(job.fleet.clone()).or_default().devices += 1;
        if let Some(asker) = &job.asker {
            *self.askers.entry(asker.clone()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, job: &Active) {
        if !job.release {
            self.remove_device(job);
        }
        let Some(fleet) = self.fleets.get_mut(&job.fleet) else { return };
        fleet.all -= 1;
        if fleet.all == 0 {
            self.fleets.remove(&job.fleet);
        }
    }

    /// Takes a device's job off the devices' counts: the job is gone, or a release's from now on.
    pub(super) fn remove_device(&mut self, job: &Active) {
        if let Some(fleet) = self.fleets.get_mut(&job.fleet) {
            fleet.devices -= 1;
        }
        let Some(asker) = &job.asker else { return };
        let Some(count) = self.askers.get_mut(asker) else { return };
        *count -= 1;
        if *count == 0 {
            self.askers.remove(asker);
        }
    }

    /// How many jobs of a fleet there are.
    pub(super) fn of_fleet(&self, fleet: &str) -> usize {
        self.fleets.get(fleet).map_or(0, |load| load.all)
    }

    /// How many jobs of a fleet there are that no release asked for.
    pub(super) fn of_devices(&self, fleet: &str) -> usize {
        self.fleets.get(fleet).map_or(0, |load| load.devices)
    }

    /// How many jobs there are that this caller asked for first.
    pub(super) fn of_asker(&self, asker: &str) -> usize {
        self.askers.get(asker).copied().unwrap_or(0)
    }

    /// The fleet with the most jobs that no release asked for, and how many those are.
    pub(super) fn largest(&self) -> Option<(&str, usize)> {
        let fleets = self.fleets.iter().map(|(fleet, load)| (fleet.as_str(), load.devices));
        // The name decides between equals, so that the same happens each time.
        fleets.max_by_key(|(fleet, devices)| (*devices, std::cmp::Reverse(*fleet)))
    }
}
