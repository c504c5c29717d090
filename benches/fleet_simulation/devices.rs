//! Devices, as counts: those of a fleet that have the same release and begin to update one after another.

use crate::noise::Noise;
use crate::scenario::{Scenario, VERSIONS};

/// Seconds since the start.
pub(crate) type Time = f64;

const HOUR: f64 = 3600.0;
pub(crate) const DAY: f64 = 24.0 * HOUR;

/// Devices of one fleet that go from one release to another.
#[derive(Debug, Clone)]
pub(crate) struct Cohort {
    pub(crate) fleet: u32,
    pub(crate) source: u32,
    pub(crate) target: u32,
    count: u64,
    arrived: u64,
    /// When the first may begin, and how long until the last does.
    start: Time,
    span: Time,
}

impl Cohort {
    /// Lets its devices begin at another time.
    pub(crate) fn begin_at(&mut self, start: Time) {
        self.start = start;
    }

    /// When the next device begins, if there is one. Devices come evenly, each a little early or late.
    pub(crate) fn next(&mut self, noise: &mut Noise) -> Option<Time> {
        if self.arrived == self.count {
            return None;
        }
        let place = (self.arrived as f64 + noise.share()) / self.count as f64;
        self.arrived += 1;
        Some(self.start + place * self.span)
    }
}

/// The fleets of an installation: a few large ones and many small ones.
pub(crate) struct Fleets {
    sizes: Vec<u64>,
}

impl Fleets {
    /// A fleet's size goes by its rank to the power of -0.7; each has a device at least.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let weight = |rank: u32| f64::from(rank + 1).powf(-0.7);
        let sum: f64 = (0..scenario.fleets).map(weight).sum();
        let size = |rank| (scenario.devices as f64 * weight(rank) / sum).round() as u64;
        Fleets { sizes: (0..scenario.fleets).map(|rank| size(rank).max(1)).collect() }
    }

    /// When each fleet releases on a day.
    pub(crate) fn releases(&self, scenario: &Scenario, day: u32, noise: &mut Noise) -> Vec<Time> {
        let begin = f64::from(day) * DAY;
        let time = |_: &u64| begin + noise.share() * scenario.release_hours * HOUR;
        self.sizes.iter().map(time).collect()
    }

    /// The devices that follow a fleet's release, by what they have.
    pub(crate) fn cohorts(
        &self,
        fleet: u32,
        day: u32,
        start: Time,
        scenario: &Scenario,
    ) -> Vec<Cohort> {
        let size = self.sizes[fleet as usize];
        let target = day + VERSIONS.len() as u32;
        let mut left = size;
        let mut cohorts = Vec::new();
        for (behind, share) in (1..).zip(VERSIONS) {
            let is_last = behind as usize == VERSIONS.len();
            let count = if is_last { left } else { (size as f64 * share).round() as u64 };
            let count = count.min(left);
            left -= count;
            if count > 0 {
                let (source, span) = (target - behind, scenario.rollout * HOUR);
                cohorts.push(Cohort { fleet, source, target, count, arrived: 0, start, span });
            }
        }
        cohorts
    }
}
