//! A ledger that does not take what it is given.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::oneshot;

use super::fake::Fake;
use super::{ask, built, device, open, pair, settings, until};
use crate::server::jobs::backlog::Backlog;
use crate::server::jobs::ledger::{
    Candidate, Change, Ledger as _, Model, Record, SqliteLedger, What,
};
use crate::server::jobs::message::{Message, Request};
use crate::server::jobs::{JobState, Outcome};
use crate::server::pair::Pair;

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

#[tokio::test]
async fn sums_that_cannot_be_kept_hold_up_no_job() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let jobs = open(settings(folder.path()), &fake).await;
    let mut other = other_connection(folder.path()).await;
    execute(&mut other, "DROP TABLE daily").await;
    assert!(jobs.survey().await.is_none());
    let is_done = async |number| {
        let done = async { ask(&jobs, number).await.outcome().await };
        let done = tokio::time::timeout(Duration::from_secs(20), done).await;
        assert_eq!(done.expect("it waits for sums"), Outcome::Ready(built(&pair(number))));
    };
    is_done(0).await;
    // Longer than sums are added up in memory.
    tokio::time::sleep(Duration::from_secs(6)).await;
    is_done(1).await;
    assert_eq!(jobs.unwritten_for(), None);
}

fn change(number: u64, what: What) -> Change {
    Change { pair: Arc::new(pair(number)), what }
}

fn want() -> What {
    What::Want { fleet: "fleet".to_owned(), asker: None, release: false }
}

fn pairs(records: &[Record]) -> Vec<Pair> {
    records.iter().map(|record| (*record.pair).clone()).collect()
}

#[tokio::test]
async fn each_call_of_the_ledger_finds_its_way_back_after_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(folder.path(), 10).await.expect("opened");
    let mut other = other_connection(folder.path()).await;
    ledger.write(&[change(0, want())]).await.expect("room");
    execute(&mut other, FULL).await;
    for _ in 0..3 {
        let error = ledger.write(&[change(1, want())]).await.expect_err("full").to_string();
        assert!(error.contains("disk is full"), "{error}");
    }
    ledger.probe().await.expect("the probe meets no trigger");
    let candidate = Candidate { pair: Arc::new(pair(0)), patient: false };
    let claimed = ledger.claim(&[candidate]).await.expect("an update meets no trigger");
    assert!(claimed.is_some());
    execute(&mut other, "DROP TRIGGER full").await;
    ledger.write(&[change(1, want())]).await.expect("room");
    ledger.write(&[change(0, What::Unwant)]).await.expect("room");
    assert_eq!(pairs(&ledger.load().await.expect("readable")), [pair(1)]);
    other.close().await.expect("closed");
    ledger.close().await;
}

#[tokio::test]
async fn what_waits_while_nothing_can_be_written_does_not_grow_with_the_changes() {
    let mut ledger = Model::default().of(0);
    let (mut backlog, mut last) = (Backlog::default(), 0);
    for _ in 0..1_000 {
        for number in 0..3 {
            for what in [What::Unwant, want(), What::Forget, want()] {
                let (done, _left) = oneshot::channel();
                last += 1;
                let request = Request::Change(change(number, what), last);
                backlog.add(Message { request, done: Some(done) });
            }
            backlog.add(Message { request: Request::Check, done: None });
            backlog.forget_who_left();
        }
    }
    assert_eq!(backlog.len(), 3 * 3);
    let written = backlog.write(&mut ledger).await.expect("room");
    assert_eq!(written.len(), 9);
    let records = ledger.load().await.expect("readable");
    assert_eq!(pairs(&records), [0, 1, 2].map(pair));
}

#[tokio::test]
async fn what_a_release_wants_is_not_less_wanted_by_a_device() {
    let mut ledger = Model::default().of(0);
    let mut backlog = Backlog::default();
    for (number, release) in [(1, true), (2, false)] {
        let asker = Some(number.to_string());
        let what = What::Want { fleet: "fleet".to_owned(), asker, release };
        let request = Request::Change(change(0, what), number);
        backlog.add(Message { request, done: None });
    }
    backlog.write(&mut ledger).await.expect("room");
    let records = ledger.load().await.expect("readable");
    assert_eq!((records[0].release, records[0].asker.as_deref()), (true, Some("1")));
}
