//! Several servers over one PostgreSQL.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::fake::{Fake, Plan};
use super::{ask, built, device, open, pair, release, settings, until};
use crate::api::Secret;
use crate::progress::Stage;
use crate::server::build::Blame;
use crate::server::jobs::ledger::{new_database, sql};
use crate::server::jobs::{JobEvent, JobSettings, JobState, JobStatus, Jobs, Outcome, QueueFull};

/// Long enough for a machine that does other things too.
const LEASE: Duration = Duration::from_secs(6);

/// Servers with data folders of their own.
struct Servers {
    database: String,
    folders: Vec<TempDir>,
}

impl Servers {
    fn new() -> Self {
        Servers { database: new_database(), folders: Vec::new() }
    }

    /// One more, with a builder of its own.
    async fn start(
        &mut self,
        fake: &Arc<Fake>,
        change: impl FnOnce(&mut JobSettings),
    ) -> Arc<Jobs> {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = self.settings(folder.path());
        change(&mut settings);
        self.folders.push(folder);
        open(settings, fake).await
    }

    fn settings(&self, folder: &Path) -> JobSettings {
        let grace = Duration::from_secs(20);
        let database = Some(Secret::new(self.database.clone()));
        JobSettings { database, grace, lease: LEASE, ..settings(folder) }
    }
}

fn state(jobs: &Jobs, number: u64) -> Option<JobState> {
    jobs.status(&pair(number)).map(|status| status.state)
}

#[tokio::test]
async fn who_waits_here_hears_of_what_is_built_there() {
    let (mut servers, builder, answerer) = (Servers::new(), Fake::new(), Fake::new());
    let answers = servers.start(&answerer, |settings| settings.max_builds = 0).await;
    let mut tickets = Vec::new();
    for number in 0..5 {
        tickets.push((number, ask(&answers, number).await));
    }
    builder.plan(pair(4), [Plan::Fail(Blame::Refused)]);
    let builds = servers.start(&builder, |_| {}).await;
    for (number, ticket) in &mut tickets {
        match ticket.outcome().await {
            Outcome::Ready(made) => assert_eq!(made, built(&pair(*number))),
            Outcome::Failed(error) => assert_eq!((*number, error.cause), (4, Blame::Refused)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((builder.begun().len(), answerer.begun().len()), (5, 0));
    // What failed is remembered by all, and what is ready is known to all.
    until(|| state(&builds, 4) == Some(JobState::Failed)).await;
    assert_eq!(state(&answers, 4), Some(JobState::Failed));
    assert_eq!((builds.counts().made, answers.counts().made), (4, 0));
    assert_eq!(ask(&builds, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
}

#[tokio::test]
async fn pairs_that_all_servers_are_asked_for_are_each_built_once() {
    let (mut servers, fake) = (Servers::new(), Fake::new());
    let mut started = Vec::new();
    for _ in 0..3 {
        // One builder for all: it finds out if a pair is built twice at the same time.
        started.push(servers.start(&fake, |_| {}).await);
    }
    let mut tickets = Vec::new();
    for number in 0..60 {
        for jobs in &started {
            let number = (number * 7) % 60;
            tickets.push((number, ask(jobs, number).await));
        }
    }
    for (number, mut ticket) in tickets {
        assert_eq!(ticket.outcome().await, Outcome::Ready(built(&pair(number))));
    }
    assert_eq!(fake.begun().len(), 60);
}

#[tokio::test]
async fn the_jobs_of_a_server_that_dies_are_done_by_another() {
    let (mut servers, dying, living) = (Servers::new(), Fake::holding(), Fake::new());
    let other = servers.start(&living, |settings| settings.max_builds = 0).await;
    let dies = servers.start(&dying, |_| {}).await;
    let mut tickets = Vec::new();
    for number in 0..4 {
        tickets.push((number, ask(&other, number).await));
    }
    until(|| dying.running() == 2).await;
    let builder = servers.start(&living, |settings| settings.max_builds = 1).await;
    // As a kill does: nothing more is said.
    drop(dies);
    for (number, ticket) in &mut tickets {
        assert_eq!(ticket.outcome().await, Outcome::Ready(built(&pair(*number))));
    }
    assert_eq!(living.begun().len(), 4);
    // Its builds end at last, and nobody cares.
    dying.let_all_go();
    until(|| dying.running() == 0).await;
    assert_eq!(state(&builder, 0), Some(JobState::Ready));
}

#[tokio::test]
async fn a_server_that_stops_leaves_its_jobs_to_another_at_once() {
    let (mut servers, stopping, living) = (Servers::new(), Fake::holding(), Fake::new());
    let stops = servers.start(&stopping, |settings| settings.lease *= 1000).await;
    drop(stops.request(pair(0), release("fleet")).await.unwrap());
    until(|| stopping.running() == 1).await;
    let other = servers.start(&living, |_| {}).await;
    let mut ticket = ask(&other, 0).await;
    assert_eq!(state(&other, 0), Some(JobState::Preparing));
    stops.stop(Duration::from_secs(4)).await;
    assert_eq!(ticket.outcome().await, Outcome::Ready(built(&pair(0))));
}

#[tokio::test]
async fn a_server_that_starts_again_takes_up_its_jobs_at_once() {
    let (mut servers, killed, next) = (Servers::new(), Fake::holding(), Fake::new());
    let long = |settings: &mut JobSettings| settings.lease *= 1000;
    let jobs = servers.start(&killed, long).await;
    drop(jobs.request(pair(0), release("fleet")).await.unwrap());
    until(|| killed.running() == 1).await;
    until(|| state(&jobs, 0) == Some(JobState::Preparing)).await;
    drop(jobs);
    let mut same = servers.settings(servers.folders[0].path());
    long(&mut same);
    let jobs = open(same, &next).await;
    assert_eq!(ask(&jobs, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
    killed.let_all_go();
}

#[tokio::test]
async fn limits_hold_for_all_servers_together() {
    let (mut servers, fake) = (Servers::new(), Fake::new());
    let small =
        |settings: &mut JobSettings| (settings.max_builds, settings.max_fleet_queue) = (0, 3);
    let one = servers.start(&fake, small).await;
    let other = servers.start(&fake, small).await;
    let _first = one.request(pair(0), device("fleet")).await.expect("room");
    let _second = one.request(pair(1), device("fleet")).await.expect("room");
    until(|| state(&other, 1).is_some()).await;
    let _third = other.request(pair(2), device("fleet")).await.expect("room");
    assert_eq!(other.request(pair(3), device("fleet")).await.err(), Some(QueueFull));
    until(|| state(&one, 2).is_some()).await;
    assert_eq!(one.request(pair(3), device("fleet")).await.err(), Some(QueueFull));
    assert!(one.request(pair(3), device("another")).await.is_ok());
    assert!(one.request(pair(2), device("fleet")).await.is_ok(), "to join takes no room");
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_anywhere_is_given_up_everywhere() {
    let (mut servers, builder, fake) = (Servers::new(), Fake::holding(), Fake::new());
    let short = |settings: &mut JobSettings| settings.grace = Duration::from_millis(400);
    let builds = servers.start(&builder, short).await;
    let asks = |settings: &mut JobSettings| {
        short(settings);
        settings.max_builds = 0;
    };
    let answers = servers.start(&fake, asks).await;
    // One is built, one waits, neither where it was asked for.
    let tickets = [ask(&answers, 0).await, ask(&answers, 1).await, ask(&answers, 2).await];
    until(|| builder.running() == 2 && builds.counts().queued == 1).await;
    drop(tickets);
    let is_gone = |jobs: &Jobs| (0..3).all(|number| state(jobs, number).is_none());
    until(|| is_gone(&builds) && is_gone(&answers)).await;
    assert_eq!((builder.running(), builder.begun().len()), (0, 2));
}

#[tokio::test]
async fn a_server_whose_disk_is_full_leaves_the_jobs_to_others() {
    let (mut servers, full, well) = (Servers::new(), Fake::new(), Fake::new());
    let numbers = 0..8;
    for number in numbers.clone() {
        full.plan(pair(number), vec![Plan::Fail(Blame::Disk); 100]);
    }
    let cramped = servers.start(&full, |settings| settings.max_builds = 1).await;
    let mut tickets = Vec::new();
    for number in numbers {
        tickets.push((number, ask(&cramped, number).await));
    }
    until(|| !full.begun().is_empty()).await;
    let _other = servers.start(&well, |_| {}).await;
    for (number, mut ticket) in tickets {
        assert_eq!(ticket.outcome().await, Outcome::Ready(built(&pair(number))));
    }
    assert!(full.begun().len() <= 2, "{:?}", full.begun());
}

#[tokio::test]
async fn builds_happen_where_their_layers_are_and_wait_little_for_that() {
    let (mut servers, has, other) = (Servers::new(), Fake::new(), Fake::new());
    let builds = servers.start(&has, |_| {}).await;
    assert!(matches!(ask(&builds, 0).await.outcome().await, Outcome::Ready(_)));
    // A sign of life tells the others.
    let known = "SELECT count(*) FROM remora.server_images";
    until(|| sql(&servers.database, known) == "2").await;
    let patient = |settings: &mut JobSettings| settings.layer_patience = LEASE * 10;
    let asked = servers.start(&other, patient).await;
    for repository in [0, 1, 2].map(|number| format!("v2/again{number}")) {
        let mut again = pair(0);
        again.target.repository = repository;
        let mut ticket = asked.request(again, device("fleet")).await.expect("room");
        assert!(matches!(ticket.outcome().await, Outcome::Ready(_)));
    }
    assert_eq!((has.begun().len(), other.begun().len()), (4, 0));
    // What nobody has layers of is nobody's to wait for, nor is who is gone.
    assert!(matches!(ask(&asked, 1).await.outcome().await, Outcome::Ready(_)));
    builds.stop(Duration::from_secs(4)).await;
    let mut last = pair(0);
    last.target.repository = "v2/last".to_owned();
    let mut ticket = asked.request(last.clone(), device("fleet")).await.expect("room");
    assert!(matches!(ticket.outcome().await, Outcome::Ready(_)));
    assert!(other.begun().contains(&last));
}

#[tokio::test]
async fn how_far_a_build_is_is_heard_everywhere() {
    let (mut servers, builder, answerer) = (Servers::new(), Fake::holding(), Fake::new());
    let answers = servers.start(&answerer, |settings| settings.max_builds = 0).await;
    let mut events = answers.events();
    let _builds = servers.start(&builder, |_| {}).await;
    let _ticket = ask(&answers, 0).await;
    let halfway = |status: &JobStatus| (status.stage, status.percent);
    until(|| answers.status(&pair(0)).is_some_and(|it| halfway(&it).1 > Some(0))).await;
    let status = answers.status(&pair(0)).expect("known");
    assert_eq!((status.state, status.stage), (JobState::Preparing, Some(Stage::Encode)));
    let is_told = |event: JobEvent| event.status.is_some_and(|it| halfway(&it) == halfway(&status));
    until(|| events.try_recv().is_ok_and(is_told)).await;
    builder.let_all_go();
}

/// Takes a database away, or gives it back: new connections are refused, and the old ones cut.
fn set_away(database: &str, away: bool) {
    let (server, name) = database.rsplit_once('/').expect("a name");
    let server = format!("{server}/postgres");
    sql(&server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {}", !away));
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = ";
    sql(&server, &format!("{cut}'{name}'"));
}

#[tokio::test]
async fn while_the_database_is_away_what_is_ready_is_known_and_all_else_waits() {
    let (mut servers, fake, fake_of_other) = (Servers::new(), Fake::holding(), Fake::new());
    let jobs = servers.start(&fake, |_| {}).await;
    let other = servers.start(&fake_of_other, |settings| settings.max_builds = 0).await;
    fake.let_go(pair(0));
    assert_eq!(ask(&other, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
    let mut running = ask(&other, 1).await;
    until(|| fake.running() == 1).await;
    set_away(&servers.database, true);
    fake.let_all_go();
    let moment = Duration::from_millis(300);
    let promised = tokio::time::timeout(moment, jobs.request(pair(2), device("fleet"))).await;
    assert!(promised.is_err(), "promised without a database");
    assert!(tokio::time::timeout(moment, running.outcome()).await.is_err(), "told unwritten");
    for jobs in [&jobs, &other] {
        assert_eq!(ask(jobs, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
        // A restart would lose what the server knows.
        assert_eq!(jobs.unwritten_for(), None);
    }
    set_away(&servers.database, false);
    assert_eq!(running.outcome().await, Outcome::Ready(built(&pair(1))));
    assert_eq!(ask(&other, 2).await.outcome().await, Outcome::Ready(built(&pair(2))));
    assert_eq!((fake.begun().len(), jobs.counts().made), (3, 3));
}
