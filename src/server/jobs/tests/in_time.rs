//! What depends on time, with a clock that the test sets.

use std::time::Duration;

use tokio::time::Instant;

use super::fake::failure;
use super::{built, device, pair, release};
use crate::progress::Progress as _;
use crate::server::build::{Blame, BuildError, Built};
use crate::server::jobs::ledger::{Model, RecordState};
use crate::server::jobs::schedule::Turn;
use crate::server::jobs::simulation::Mirrored;
use crate::server::jobs::table::Asked;
use crate::server::jobs::{JobSettings, JobState, Origin, Outcome};
use crate::server::settings::WorkSettings;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

struct Server {
    here: Mirrored,
    now: Instant,
}

impl Server {
    fn new(change: impl FnOnce(&mut JobSettings)) -> Self {
        let mut settings = JobSettings::new("unused".into(), &WorkSettings::of_tests());
        change(&mut settings);
        let here = Mirrored::new(settings, &Model::default(), 0);
        Server { here, now: Instant::now() }
    }

    /// The number of the job, if there is one now.
    fn ask(&mut self, number: u64, origin: Origin) -> Option<u64> {
        let asked = self.here.table.ask(pair(number), origin, self.now);
        self.here.sync(self.now);
        match asked {
            Asked::Joined { job, .. } => Some(job),
            Asked::Known(_) | Asked::Full => None,
        }
    }

    fn turn(&mut self) -> Option<Turn> {
        self.here.turn(self.now)
    }

    fn end(&mut self, turn: &Turn, result: Result<Built, BuildError>) {
        drop(self.here.table.conclude(&turn.pair, result, self.now));
        self.here.sync(self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.here.model.pass(time);
        self.here.table.run_timers(self.now);
        self.here.sync(self.now);
    }

    fn state(&self, number: u64) -> Option<JobState> {
        self.here.table.status(&pair(number), self.now).map(|status| status.state)
    }

    /// The times at which a job is tried that always meets the same trouble.
    fn attempts(&mut self, cause: Blame, most: usize) -> Vec<Duration> {
        let start = self.now;
        let mut attempts = Vec::new();
        while self.state(0) == Some(JobState::Pending) && attempts.len() < most {
            while let Some(turn) = self.turn() {
                attempts.push(self.now - start);
                self.end(&turn, Err(failure(cause)));
            }
            match self.here.table.run_timers(self.now) {
                Some(next) => self.pass(next - self.now),
                None => break,
            }
        }
        attempts
    }
}

#[test]
fn pauses_grow_to_a_minute_and_end_after_a_quarter_of_an_hour() {
    let mut server = Server::new(|_| {});
    server.ask(0, device("fleet"));
    let attempts: Vec<_> =
        server.attempts(Blame::Registry, 100).iter().map(Duration::as_secs).collect();
    assert_eq!(attempts[..8], [0, 2, 6, 14, 30, 62, 122, 182]);
    assert!((15 * 60..16 * 60).contains(attempts.last().unwrap()), "{attempts:?}");
    assert_eq!(server.state(0), Some(JobState::Failed));
    let status = server.here.table.status(&pair(0), server.now).unwrap();
    assert_eq!(status.reason(), Some("failed: registry"));
}

#[test]
fn a_release_is_tried_for_a_day() {
    let mut server = Server::new(|_| {});
    server.ask(0, release("fleet"));
    let attempts = server.attempts(Blame::Disk, 10_000);
    assert!((24 * 60 * MINUTE..24 * 61 * MINUTE).contains(attempts.last().unwrap()));
}

#[test]
fn while_it_waits_for_the_registry_its_place_is_free_and_the_reason_is_told() {
    let mut server = Server::new(|settings| settings.max_builds = 1);
    server.ask(0, device("fleet"));
    server.ask(1, device("fleet"));
    let turn = server.turn().unwrap();
    server.end(&turn, Err(failure(Blame::Registry)));
    let status = server.here.table.status(&pair(0), server.now).unwrap();
    assert_eq!((status.state, status.reason()), (JobState::Pending, Some("failed: registry")));
    assert_eq!(*server.turn().unwrap().pair, pair(1));
}

#[test]
fn failures_count_until_they_expire() {
    for (cause, minutes) in [(Blame::Missing, 60), (Blame::Refused, 60), (Blame::Defect, 10)] {
        let mut server = Server::new(|_| {});
        server.ask(0, device("fleet"));
        let turn = server.turn().unwrap();
        server.end(&turn, Err(failure(cause)));
        server.pass(minutes * MINUTE - SECOND);
        assert!(matches!(
            server.here.table.ask(pair(0), device("fleet"), server.now),
            Asked::Known(Outcome::Failed(error)) if error.cause == cause
        ));
        server.pass(2 * SECOND);
        assert_eq!(server.state(0), None);
        assert!(server.ask(0, device("fleet")).is_some(), "{cause:?}");
        assert_eq!(server.state(0), Some(JobState::Pending));
        assert_eq!(server.here.record(&pair(0)).unwrap().state, RecordState::Pending);
    }
}

#[test]
fn what_nobody_waits_for_is_given_up_after_the_grace_only() {
    let mut server = Server::new(|settings| settings.max_builds = 1);
    let running = server.ask(0, device("fleet")).unwrap();
    let turn = server.turn().unwrap();
    let queued = server.ask(1, device("fleet")).unwrap();
    for _ in 0..10 {
        for (number, job) in [(0, running), (1, queued)] {
            server.here.table.left(&pair(number), job, server.now);
        }
        server.pass(119 * SECOND);
        assert_eq!(server.ask(0, device("fleet")), Some(running));
        assert_eq!(server.ask(1, device("fleet")), Some(queued));
    }
    for (number, job) in [(0, running), (1, queued)] {
        server.here.table.left(&pair(number), job, server.now);
    }
    server.pass(60 * SECOND);
    assert!(server.here.table.timers.len() <= 2, "{}", server.here.table.timers.len());
    server.pass(61 * SECOND);
    assert!(turn.progress.cancelled());
    assert_eq!(server.state(1), None);
    assert_eq!(server.here.record(&pair(1)), None);
    server.end(&turn, Err(failure(Blame::Cancelled)));
    assert_eq!(server.state(0), None);
    assert!(server.here.records().is_empty());
}

#[test]
fn one_who_comes_while_a_build_stops_has_it_begun_again() {
    let mut server = Server::new(|_| {});
    let job = server.ask(0, device("fleet")).unwrap();
    let turn = server.turn().unwrap();
    server.here.table.left(&pair(0), job, server.now);
    server.pass(2 * MINUTE);
    assert!(turn.progress.cancelled());
    assert_eq!(server.ask(0, device("fleet")), Some(job));
    server.end(&turn, Err(failure(Blame::Cancelled)));
    let turn = server.turn().expect("again");
    assert!(!turn.progress.cancelled());
    server.end(&turn, Ok(built(&pair(0))));
    assert_eq!(server.state(0), Some(JobState::Ready));
}

#[test]
fn a_job_that_is_put_off_is_given_up_too_and_one_for_a_release_never() {
    let mut server = Server::new(|settings| settings.grace = SECOND);
    for (number, origin) in [(0, device("fleet")), (1, release("fleet"))] {
        let job = server.ask(number, origin).unwrap();
        server.here.table.left(&pair(number), job, server.now);
    }
    for turn in [server.turn().unwrap(), server.turn().unwrap()] {
        server.end(&turn, Err(failure(Blame::Registry)));
    }
    server.pass(SECOND);
    assert_eq!((server.state(0), server.state(1)), (None, Some(JobState::Pending)));
    assert_eq!(server.here.table.delayed, 1);
    server.pass(MINUTE);
    assert_eq!(server.here.table.queue.len(), 1);
}

#[test]
fn a_release_that_joins_keeps_a_job_alive() {
    let mut server = Server::new(|_| {});
    let job = server.ask(0, device("fleet")).unwrap();
    assert_eq!(server.ask(0, release("fleet")), Some(job));
    assert!(server.here.record(&pair(0)).unwrap().release);
    server.here.table.left(&pair(0), job, server.now);
    server.here.table.left(&pair(0), job, server.now);
    server.pass(60 * MINUTE);
    assert_eq!(server.state(0), Some(JobState::Pending));
}

#[test]
fn jobs_of_an_earlier_run_go_on_though_nobody_has_come_back_yet() {
    let mut server = Server::new(|_| {});
    for number in 0..3 {
        server.ask(number, device("fleet"));
    }
    server.turn().unwrap();
    for crashes in 1..4 {
        server.here.restart();
        server.pass(60 * MINUTE);
        assert_eq!(server.here.record(&pair(0)).unwrap().crashes, crashes);
        let turn = server.turn().unwrap();
        assert_eq!((&*turn.pair, turn.alone), (&pair(0), crashes >= 3));
    }
    assert_eq!(server.here.table.queue.len(), 2);
}

#[test]
fn of_what_is_asked_for_least_the_ledger_alone_goes_on_to_know() {
    let mut server = Server::new(|settings| settings.max_remembered = 20);
    for number in 0..30 {
        server.ask(number, device("fleet"));
        let turn = server.turn().unwrap();
        server.end(&turn, Ok(built(&pair(number))));
        std::thread::sleep(Duration::from_millis(1));
        assert!(server.ask(0, device("fleet")).is_none());
        assert!(server.here.table.counts().remembered <= 20);
    }
    assert_eq!(server.state(0), Some(JobState::Ready));
    assert_eq!(server.state(1), None);
    assert_eq!(server.state(29), Some(JobState::Ready));
    assert_eq!(server.here.records().len(), 30);
    // It is not made again.
    assert!(server.ask(1, device("fleet")).is_some());
    assert_eq!(server.state(1), Some(JobState::Ready));
    assert!(server.turn().is_none());
}

#[test]
fn an_artifact_that_was_asked_for_lately_is_not_released() {
    use std::collections::HashSet;
    use std::time::SystemTime;

    use crate::server::build::BuiltPlace;
    let mut server = Server::new(|_| {});
    for number in 0..2 {
        let pair = pair(number);
        server.ask(number, device("fleet"));
        let turn = server.turn().unwrap();
        let place = BuiltPlace::File { key: "same".to_owned() };
        server.end(&turn, Ok(Built { place, ..built(&pair) }));
    }
    let keys = || HashSet::from(["same".to_owned(), "unknown".to_owned()]);
    let before = SystemTime::now() - MINUTE;
    assert_eq!(
        server.here.table.release_files(keys(), before).0,
        HashSet::from(["unknown".to_owned()])
    );
    assert_eq!(server.here.table.files().len(), 2);
    let after = SystemTime::now() + MINUTE;
    assert_eq!(server.here.table.release_files(keys(), after).0, keys());
    server.here.sync(server.now);
    assert_eq!(server.here.table.files(), []);
    assert!(server.here.records().is_empty());
}
