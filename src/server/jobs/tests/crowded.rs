//! Many who want more than there is room for.

use super::fake::Fake;
use super::{open, pair, release, settings, until};
use crate::server::jobs::{JobSettings, Jobs, Origin, Outcome, QueueFull, Ticket};

fn origin(fleet: &str, asker: &str) -> Origin {
    Origin { fleet: fleet.to_owned(), asker: Some(asker.to_owned()), release: false }
}

async fn ask(jobs: &Jobs, number: u64, fleet: &str, asker: &str) -> Result<Ticket, QueueFull> {
    jobs.request(pair(number), origin(fleet, asker)).await
}

/// Rules with room for `queue` jobs, `fleet` of one fleet and `caller` of one caller.
fn rules(folder: &std::path::Path, queue: usize, fleet: usize, caller: usize) -> JobSettings {
    JobSettings {
        max_builds: 1,
        max_queue: queue,
        max_fleet_queue: fleet,
        max_caller_queue: caller,
        grace: std::time::Duration::from_secs(60),
        ..settings(folder)
    }
}

#[tokio::test]
async fn one_device_with_ten_thousand_pairs_keeps_nobody_from_a_delta() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(rules(folder.path(), 200, 100, 20), &fake).await;
    let mut taken = 0;
    for number in 0..10_000 {
        let fleet = format!("fleet {}", number % 50);
        taken += usize::from(ask(&jobs, number, &fleet, "attacker").await.is_ok());
    }
    assert_eq!(taken, 20);
    assert!(jobs.counts().queued <= 20);
    let mut other = ask(&jobs, 20_000, "other", "device").await.expect("room");
    fake.let_all_go();
    assert!(matches!(other.outcome().await, Outcome::Ready(_)));
}

#[tokio::test]
async fn a_fleet_has_its_share_and_a_release_has_what_it_needs() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(rules(folder.path(), 200, 10, 100), &fake).await;
    let mut tickets = Vec::new();
    for number in 0..10 {
        tickets.push(ask(&jobs, number, "a", &format!("device {number}")).await.expect("room"));
    }
    assert_eq!(ask(&jobs, 10, "a", "device 10").await.err(), Some(QueueFull));
    assert!(ask(&jobs, 9, "a", "device 10").await.is_ok(), "to join takes no room");
    assert!(ask(&jobs, 11, "b", "device 11").await.is_ok());
    for number in 100..150 {
        assert!(jobs.request(pair(number), release("a")).await.is_ok());
    }
    // One that a release asks for too is no device's any more.
    assert!(jobs.request(pair(9), release("a")).await.is_ok());
    assert!(ask(&jobs, 10, "a", "device 10").await.is_ok());
}

#[tokio::test]
async fn in_a_full_queue_the_largest_fleet_makes_room() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(rules(folder.path(), 12, 100, 100), &fake).await;
    let mut first = ask(&jobs, 0, "first", "first").await.expect("room");
    until(|| fake.running() == 1).await;
    let mut large = Vec::new();
    for number in 1..=10 {
        let asker = if number % 3 == 0 { "calm" } else { "greedy" };
        large.push((number, ask(&jobs, number, "large", asker).await.expect("room")));
    }
    for number in 11..=12 {
        assert!(jobs.request(pair(number), release("ahead")).await.is_ok());
    }
    assert_eq!(ask(&jobs, 20, "large", "calm").await.err(), Some(QueueFull));
    let mut small = ask(&jobs, 21, "small", "device").await.expect("room is made");
    assert_eq!(jobs.counts().queued, 12);
    // The newest of whoever has the most.
    assert_eq!(large.pop().expect("ten").1.outcome().await, Outcome::Crowded);
    assert_eq!(jobs.status(&pair(10)), None);
    // A release's jobs stay, and count as what the fleet has.
    assert!(jobs.status(&pair(11)).is_some() && jobs.status(&pair(12)).is_some());
    fake.let_all_go();
    assert!(matches!(small.outcome().await, Outcome::Ready(_)));
    assert!(matches!(first.outcome().await, Outcome::Ready(_)));
    for (number, mut ticket) in large {
        assert!(matches!(ticket.outcome().await, Outcome::Ready(_)), "{number}");
    }
}

#[tokio::test]
async fn fleets_that_have_as_much_do_not_displace_each_other() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let jobs = open(rules(folder.path(), 4, 100, 100), &fake).await;
    let _first = ask(&jobs, 0, "first", "first").await.expect("room");
    until(|| fake.running() == 1).await;
    let mut tickets = Vec::new();
    for number in 1..=4 {
        tickets.push(ask(&jobs, number, &format!("fleet {number}"), "device").await.expect("room"));
    }
    assert_eq!(ask(&jobs, 5, "fleet 5", "device").await.err(), Some(QueueFull));
    assert_eq!(jobs.request(pair(6), release("fleet 6")).await.err(), Some(QueueFull));
    assert_eq!(jobs.counts().queued, 4);
}

#[tokio::test]
async fn a_user_has_a_share_of_what_is_made_ahead_and_the_builder_all_it_needs() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::holding());
    let rules = JobSettings { max_release_queue: 5, ..rules(folder.path(), 200, 100, 1) };
    let jobs = open(rules, &fake).await;
    let by = |asker: &str| Origin { release: true, ..origin("a", asker) };
    for number in 0..5 {
        assert!(jobs.request(pair(number), by("ann")).await.is_ok());
    }
    assert_eq!(jobs.request(pair(5), by("ann")).await.err(), Some(QueueFull));
    assert!(jobs.request(pair(4), by("ann")).await.is_ok(), "to join takes no room");
    assert!(jobs.request(pair(5), by("ben")).await.is_ok());
    // What is asked for a device is counted by itself.
    assert!(ask(&jobs, 6, "a", "ann").await.is_ok());
    for number in 10..20 {
        assert!(jobs.request(pair(number), release("a")).await.is_ok());
    }
    fake.let_all_go();
    let mut last = jobs.request(pair(19), release("a")).await.expect("known");
    assert!(matches!(last.outcome().await, Outcome::Ready(_)));
    assert!(jobs.request(pair(30), by("ann")).await.is_ok(), "there is room again");
}
