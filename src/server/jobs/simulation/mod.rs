//! The queue of an installation, driven by somebody who says what time it is: the real tables of several servers
//! over one ledger in memory, without threads, sockets and builds. Tests of the jobs drive single tables;
//! `benches/fleet_simulation` drives all of an installation.
//!
//! Door for the bench: [`Installation`]. It is public for that alone, and may change with any version.
//!
//! Not here: devices, what builds cost, any figure of an installation's size.

mod delta;
mod footprint;
mod mirrored;

pub use self::delta::{Answer, Begun, Delta, Made, Wait};
pub use self::footprint::{Footprint, footprint};
pub(in crate::server::jobs) use self::mirrored::Mirrored;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ledger::Model;
use super::outcome::Outcome;
use super::settings::JobSettings;
use super::status::{JobCounts, Origin};
use super::table::Asked;
use crate::server::pair::Pair;
use crate::server::settings::WorkSettings;

/// Servers that share a ledger. Times are those since the start of the simulation, and must not go back.
pub struct Installation {
    servers: Vec<Mirrored>,
    start: Instant,
    /// The deltas that wait or are made.
    active: HashMap<Arc<Pair>, Delta>,
    /// The server that may claim first: each in turn.
    first: usize,
}

impl std::fmt::Debug for Installation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (servers, active) = (self.servers.len(), self.active.len());
        write!(formatter, "Installation {{ servers: {servers}, active: {active} }}")
    }
}

/// How many jobs a server knows.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Those that wait for their turn.
    pub queued: usize,
    /// Those that are done and that the server need not look up.
    pub remembered: usize,
}

/// What the ledger was asked for so far, by all servers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Rows that were written.
    pub changes: u64,
    /// Rows that were read because they had changed.
    pub reads: u64,
}

impl Installation {
    /// One server for each number, which says how many deltas the server makes at once.
    pub fn new(builds: &[usize]) -> Self {
        let model = Model::default();
        let servers = builds.iter().zip(0..).map(|(builds, me)| {
            let mut settings = JobSettings::new("unused".into(), &WorkSettings::of_tests());
            settings.max_builds = *builds;
            Mirrored::new(settings, &model, me)
        });
        Installation {
            servers: servers.collect(),
            start: Instant::now(),
            active: HashMap::new(),
            first: 0,
        }
    }

    /// Somebody asks a server for a delta; `fleet` has it made ahead, for a release.
    pub fn ask(
        &mut self,
        server: usize,
        delta: Delta,
        fleet: Option<String>,
        now: Duration,
    ) -> Answer {
        let pair = delta.pair();
        let release = fleet.is_some();
        let fleet = fleet.unwrap_or_else(|| pair.target.repository.clone());
        let now = self.start + now;
        let asking = &mut self.servers[server];
        match asking.table.ask(pair, Origin { fleet, asker: None, release }, now) {
            Asked::Known(Outcome::Ready(built)) => Answer::Ready(built.bytes),
            Asked::Known(_) | Asked::Full => Answer::Full,
            Asked::Joined { pair, job, outcome, .. } => {
                asking.write(now);
                if let Some(Outcome::Ready(built)) = &*outcome.borrow() {
                    asking.table.left(&pair, job, now);
                    return Answer::LookedUp(built.bytes);
                }
                self.active.insert(Arc::clone(&pair), delta);
                Answer::Waits(Wait { server, pair, job })
            }
        }
    }

    /// Somebody no longer waits.
    pub fn leave(&mut self, wait: &Wait, now: Duration) {
        self.servers[wait.server].table.left(&wait.pair, wait.job, self.start + now);
    }

    /// All servers hear of all, and claim what they have places for.
    pub fn turns(&mut self, now: Duration) -> Vec<Begun> {
        let now = self.start + now;
        let mut begun = Vec::new();
        let count = self.servers.len();
        self.first = (self.first + 1) % count;
        let mut idle = 0;
        for place in (0..count).cycle().skip(self.first) {
            if idle == count {
                break;
            }
            let server = &mut self.servers[place];
            server.write(now);
            server.hear(now);
            idle += 1;
            if let Some(turn) = server.turn(now) {
                idle = 0;
                begun.extend(
                    self.active.get(&turn.pair).map(|delta| Begun { server: place, delta: *delta }),
                );
            }
        }
        begun
    }

    /// A server has made a delta.
    pub fn end(&mut self, server: usize, delta: Delta, made: Made, now: Duration) {
        let pair = Arc::new(delta.pair());
        let now = self.start + now;
        let server = &mut self.servers[server];
        drop(server.table.conclude(&pair, Ok(made.built()), now));
        server.write(now);
        self.active.remove(&pair);
    }

    /// What is due now and then: timers, and once an hour what is old is forgotten.
    pub fn tidy(&mut self, now: Duration) {
        let now = self.start + now;
        for server in &mut self.servers {
            server.table.run_timers(now);
            server.table.prune(now);
            server.write(now);
        }
    }

    /// What a server knows.
    pub fn counts(&self, server: usize) -> Counts {
        let JobCounts { queued, remembered, .. } = self.servers[server].table.counts();
        Counts { queued, remembered }
    }

    /// What the ledger was asked for.
    pub fn traffic(&self) -> Traffic {
        let sum = |of: fn(&Mirrored) -> u64| self.servers.iter().map(of).sum();
        Traffic { changes: sum(|server| server.changes), reads: sum(|server| server.reads) }
    }
}
