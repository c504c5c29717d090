//! While the server runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::fake::{Fake, Plan, failure};
use super::{ask, built, device, open, pair, release, settings, until};
use crate::server::build::{Blame, Built, BuiltPlace};
use crate::server::jobs::{JobState, Outcome, QueueFull};

#[tokio::test]
async fn a_thousand_tickets_for_fifty_pairs_take_fifty_builds() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(settings(folder.path()), &fake).await;
    let mut tickets = Vec::new();
    for number in 0..1000 {
        tickets.push((number % 50, ask(&jobs, number % 50).await));
    }
    assert_eq!(jobs.counts().waiters, 1000);
    fake.let_all_go();
    for (number, mut ticket) in tickets {
        assert_eq!(ticket.outcome().await, Outcome::Ready(built(&pair(number))));
    }
    assert_eq!(fake.begun().len(), 50);
    assert_eq!(fake.most_at_once(), 2);
    let counts = jobs.counts();
    assert_eq!((counts.waiters, counts.queued, counts.running), (0, 0, 0));
    assert_eq!((counts.made, counts.remembered), (50, 50));
    assert_eq!(ask(&jobs, 7).await.outcome().await, Outcome::Ready(built(&pair(7))));
    assert_eq!(fake.begun().len(), 50);
}

#[tokio::test]
async fn whoever_does_something_else_stands_not_behind_all_who_waited() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(settings(folder.path()), &fake).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _ in 0..1000 {
        let (mut ticket, answered) = (ask(&jobs, 1).await, Arc::clone(&answered));
        clients.push(tokio::spawn(async move {
            ticket.outcome().await;
            answered.fetch_add(1, Ordering::Relaxed);
        }));
    }
    let seen = Arc::clone(&answered);
    let other = tokio::spawn(async move {
        while seen.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        seen.load(Ordering::Relaxed)
    });
    fake.let_all_go();
    let answered_before = other.await.unwrap();
    assert!(answered_before < 100, "{answered_before} of 1000 were answered before");
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn fleets_take_turns() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let one = super::JobSettings { max_builds: 1, ..settings(folder.path()) };
    let jobs = open(one, &fake).await;
    let mut tickets = Vec::new();
    for (number, fleet) in [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "c")] {
        tickets.push(jobs.request(pair(number), device(fleet)).await.unwrap());
        until(|| fake.running() == 1).await;
    }
    assert_eq!(jobs.status(&pair(3)).unwrap().position, Some(3));
    fake.let_all_go();
    for ticket in &mut tickets {
        ticket.outcome().await;
    }
    // The turn of fleet a was used up when its first job began.
    assert_eq!(fake.begun(), [1, 2, 4, 5, 3].map(pair));
}

#[tokio::test]
async fn a_full_queue_takes_no_more_but_lets_join() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let small = super::JobSettings { max_builds: 1, max_queue: 2, ..settings(folder.path()) };
    let jobs = open(small, &fake).await;
    let _first = ask(&jobs, 0).await;
    until(|| fake.running() == 1).await;
    let _waiting = [ask(&jobs, 1).await, ask(&jobs, 2).await];
    assert_eq!(jobs.request(pair(3), release("fleet")).await.err(), Some(QueueFull));
    assert!(jobs.request(pair(2), device("x")).await.is_ok());
    assert!(jobs.request(pair(0), device("x")).await.is_ok());
    fake.let_all_go();
    until(|| jobs.counts().queued == 0).await;
    assert!(jobs.request(pair(3), device("x")).await.is_ok());
}

#[tokio::test]
async fn builds_together_never_take_more_memory_than_there_is() {
    const MIB: u64 = 1 << 20;
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let settings = settings(folder.path());
    let tight = super::JobSettings { memory: 100 * MIB, max_builds: 8, ..settings };
    let jobs = open(tight, &fake).await;
    let mut tickets = Vec::new();
    for number in 0..40 {
        fake.needs(pair(number), (number * 7 % 60) * MIB);
        tickets.push(ask(&jobs, number).await);
    }
    for mut ticket in tickets {
        assert!(matches!(ticket.outcome().await, Outcome::Ready(_)));
    }
    assert!(fake.most_memory() <= 100 * MIB, "{}", fake.most_memory());
}

#[tokio::test]
async fn a_build_larger_than_the_memory_runs_alone_and_is_not_overtaken() {
    const MIB: u64 = 1 << 20;
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let settings = settings(folder.path());
    let jobs =
        open(super::JobSettings { memory: 100 * MIB, max_builds: 3, ..settings }, &fake).await;
    for (number, mib) in [(0, 10), (1, 1000), (2, 10)] {
        fake.needs(pair(number), mib * MIB);
    }
    let _small = ask(&jobs, 0).await;
    until(|| fake.running() == 1).await;
    let mut large = ask(&jobs, 1).await;
    // Who waits for memory has all of it that is free already.
    until(|| jobs.shared.memory.available_permits() == 0).await;
    let mut late = ask(&jobs, 2).await;
    until(|| jobs.counts().running == 3).await;
    assert_eq!(jobs.status(&pair(1)).unwrap().state, JobState::Pending);
    fake.let_go(pair(0));
    until(|| fake.begun().len() == 2).await;
    fake.let_go(pair(1));
    large.outcome().await;
    fake.let_all_go();
    late.outcome().await;
    assert_eq!(fake.begun()[0], pair(0));
    assert_eq!(fake.most_memory(), 1000 * MIB);
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_stops_and_one_for_a_release_goes_on() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(settings(folder.path()), &fake).await;
    drop(jobs.request(pair(0), release("fleet")).await.unwrap());
    let running = ask(&jobs, 1).await;
    until(|| fake.running() == 2).await;
    let queued = ask(&jobs, 2).await;
    drop((running, queued));
    until(|| jobs.status(&pair(1)).is_none() && jobs.status(&pair(2)).is_none()).await;
    assert_eq!(jobs.status(&pair(0)).unwrap().state, JobState::Preparing);
    fake.let_all_go();
    until(|| jobs.status(&pair(0)).unwrap().state == JobState::Ready).await;
    assert_eq!(fake.begun().len(), 2);
}

#[tokio::test]
async fn one_who_comes_back_in_time_finds_the_same_build() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let patient =
        super::JobSettings { grace: Duration::from_secs(3600), ..settings(folder.path()) };
    let jobs = open(patient, &fake).await;
    for _ in 0..5 {
        let mut ticket = ask(&jobs, 0).await;
        let waited = tokio::time::timeout(Duration::from_millis(1), ticket.outcome()).await;
        assert!(waited.is_err());
    }
    let mut ticket = ask(&jobs, 0).await;
    until(|| fake.running() == 1).await;
    fake.let_all_go();
    assert_eq!(ticket.outcome().await, Outcome::Ready(built(&pair(0))));
    assert_eq!(fake.begun().len(), 1);
}

#[tokio::test]
async fn trouble_that_passes_is_sat_out() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    let trouble = [Blame::Registry, Blame::Disk, Blame::Registry].map(Plan::Fail);
    fake.plan(pair(0), trouble);
    assert_eq!(ask(&jobs, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
    assert_eq!(fake.begun().len(), 4);
    assert_eq!(jobs.counts().failed, [2, 1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn what_cannot_be_made_is_remembered() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    for (number, cause) in [(0, Blame::Missing), (1, Blame::Refused), (2, Blame::Cancelled)] {
        fake.plan(pair(number), [Plan::Fail(cause)]);
        let Outcome::Failed(error) = ask(&jobs, number).await.outcome().await else {
            panic!("{cause:?}")
        };
        assert_eq!(error.message, failure(cause).message);
        assert_eq!(ask(&jobs, number).await.outcome().await, Outcome::Failed(error));
    }
    assert_eq!(fake.begun().len(), 3);
    let status = jobs.status(&pair(1)).unwrap();
    assert_eq!((status.state, status.reason()), (JobState::Failed, Some("failed: refused")));
    jobs.forget(&pair(1)).await;
    assert_eq!(ask(&jobs, 1).await.outcome().await, Outcome::Ready(built(&pair(1))));
}

#[tokio::test]
async fn a_panic_is_a_failure_of_one_job_only() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    for number in 0..5 {
        fake.plan(pair(number), [Plan::Panic]);
        let outcome = ask(&jobs, number).await.outcome().await;
        assert!(matches!(outcome, Outcome::Failed(error) if error.cause == Blame::Defect));
    }
    assert_eq!(ask(&jobs, 9).await.outcome().await, Outcome::Ready(built(&pair(9))));
}

#[tokio::test]
async fn a_delta_that_is_not_worth_it_is_ready_and_says_so() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    let not_worth = Built { place: BuiltPlace::NotWorth, ..built(&pair(0)) };
    fake.plan(pair(0), [Plan::Built(not_worth.clone())]);
    assert_eq!(ask(&jobs, 0).await.outcome().await, Outcome::Ready(not_worth));
    let status = jobs.status(&pair(0)).unwrap();
    assert_eq!(status.state, JobState::Ready);
    assert!(status.reason().unwrap().starts_with("not worth it"));
    assert_eq!(jobs.counts().not_worth, 1);
}

#[tokio::test]
async fn watchers_hear_of_every_state() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    let mut events = jobs.events();
    fake.plan(pair(0), [Plan::Fail(Blame::Registry)]);
    ask(&jobs, 0).await.outcome().await;
    let mut states = Vec::new();
    while states.last() != Some(&JobState::Ready) {
        let event = events.recv().await.unwrap();
        assert_eq!(*event.pair, pair(0));
        states.extend(event.status.map(|status| status.state));
    }
    states.dedup();
    let (pending, preparing) = (JobState::Pending, JobState::Preparing);
    assert_eq!(states, [pending, preparing, pending, preparing, JobState::Ready]);
}
