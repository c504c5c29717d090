//! From one run of the server to the next.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::fake::{Fake, Plan};
use super::{ask, built, open, pair, release, settings, until};
use crate::server::ServerError;
use crate::server::build::{Blame, Built, BuiltPlace};
use crate::server::jobs::{JobSettings, JobState, Jobs, Outcome};
use crate::serving::ServingError;

#[tokio::test]
async fn after_a_kill_every_job_ends_and_none_is_repeated() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(settings(folder.path()), &fake).await;
    fake.plan(pair(1), [Plan::Fail(Blame::Refused)]);
    fake.plan(pair(2), [Plan::Built(Built { place: BuiltPlace::NotWorth, ..built(&pair(2)) })]);
    for number in 0..3 {
        fake.let_go(pair(number));
        ask(&jobs, number).await.outcome().await;
    }
    let mut tickets = Vec::new();
    for number in 3..8 {
        tickets.push(ask(&jobs, number).await);
    }
    until(|| fake.running() == 2).await;
    drop((tickets, jobs));

    let next = Fake::new();
    let jobs = open(settings(folder.path()), &next).await;
    let state = |number| jobs.status(&pair(number)).map(|status| status.state);
    until(|| (3..8).all(|number| state(number) == Some(JobState::Ready))).await;
    assert_eq!((state(0), state(1)), (Some(JobState::Ready), Some(JobState::Failed)));
    assert_eq!(jobs.status(&pair(2)).unwrap().built.unwrap().place, BuiltPlace::NotWorth);
    assert_eq!(jobs.status(&pair(0)).unwrap().built, Some(built(&pair(0))));
    let begun: HashSet<_> = next.begun().into_iter().collect();
    assert_eq!(begun, (3..8).map(pair).collect());
    assert_eq!(next.begun().len(), 5);
}

#[tokio::test]
async fn killed_at_any_moment_no_promise_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let mut ready = HashSet::new();
    for round in 0..20u64 {
        let fake = Fake::new();
        let jobs = open(settings(folder.path()), &fake).await;
        for number in 0..10 {
            let pair = pair(round * 3 + number);
            fake.plan(pair.clone(), [Plan::Fail(Blame::Registry)]);
            drop(jobs.request(pair, release("fleet")).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(round * 2)).await;
        for number in 0..round * 3 + 10 {
            let state = jobs.status(&pair(number)).map(|status| status.state);
            assert!(state.is_some(), "job {number} was lost");
            if state == Some(JobState::Ready) {
                ready.insert(number);
            } else {
                assert!(!ready.contains(&number), "job {number} was ready before");
            }
        }
        drop(jobs);
    }
    let fake = Fake::new();
    let jobs = open(settings(folder.path()), &fake).await;
    until(|| {
        let counts = jobs.counts();
        (counts.queued, counts.running) == (0, 0)
    })
    .await;
    assert_eq!(jobs.counts().remembered, 67);
}

#[tokio::test]
async fn a_stop_lets_builds_finish_and_parks_the_rest() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(settings(folder.path()), &fake).await;
    let mut tickets = [ask(&jobs, 0).await, ask(&jobs, 1).await, ask(&jobs, 2).await];
    until(|| fake.running() == 2).await;
    fake.let_go(pair(0));
    // Its waiters may hear of either, the stop or the end. The one that was let go has its end to write down, also on a
    // machine whose disk is busy; the other takes all the time there is.
    jobs.stop(Duration::from_secs(3)).await;
    for ticket in &mut tickets[1..] {
        assert_eq!(ticket.outcome().await, Outcome::Parked);
    }
    assert_eq!(ask(&jobs, 3).await.outcome().await, Outcome::Parked);
    assert!(jobs.check().await.is_err());
    drop((tickets, jobs));

    let next = Fake::holding();
    let jobs = open(settings(folder.path()), &next).await;
    until(|| next.running() == 2).await;
    assert_eq!(jobs.status(&pair(0)).unwrap().state, JobState::Ready);
    assert!(jobs.status(&pair(3)).is_none());
    assert_eq!(next.begun().into_iter().collect::<HashSet<_>>(), HashSet::from([1, 2].map(pair)));
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    jobs.check().await.expect("writable");
    let second = Jobs::open(settings(folder.path()), fake.clone()).await;
    assert!(matches!(second, Err(ServerError::Serving(ServingError::InUse(_)))));
    drop(jobs);
    open(settings(folder.path()), &fake).await;
}

#[tokio::test]
async fn a_damaged_database_is_an_error_with_a_hint() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    std::fs::write(folder.path().join("jobs.sqlite"), "no database at all".repeat(100)).unwrap();
    let error = Jobs::open(settings(folder.path()), fake.clone()).await.expect_err("damaged");
    assert!(error.to_string().contains("jobs.sqlite"), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn while_the_disk_takes_nothing_nothing_is_promised_and_then_all_goes_on() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    let file = folder.path().join("jobs.sqlite");
    let mut other = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    sqlx::query("ALTER TABLE jobs RENAME TO away").execute(&mut other).await.unwrap();
    let moment = Duration::from_millis(50);
    let asked = jobs.request(pair(0), release("fleet"));
    assert!(tokio::time::timeout(moment, asked).await.is_err());
    assert!(tokio::time::timeout(moment, jobs.check()).await.is_err());
    assert_ne!(jobs.status(&pair(0)).unwrap().state, JobState::Ready);
    sqlx::query("ALTER TABLE away RENAME TO jobs").execute(&mut other).await.unwrap();
    assert_eq!(ask(&jobs, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
    drop(jobs);
    let jobs = open(settings(folder.path()), &fake).await;
    assert_eq!(jobs.status(&pair(0)).unwrap().state, JobState::Ready);
    assert_eq!(fake.begun().len(), 1);
}

#[tokio::test]
async fn a_failure_that_ran_out_while_the_server_was_down_is_tried_again() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let expiry = Duration::ZERO;
    let short = JobSettings { failure_expiry: expiry, ..settings(folder.path()) };
    let jobs = open(short, &fake).await;
    fake.plan(pair(0), [Plan::Fail(Blame::Missing)]);
    ask(&jobs, 0).await.outcome().await;
    drop(jobs);
    let jobs = open(settings(folder.path()), &fake).await;
    assert_eq!(jobs.status(&pair(0)), None);
    assert_eq!(ask(&jobs, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
}
