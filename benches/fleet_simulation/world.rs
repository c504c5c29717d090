//! The installation in time: releases, devices that ask, builds that end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use remora::server::simulation::{Answer, Begun, Delta, Installation, Made, Wait};

use crate::costs;
use crate::devices::{Cohort, DAY, Fleets, Time};
use crate::figures::Figures;
use crate::noise::Noise;
use crate::scenario::Scenario;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A fleet releases, on this day.
    Release(u32, u32),
    /// The next device of a cohort asks for all of its deltas.
    Arrive(usize),
    /// Devices that met with a full queue ask again; they asked first at this time, in milliseconds.
    Again(Delta, u64, u64),
    /// A server has made a delta.
    Ended(usize, Delta),
    Minute,
}

/// Devices that wait at one server for one delta: how many since when. The queue sees the first of them; all others
/// only join.
struct Group {
    wait: Wait,
    since: Vec<(Time, u64)>,
}

/// A release that waits for its deltas.
struct Prepared {
    missing: HashSet<Delta>,
    since: Time,
    cohorts: Vec<Cohort>,
}

pub(crate) struct World {
    scenario: Scenario,
    installation: Installation,
    fleets: Fleets,
    noise: Noise,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    numbered: u64,
    cohorts: Vec<Cohort>,
    groups: HashMap<(Delta, usize), Group>,
    /// What each server makes.
    running: Vec<HashMap<Delta, Made>>,
    prepared: HashMap<u32, Prepared>,
    /// When the ledger was last told that a delta is used.
    used: HashMap<Delta, Time>,
    /// The server that the balancer names next.
    next_server: usize,
    figures: Figures,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let places = scenario.places();
        let mut noise = Noise(scenario.seed);
        let fleets = Fleets::new(&scenario);
        let mut world = World {
            installation: Installation::new(&places),
            running: places.iter().map(|_| HashMap::new()).collect(),
            figures: Figures::new(scenario.days),
            events: BinaryHeap::new(),
            numbered: 0,
            cohorts: Vec::new(),
            groups: HashMap::new(),
            prepared: HashMap::new(),
            used: HashMap::new(),
            next_server: 0,
            noise: Noise(noise.next()),
            fleets,
            scenario,
        };
        for day in 0..world.scenario.days {
            let times = world.fleets.releases(&world.scenario, day, &mut noise);
            for (fleet, time) in (0..).zip(times) {
                world.at(time, Event::Release(fleet, day));
            }
        }
        world.at(0.0, Event::Minute);
        world
    }

    /// Lets all days go by, and whatever still waits then be done.
    pub(crate) fn run(mut self) -> Figures {
        while let Some(Reverse((time, _, event))) = self.events.pop() {
            let now = time as f64 / 1000.0;
            match event {
                Event::Release(fleet, day) => self.release(fleet, day, now),
                Event::Arrive(cohort) => self.arrive(cohort, now),
                Event::Again(delta, since, count) => {
                    self.ask(delta, since as f64 / 1000.0, count, now);
                }
                Event::Ended(server, delta) => self.ended(server, delta, now),
                Event::Minute => self.minute(now),
            }
        }
        self.figures
    }

    fn at(&mut self, time: Time, event: Event) {
        self.numbered += 1;
        self.events.push(Reverse((millis(time), self.numbered, event)));
    }

    fn release(&mut self, fleet: u32, day: u32, now: Time) {
        let cohorts = self.fleets.cohorts(fleet, day, now, &self.scenario);
        if !self.scenario.ahead {
            return cohorts.into_iter().for_each(|cohort| self.begin(cohort));
        }
        let services = 0..self.scenario.services;
        let missing: HashSet<Delta> = cohorts
            .iter()
            .flat_map(|cohort| services.clone().map(|it| delta(cohort, it)))
            .collect();
        let mut in_order: Vec<Delta> = missing.iter().copied().collect();
        in_order.sort_unstable();
        self.prepared.insert(fleet, Prepared { missing, since: now, cohorts });
        for delta in in_order {
            let server = self.server();
            let name = format!("fleet {fleet}");
            if let Answer::Waits(wait) =
                self.installation.ask(server, delta, Some(name), clock(now))
            {
                self.installation.leave(&wait, clock(now));
            }
        }
        self.turns(now);
    }

    fn begin(&mut self, cohort: Cohort) {
        self.cohorts.push(cohort);
        self.schedule(self.cohorts.len() - 1);
    }

    fn schedule(&mut self, cohort: usize) {
        if let Some(time) = self.cohorts[cohort].next(&mut self.noise) {
            self.at(time, Event::Arrive(cohort));
        }
    }

    fn arrive(&mut self, cohort: usize, now: Time) {
        for service in 0..self.scenario.services {
            self.ask(delta(&self.cohorts[cohort], service), now, 1, now);
        }
        self.schedule(cohort);
    }

    /// The next server in turn, as a balancer has them.
    fn server(&mut self) -> usize {
        self.next_server = (self.next_server + 1) % self.scenario.servers;
        self.next_server
    }

    fn ask(&mut self, delta: Delta, since: Time, count: u64, now: Time) {
        let server = self.server();
        self.figures.ask(now, count);
        if let Some(group) = self.groups.get_mut(&(delta, server)) {
            return group.since.push((since, count));
        }
        let answer = self.installation.ask(server, delta, None, clock(now));
        match answer {
            Answer::Ready(bytes) | Answer::LookedUp(bytes) => {
                self.figures.looked_up += u64::from(matches!(answer, Answer::LookedUp(_)));
                self.use_of(delta, now);
                self.figures.ready(now - since, count, bytes, costs::kind(delta).pull);
            }
            Answer::Full => {
                self.figures.refused += count;
                self.at(now + costs::RETRY, Event::Again(delta, millis(since), count));
            }
            Answer::Waits(wait) => {
                self.groups.insert((delta, server), Group { wait, since: vec![(since, count)] });
                self.turns(now);
            }
        }
    }

    /// The ledger hears now and then that a delta is used.
    fn use_of(&mut self, delta: Delta, now: Time) {
        let last = self.used.entry(delta).or_insert(now);
        if now - *last >= costs::USE_PRECISION {
            *last = now;
            self.figures.uses += 1;
        }
    }

    fn turns(&mut self, now: Time) {
        for Begun { server, delta } in self.installation.turns(clock(now)) {
            let at_once = self.running[server].len() + 1;
            let made = costs::build(delta, at_once);
            self.running[server].insert(delta, made);
            self.figures.built(made);
            self.at(now + made.seconds, Event::Ended(server, delta));
        }
    }

    fn ended(&mut self, server: usize, delta: Delta, now: Time) {
        let Some(made) = self.running[server].remove(&delta) else { return };
        self.installation.end(server, delta, made, clock(now));
        self.used.insert(delta, now);
        self.turns(now);
        for server in 0..self.scenario.servers {
            let Some(group) = self.groups.remove(&(delta, server)) else { continue };
            self.installation.leave(&group.wait, clock(now));
            for (since, count) in group.since {
                self.figures.waited(since, now, count);
                self.figures.ready(now - since, count, made.bytes, made.pull_bytes);
            }
        }
        self.let_out(delta, now);
    }

    /// A release whose last delta this was: its devices may begin.
    fn let_out(&mut self, delta: Delta, now: Time) {
        let Some(prepared) = self.prepared.get_mut(&delta.fleet) else { return };
        prepared.missing.remove(&delta);
        if !prepared.missing.is_empty() {
            return;
        }
        let Some(prepared) = self.prepared.remove(&delta.fleet) else { return };
        self.figures.held_back.add(now - prepared.since, 1);
        for mut cohort in prepared.cohorts {
            cohort.begin_at(now);
            self.begin(cohort);
        }
    }

    fn minute(&mut self, now: Time) {
        let server = self.installation.counts(0);
        let wished: HashSet<Delta> = self.groups.keys().map(|(delta, _)| *delta).collect();
        let running = self.running.iter().map(HashMap::len).sum();
        self.figures.minute(now, server, self.installation.traffic(), wished.len(), running);
        if ((now / 60.0) as u64).is_multiple_of(60) {
            self.installation.tidy(clock(now));
        }
        let goes_on = now < f64::from(self.scenario.days) * DAY || !self.events.is_empty();
        if goes_on {
            self.at(now + 60.0, Event::Minute);
        }
    }
}

fn delta(cohort: &Cohort, service: u32) -> Delta {
    Delta { fleet: cohort.fleet, service, source: cohort.source, target: cohort.target }
}

fn clock(time: Time) -> Duration {
    Duration::from_secs_f64(time)
}

fn millis(time: Time) -> u64 {
    (time * 1000.0) as u64
}
