//! What is simulated.

use std::fmt;

use crate::Arguments;

/// An installation, its fleets, and what they do.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) devices: u64,
    pub(crate) fleets: u32,
    /// Services that a release changes: a device asks for a delta for each.
    pub(crate) services: u32,
    /// Hours of each day within which all fleets release once.
    pub(crate) release_hours: f64,
    /// Hours over which the devices of a fleet begin to update.
    pub(crate) rollout: f64,
    pub(crate) days: u32,
    /// Servers that answer; they build too if there are no workers.
    pub(crate) servers: usize,
    pub(crate) workers: usize,
    /// Deltas that a server makes at once.
    pub(crate) builds: usize,
    /// Whether deltas are made before devices know of a release.
    pub(crate) ahead: bool,
    pub(crate) seed: u64,
}

/// How many of a fleet's devices have which release when the next one comes: the last, the one before, an older one.
pub(crate) const VERSIONS: [f64; 3] = [0.80, 0.15, 0.05];
/// Devices of a fleet, in the mean.
const FLEET: u64 = 500;

impl Scenario {
    pub(crate) fn usual(name: &'static str, devices: u64) -> Self {
        Scenario {
            name,
            devices,
            fleets: u32::try_from(devices / FLEET).unwrap_or(u32::MAX).max(1),
            services: 2,
            release_hours: 8.0,
            rollout: 4.0,
            days: 1,
            servers: 1,
            workers: 0,
            builds: 2,
            ahead: false,
            seed: 1,
        }
    }

    /// The sizes of docs/scale.md.
    pub(crate) fn all() -> Vec<Self> {
        let small = Scenario::usual("10,000 devices, one server", 10_000);
        let large =
            Scenario { servers: 2, workers: 3, ..Scenario::usual("1,000,000 devices", 1_000_000) };
        let shard = Scenario {
            servers: 3,
            workers: 10,
            ..Scenario::usual("4,000,000 devices, a 25th of 100,000,000", 4_000_000)
        };
        vec![
            small.clone(),
            Scenario { name: "10,000 devices, made ahead", ahead: true, ..small },
            large.clone(),
            Scenario { name: "1,000,000 devices, made ahead", ahead: true, ..large.clone() },
            Scenario {
                name: "1,000,000 devices, all fleets release within an hour",
                release_hours: 1.0,
                ..large.clone()
            },
            Scenario { name: "1,000,000 devices, three days", days: 3, ..large },
            shard,
        ]
    }

    /// The same but for what the command line says.
    pub(crate) fn changed(mut self, arguments: &Arguments) -> Self {
        let number = |name, usual: f64| arguments.number(name).unwrap_or(usual);
        self.fleets = (number("--fleets", f64::from(self.fleets)) as u32).max(1);
        self.services = (number("--services", f64::from(self.services)) as u32).max(1);
        self.release_hours = number("--release-hours", self.release_hours);
        self.rollout = number("--rollout", self.rollout);
        self.days = (number("--days", f64::from(self.days)) as u32).max(1);
        self.servers = (number("--servers", self.servers as f64) as usize).max(1);
        self.workers = number("--workers", self.workers as f64) as usize;
        self.builds = (number("--builds", self.builds as f64) as usize).max(1);
        self.seed = number("--seed", self.seed as f64) as u64;
        self.ahead = arguments.has("--ahead");
        self
    }

    /// How many deltas each server makes at once: those that answer first, then the workers.
    pub(crate) fn places(&self) -> Vec<usize> {
        let answering = if self.workers == 0 { self.builds } else { 0 };
        let mut places = vec![answering; self.servers];
        places.resize(self.servers + self.workers, self.builds);
        places
    }

    /// How many deltas are made at once.
    pub(crate) fn capacity(&self) -> usize {
        self.places().iter().sum()
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "== {}", self.name)?;
        write!(
            formatter,
            "{} devices in {} fleets, a release a day for each within {} h, {} services changed, devices follow within {} h; \
             {} servers that answer, {} workers, {} builds at once in all; {} days, seed {}",
            self.devices,
            self.fleets,
            self.release_hours,
            self.services,
            self.rollout,
            self.servers,
            self.workers,
            self.capacity(),
            self.days,
            self.seed
        )
    }
}
