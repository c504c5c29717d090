//! Anything in any order on servers that share a ledger, with crashes and leases that run out in
//! between: what was promised holds.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fake::failure;
use super::{built, pair};
use crate::progress::Progress as _;
use crate::server::build::Blame;
use crate::server::jobs::job::Job;
use crate::server::jobs::ledger::{Holder, Model, RecordState};
use crate::server::jobs::load::Load;
use crate::server::jobs::schedule::Turn;
use crate::server::jobs::simulation::Mirrored;
use crate::server::jobs::table::Asked;
use crate::server::jobs::{JobSettings, JobState, Origin, Outcome};
use crate::server::settings::WorkSettings;

const SERVERS: usize = 2;
const PAIRS: u64 = 6;
const MAX_BUILDS: usize = 2;
const MAX_QUEUE: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    Ask {
        server: usize,
        number: u64,
        fleet: u8,
        release: bool,
    },
    Leave(prop::sample::Index),
    Turn(usize),
    End(prop::sample::Index, Option<Blame>),
    Pass(u64),
    Forget(usize, u64),
    /// What a server did is written down, and it hears what came of that.
    Write(usize),
    /// A server hears of what others did.
    Hear(usize),
    /// All is written, and all hear of all.
    Sync,
    /// A server's lease runs out, though it lives.
    Lapse(usize),
    Crash(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let cause = prop::sample::select(Blame::ALL.to_vec());
    let server = 0..SERVERS;
    prop_oneof![
        6 => (server.clone(), 0..PAIRS, 0..3u8, prop::bool::weighted(0.2))
            .prop_map(|(server, number, fleet, release)| Step::Ask { server, number, fleet, release }),
        4 => any::<prop::sample::Index>().prop_map(Step::Leave),
        4 => server.clone().prop_map(Step::Turn),
        4 => (any::<prop::sample::Index>(), prop::option::of(cause))
            .prop_map(|(index, cause)| Step::End(index, cause)),
        3 => (0..400u64).prop_map(Step::Pass),
        1 => (server.clone(), 0..PAIRS).prop_map(|(server, number)| Step::Forget(server, number)),
        4 => server.clone().prop_map(Step::Write),
        4 => server.clone().prop_map(Step::Hear),
        4 => Just(Step::Sync),
        1 => server.clone().prop_map(Step::Lapse),
        1 => server.prop_map(Step::Crash),
    ]
}

struct Ticket {
    server: usize,
    number: u64,
    job: u64,
    outcome: watch::Receiver<Option<Outcome>>,
}

struct World {
    model: Model,
    servers: Vec<Mirrored>,
    now: Instant,
    tickets: Vec<Ticket>,
    turns: Vec<(usize, Turn)>,
    /// Jobs that must not be lost: asked for by a release, and written down.
    promised: HashSet<u64>,
}

impl World {
    fn new() -> Self {
        let settings = JobSettings {
            max_builds: MAX_BUILDS,
            max_queue: MAX_QUEUE,
            ..JobSettings::new("unused".into(), &WorkSettings::of_tests())
        };
        let model = Model::default();
        let server = |me| Mirrored::new(settings.clone(), &model, me);
        let servers = (0..SERVERS as u32).map(server).collect();
        let (tickets, turns, promised) = Default::default();
        World { model, servers, now: Instant::now(), tickets, turns, promised }
    }

    fn take(&mut self, step: &Step) {
        let now = self.now;
        match step {
            Step::Ask { server, number, fleet, release } => {
                self.ask(*server, *number, *fleet, *release);
            }
            Step::Leave(index) if !self.tickets.is_empty() => {
                let ticket = self.tickets.swap_remove(index.index(self.tickets.len()));
                let table = &mut self.servers[ticket.server].table;
                table.left(&pair(ticket.number), ticket.job, now);
            }
            Step::Turn(server) => self.turn(*server),
            Step::End(index, cause) if !self.turns.is_empty() => {
                let (server, turn) = self.turns.swap_remove(index.index(self.turns.len()));
                self.end(server, &turn, *cause);
            }
            Step::Pass(seconds) => self.pass(Duration::from_secs(*seconds)),
            Step::Forget(server, number) => {
                let server = &mut self.servers[*server];
                if server.table.forget(&pair(*number)).is_some() {
                    server.write(now);
                    self.promised.remove(number);
                }
            }
            Step::Write(server) => self.servers[*server].write(now),
            Step::Hear(server) => self.servers[*server].hear(now),
            Step::Sync => {
                self.sync();
                self.check_mirrors();
            }
            Step::Lapse(server) => self.model.crash(*server as u32),
            Step::Crash(server) => self.crash(*server),
            Step::Leave(_) | Step::End(..) => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.model.pass(time);
        for server in &mut self.servers {
            server.table.run_timers(self.now);
        }
    }

    fn sync(&mut self) {
        for _ in 0..3 {
            for server in &mut self.servers {
                server.sync(self.now);
            }
        }
    }

    fn ask(&mut self, server: usize, number: u64, fleet: u8, release: bool) {
        let asker = Some(format!("device {}", number % 3));
        let origin = Origin { fleet: fleet.to_string(), asker, release };
        let mirrored = &mut self.servers[server];
        match mirrored.table.ask(pair(number), origin, self.now) {
            Asked::Joined { job, outcome, .. } => {
                self.tickets.push(Ticket { server, number, job, outcome });
                if release {
                    // Whoever asked hears of it when it is written.
                    mirrored.write(self.now);
                    let record = mirrored.record(&pair(number)).expect("written");
                    if record.release && !matches!(record.state, RecordState::Failed { .. }) {
                        self.promised.insert(number);
                    }
                }
            }
            Asked::Known(Outcome::Ready(known)) => assert_eq!(known, built(&pair(number))),
            Asked::Known(_) => {}
            Asked::Full => {
                let table = &mirrored.table;
                assert!(table.queue.len() + table.delayed >= MAX_QUEUE);
            }
        }
    }

    fn turn(&mut self, server: usize) {
        if let Some(turn) = self.servers[server].turn(self.now) {
            self.turns.push((server, turn));
        }
    }

    fn end(&mut self, server: usize, turn: &Turn, cause: Option<Blame>) {
        let cause = match cause {
            _ if turn.progress.cancelled() => Some(Blame::Cancelled),
            Some(Blame::Cancelled) => None,
            other => other,
        };
        let result = cause.map_or_else(|| Ok(built(&turn.pair)), |cause| Err(failure(cause)));
        let number = (0..PAIRS).find(|number| pair(*number) == *turn.pair).expect("one of ours");
        let mirrored = &mut self.servers[server];
        drop(mirrored.table.conclude(&turn.pair, result, self.now));
        // Whoever comes meanwhile must not change what is written.
        self.ask(server, number, 0, true);
        self.servers[server].write(self.now);
        if cause.is_some() {
            // That it failed is told, and ends the promise.
            self.promised.remove(&number);
        }
    }

    /// A server is killed and starts again: those who waited there are gone.
    fn crash(&mut self, server: usize) {
        self.servers[server].restart();
        self.tickets.retain(|ticket| ticket.server != server);
        self.turns.retain(|(other, _)| *other != server);
    }

    /// What holds at any time.
    fn check(&mut self) {
        for (place, server) in self.servers.iter().enumerate() {
            let turns = self.turns.iter().filter(|(other, _)| *other == place);
            let running: HashSet<_> = turns.clone().map(|(_, turn)| turn.pair.clone()).collect();
            assert_eq!(running.len(), turns.clone().count(), "built twice at once by one server");
            assert!(running.len() <= MAX_BUILDS);
            assert_eq!(running.len(), server.table.running);
            let waiting = self.tickets.iter().filter(|ticket| ticket.server == place).count();
            assert_eq!(server.table.counts().waiters, waiting);
            check_load(server);
        }
        let records: HashSet<_> =
            self.servers[0].records().into_iter().map(|record| record.pair).collect();
        for number in &self.promised {
            assert!(records.contains(&pair(*number)), "job {number} was promised and is lost");
        }
        for ticket in &self.tickets {
            let is_told = ticket.outcome.borrow().is_some();
            let table = &mut self.servers[ticket.server].table;
            let is_active = table.active(&pair(ticket.number)).is_some();
            assert!(is_told || is_active, "{} waits for nothing", ticket.number);
        }
    }

    /// What holds when all is written and all have heard of all.
    fn check_mirrors(&self) {
        for (place, server) in self.servers.iter().enumerate() {
            let records: HashMap<_, _> =
                server.records().into_iter().map(|record| (record.pair.clone(), record)).collect();
            for number in 0..PAIRS {
                let pair = pair(number);
                let state = server.table.status(&pair, self.now).map(|status| status.state);
                let record = records.get(&pair);
                let built_here =
                    self.turns.iter().any(|(other, turn)| *other == place && *turn.pair == pair);
                match (state, record.map(|record| &record.state)) {
                    // A build that no longer counts, or waits for its end.
                    _ if built_here && record.is_none_or(|it| it.holder != Holder::This) => {}
                    (None, None | Some(RecordState::Failed { .. }))
                    | (Some(JobState::Pending), Some(RecordState::Pending))
                    | (Some(JobState::Preparing), Some(RecordState::Preparing))
                    | (Some(JobState::Ready), Some(RecordState::Ready { .. }))
                    | (Some(JobState::Failed), Some(RecordState::Failed { .. })) => {}
                    other => panic!("server {place}, job {number}: {other:?}"),
                }
                let held = record.is_some_and(|record| record.holder == Holder::This);
                assert!(!held || built_here, "server {place} holds job {number} and builds it not");
            }
            let waiting = server.table.queue.len() + server.table.delayed;
            assert!(waiting <= SERVERS * (MAX_QUEUE + MAX_BUILDS), "{waiting} wait");
        }
    }

    /// From now on everything succeeds: all who wait are served, and nothing is left.
    fn settle(&mut self) {
        for _ in 0..100 {
            self.sync();
            while let Some((server, turn)) = self.turns.pop() {
                self.end(server, &turn, None);
            }
            self.sync();
            self.check_mirrors();
            (0..SERVERS).for_each(|server| self.turn(server));
            let delayed: usize = self.servers.iter().map(|server| server.table.delayed).sum();
            if self.turns.is_empty() && delayed == 0 {
                break;
            }
            self.pass(Duration::from_secs(30));
            self.check();
        }
        for server in &self.servers {
            let counts = server.table.counts();
            assert_eq!((counts.queued, counts.running), (0, 0));
        }
        for ticket in &self.tickets {
            assert!(ticket.outcome.borrow().is_some());
        }
    }
}

/// Who has how many is what the table says.
fn check_load(server: &Mirrored) {
    let mut counted = Load::default();
    for job in server.table.jobs.values() {
        if let Job::Active(active) = job {
            counted.add(active);
        }
    }
    assert_eq!(server.table.load, counted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nobody_is_forgotten_nothing_is_built_twice_and_all_servers_agree(
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.settle();
    }
}
