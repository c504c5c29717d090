//! A ledger that does not take what it is given.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::oneshot;

use super::fake::Fake;
use super::{ask, built, device, open, pair, release, settings, until};
use crate::server::jobs::backlog::Backlog;
use crate::server::jobs::change::{Change, What};
use crate::server::jobs::database::Database;
use crate::server::jobs::ledger::Ledger as _;
use crate::server::jobs::record::{Record, RecordState};
use crate::server::jobs::{JobState, Outcome};

const MOMENT: Duration = Duration::from_millis(50);

async fn other_connection(folder: &std::path::Path) -> SqliteConnection {
    let file = folder.join("jobs.sqlite");
    SqliteConnectOptions::new().filename(file).connect().await.expect("a connection")
}

async fn execute(connection: &mut SqliteConnection, statement: &'static str) {
    sqlx::query(statement).execute(connection).await.expect(statement);
}

/// What SQLite does on a full disk (sqlite3_exec's SQLITE_FULL): the statement fails, and the
/// transaction is rolled back behind the connection's back.
const FULL: &str = "CREATE TRIGGER full BEFORE INSERT ON jobs \
                    BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";

#[tokio::test]
async fn after_a_disk_was_full_everything_goes_on_without_a_restart() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    assert_eq!(ask(&jobs, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
    assert_eq!(jobs.unwritten_for(), None);
    let mut other = other_connection(folder.path()).await;
    execute(&mut other, FULL).await;
    let asked = jobs.request(pair(1), device("fleet"));
    assert!(tokio::time::timeout(MOMENT, asked).await.is_err(), "promised without a disk");
    until(|| jobs.unwritten_for().is_some()).await;
    // Several attempts fail before there is room again.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    execute(&mut other, "DROP TRIGGER full").await;
    assert_eq!(ask(&jobs, 1).await.outcome().await, Outcome::Ready(built(&pair(1))));
    assert_eq!(ask(&jobs, 2).await.outcome().await, Outcome::Ready(built(&pair(2))));
    assert_eq!(jobs.unwritten_for(), None);
    drop(jobs);
    let jobs = open(settings(folder.path()), &fake).await;
    assert_eq!(jobs.status(&pair(2)).unwrap().state, JobState::Ready);
}

fn record(number: u64, state: RecordState) -> Record {
    let (pair, fleet) = (Arc::new(pair(number)), "fleet".to_owned());
    Record { pair, fleet, release: false, crashes: 0, state }
}

#[tokio::test]
async fn each_call_of_the_ledger_finds_its_way_back_after_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Database::open(folder.path()).await.expect("opened");
    let mut other = other_connection(folder.path()).await;
    let pending = [record(0, RecordState::Pending)];
    ledger.save(&pending).await.expect("room");
    execute(&mut other, FULL).await;
    let full = [record(1, RecordState::Pending)];
    for _ in 0..3 {
        let error = ledger.save(&full).await.expect_err("full").to_string();
        assert!(error.contains("disk is full"), "{error}");
    }
    ledger.probe().await.expect("the probe meets no trigger");
    assert!(ledger.claim(&pair(0)).await.expect("an update meets no trigger"));
    execute(&mut other, "DROP TRIGGER full").await;
    ledger.save(&full).await.expect("room");
    ledger.remove(&[Arc::new(pair(0))]).await.expect("room");
    assert_eq!(ledger.load().await.expect("readable"), full);
    other.close().await.expect("closed");
    ledger.close().await;
}

#[tokio::test]
async fn what_waits_while_nothing_can_be_written_does_not_grow_with_the_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Database::open(folder.path()).await.expect("opened");
    let mut backlog = Backlog::default();
    for _ in 0..1_000 {
        for number in 0..3 {
            for what in [
                What::Save(record(number, RecordState::Pending)),
                What::Remove(Arc::new(pair(number))),
                What::Save(record(number, RecordState::Preparing)),
                What::Check,
            ] {
                let (done, _left) = oneshot::channel();
                backlog.add(Change { what, done: Some(done) });
            }
            backlog.forget_who_left();
        }
    }
    assert!(backlog.len() <= 2 * 3 + 1, "{}", backlog.len());
    backlog.write(&mut ledger).await.expect("room");
    let expected: Vec<_> = (0..3).map(|number| record(number, RecordState::Preparing)).collect();
    assert_eq!(ledger.load().await.expect("readable"), expected);
}

#[tokio::test]
async fn a_claim_is_decided_by_what_was_saved_before_it_and_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Database::open(folder.path()).await.expect("opened");
    let mut backlog = Backlog::default();
    let (first, first_answer) = oneshot::channel();
    let (second, second_answer) = oneshot::channel();
    for what in [
        What::Save(record(0, RecordState::Pending)),
        What::Claim(Arc::new(pair(0)), first),
        What::Claim(Arc::new(pair(0)), second),
        What::Save(record(0, RecordState::Pending)),
    ] {
        backlog.add(Change { what, done: None });
    }
    backlog.write(&mut ledger).await.expect("room");
    assert_eq!((first_answer.await, second_answer.await), (Ok(true), Ok(false)));
    assert!(ledger.claim(&pair(0)).await.expect("room"));
    assert!(!ledger.claim(&pair(7)).await.expect("room"), "there is no such job");
}

#[tokio::test]
async fn a_job_that_another_server_prepares_is_not_prepared_here() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    let mut other = other_connection(folder.path()).await;
    let taken = "CREATE TRIGGER taken AFTER INSERT ON jobs \
                 BEGIN UPDATE jobs SET state = 'preparing'; END";
    execute(&mut other, taken).await;
    let mut ticket = jobs.request(pair(0), release("fleet")).await.expect("room");
    assert_eq!(ticket.outcome().await, Outcome::Parked);
    assert_eq!((fake.begun().len(), jobs.status(&pair(0))), (0, None));
    until(|| jobs.counts().running == 0).await;
    execute(&mut other, "DROP TRIGGER taken").await;
    execute(&mut other, "DELETE FROM jobs").await;
    assert_eq!(ask(&jobs, 0).await.outcome().await, Outcome::Ready(built(&pair(0))));
}
