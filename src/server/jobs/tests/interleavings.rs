//! Anything in any order, with crashes in between: what was promised holds.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;

use super::disk::{Disk, table_on};
use super::fake::failure;
use super::{built, pair};
use crate::progress::Progress as _;
use crate::server::build::Blame;
use crate::server::jobs::job::Job;
use crate::server::jobs::load::Load;
use crate::server::jobs::record::RecordState;
use crate::server::jobs::schedule::Turn;
use crate::server::jobs::table::{Asked, Table};
use crate::server::jobs::{JobSettings, JobState, Origin, Outcome};
use crate::server::settings::WorkSettings;

const PAIRS: u64 = 6;
const MAX_BUILDS: usize = 2;
const MAX_QUEUE: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    Ask { number: u64, fleet: u8, release: bool },
    Leave(prop::sample::Index),
    Turn,
    End(prop::sample::Index, Option<Blame>),
    Pass(u64),
    Forget(u64),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let cause = prop::sample::select(Blame::ALL.to_vec());
    prop_oneof![
        6 => (0..PAIRS, 0..3u8, prop::bool::weighted(0.2))
            .prop_map(|(number, fleet, release)| Step::Ask { number, fleet, release }),
        4 => any::<prop::sample::Index>().prop_map(Step::Leave),
        4 => Just(Step::Turn),
        4 => (any::<prop::sample::Index>(), prop::option::of(cause))
            .prop_map(|(index, cause)| Step::End(index, cause)),
        3 => (0..400u64).prop_map(Step::Pass),
        1 => (0..PAIRS).prop_map(Step::Forget),
        1 => Just(Step::Crash),
    ]
}

struct Ticket {
    number: u64,
    job: u64,
    outcome: watch::Receiver<Option<Outcome>>,
}

struct World {
    table: Table,
    disk: Disk,
    now: Instant,
    tickets: Vec<Ticket>,
    turns: Vec<Turn>,
    /// Jobs that must not be lost: asked for by a release.
    promised: HashSet<u64>,
}

impl World {
    fn new() -> Self {
        let settings = JobSettings {
            max_builds: MAX_BUILDS,
            max_queue: MAX_QUEUE,
            ..JobSettings::new("unused".into(), &WorkSettings::of_tests())
        };
        let (table, disk) = table_on(settings, Vec::new());
        let (tickets, turns, promised) = Default::default();
        World { table, disk, now: Instant::now(), tickets, turns, promised }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Ask { number, fleet, release } => self.ask(*number, *fleet, *release),
            Step::Leave(index) if !self.tickets.is_empty() => {
                let ticket = self.tickets.swap_remove(index.index(self.tickets.len()));
                self.table.left(&pair(ticket.number), ticket.job, self.now);
            }
            Step::Turn => self.turn(),
            Step::End(index, cause) if !self.turns.is_empty() => {
                let turn = self.turns.swap_remove(index.index(self.turns.len()));
                self.end(&turn, *cause);
            }
            Step::Pass(seconds) => {
                self.now += Duration::from_secs(*seconds);
                self.table.run_timers(self.now);
            }
            Step::Forget(number) => {
                if self.table.forget(&pair(*number)).is_some() {
                    self.promised.remove(number);
                }
            }
            Step::Crash => self.crash(),
            Step::Leave(_) | Step::End(..) => {}
        }
    }

    fn ask(&mut self, number: u64, fleet: u8, release: bool) {
        let asker = Some(format!("device {}", number % 3));
        let origin = Origin { fleet: fleet.to_string(), asker, release };
        match self.table.ask(pair(number), origin, self.now) {
            Asked::Joined { job, outcome, .. } => {
                self.tickets.push(Ticket { number, job, outcome });
                if release {
                    self.promised.insert(number);
                }
            }
            Asked::Known(Outcome::Ready(known)) => assert_eq!(known, built(&pair(number))),
            Asked::Known(_) => {}
            Asked::Full => assert!(self.table.queue.len() + self.table.delayed >= MAX_QUEUE),
        }
    }

    fn turn(&mut self) {
        if let Some(turn) = self.table.next_turn() {
            self.table.started(&turn.pair);
            self.turns.push(turn);
        }
    }

    fn end(&mut self, turn: &Turn, cause: Option<Blame>) {
        let cause = match cause {
            _ if turn.progress.cancelled() => Some(Blame::Cancelled),
            Some(Blame::Cancelled) => None,
            other => other,
        };
        let result = cause.map_or_else(|| Ok(built(&turn.pair)), |cause| Err(failure(cause)));
        if let Some((_, end)) = self.table.conclude(&turn.pair, result, self.now) {
            // Whoever comes meanwhile must not change what is on disk.
            let before = self.disk.record(&turn.pair).map(|record| record.state.clone());
            let number = self.ask_for(turn);
            let after = self.disk.record(&turn.pair).map(|record| record.state.clone());
            assert_eq!(before, after);
            self.table.finish(&turn.pair, end, self.now);
            if cause.is_some() {
                // That it failed is told, and ends the promise.
                self.promised.remove(&number);
            }
        }
    }

    fn ask_for(&mut self, turn: &Turn) -> u64 {
        let number = (0..PAIRS).find(|number| pair(*number) == *turn.pair).expect("one of ours");
        self.ask(number, 0, true);
        number
    }

    /// The server is killed and starts again: those who waited are gone.
    fn crash(&mut self) {
        let records = self.disk.records().to_vec();
        let (table, disk) = table_on(self.table.settings.clone(), records);
        (self.table, self.disk) = (table, disk);
        self.tickets.clear();
        self.turns.clear();
    }

    fn check(&mut self) {
        let running: HashSet<_> = self.turns.iter().map(|turn| turn.pair.clone()).collect();
        assert_eq!(running.len(), self.turns.len(), "a pair is built twice at the same time");
        assert_eq!((self.turns.len(), self.turns.len() <= MAX_BUILDS), (self.table.running, true));
        assert_eq!(self.table.counts().waiters, self.tickets.len());
        let records = self.disk.records();
        let on_disk: HashMap<_, _> =
            records.iter().map(|record| ((*record.pair).clone(), record.state.clone())).collect();
        for number in 0..PAIRS {
            let state = self.table.status(&pair(number), self.now).map(|status| status.state);
            match (state, on_disk.get(&pair(number))) {
                (None, None | Some(RecordState::Failed { .. })) => {
                    assert!(
                        !self.promised.contains(&number) || on_disk.contains_key(&pair(number)),
                        "job {number} was promised and is lost"
                    );
                }
                (Some(JobState::Pending), Some(RecordState::Pending))
                | (Some(JobState::Preparing), Some(RecordState::Preparing))
                | (Some(JobState::Ready), Some(RecordState::Ready { .. }))
                | (Some(JobState::Failed), Some(RecordState::Failed { .. })) => {}
                other => panic!("job {number}: {other:?}"),
            }
        }
        let waiting = self.table.queue.len() + self.table.delayed;
        assert!(waiting <= MAX_QUEUE + MAX_BUILDS, "{waiting} wait");
        self.check_load();
        for ticket in &self.tickets {
            let is_told = ticket.outcome.borrow().is_some();
            let is_active = self.table.active(&pair(ticket.number)).is_some();
            assert!(is_told || is_active, "{} waits for nothing", ticket.number);
        }
    }

    /// Who has how many is what the table says.
    fn check_load(&self) {
        let mut counted = Load::default();
        for job in self.table.jobs.values() {
            if let Job::Active(active) = job {
                counted.add(active);
            }
        }
        assert_eq!(self.table.load, counted);
    }

    /// From now on everything succeeds: all who wait are served, and nothing is left.
    fn settle(&mut self) {
        for _ in 0..100 {
            while let Some(turn) = self.turns.pop() {
                self.end(&turn, None);
            }
            self.turn();
            if self.turns.is_empty() && self.table.delayed == 0 {
                break;
            }
            self.now += Duration::from_secs(30);
            self.table.run_timers(self.now);
            self.check();
        }
        let counts = self.table.counts();
        assert_eq!((counts.queued, counts.running), (0, 0));
        for ticket in &self.tickets {
            assert!(ticket.outcome.borrow().is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nobody_is_forgotten_nothing_is_done_twice_and_the_disk_agrees(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.settle();
    }
}
