//! What only a database of several servers has: leases, and transactions that overtake each other.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use super::{
    MIRRORED, Place, WISH, candidate, claim, filed, heard, held, pair, postgres_server, ready,
    tagged, want, write,
};
use crate::api::Secret;
use crate::server::ServerError;
use crate::server::build::Blame;
use crate::server::jobs::ledger::model::PLACES;
use crate::server::jobs::ledger::{
    Change, DatabaseAddress, Holder, Homes, Ledger as _, News, PostgresLedger, RecordState,
    SharedDatabase, SharedValue, Sign, Terms, What,
};
use crate::{Cause, Dialect};

/// How long leases last in these tests.
const LEASE: Duration = Duration::from_millis(1_500);

/// A database of a test's own.
pub(super) struct Database(String);

impl Database {
    pub(super) fn new() -> Self {
        Database(postgres_server::new_database())
    }

    pub(super) async fn connection(&self) -> PgConnection {
        let mut connection = PgConnection::connect(&self.0).await.expect("connected");
        connection.execute("SET search_path TO remora").await.expect("set");
        connection
    }
}

impl Place for Database {
    type Ledger = PostgresLedger;

    async fn server(&self, home: &str) -> PostgresLedger {
        open(&self.0, home).await.expect("opened")
    }
}

fn way(address: &str, home: &str, files: Option<&str>) -> Result<PostgresLedger, ServerError> {
    let address = DatabaseAddress::parse(address).expect("an address");
    let terms = Terms {
        lease: LEASE,
        wish: WISH,
        places: PLACES,
        answers: home != "worker",
        mirrored: MIRRORED,
    };
    PostgresLedger::new(address, Homes::new(home.to_owned(), files.map(str::to_owned)), terms)
}

async fn open(address: &str, home: &str) -> Result<PostgresLedger, ServerError> {
    open_in(address, home, None).await
}

async fn open_in(
    address: &str,
    home: &str,
    files: Option<&str>,
) -> Result<PostgresLedger, ServerError> {
    let mut ledger = way(address, home, files)?;
    ledger.load().await?;
    Ok(ledger)
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_and_who_comes_late_does_no_harm() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    held(&mut one, 0).await;
    write(&mut one, 0, What::Begin).await;
    // The other one lives, but has not for long enough to judge.
    other.beat(Sign::default()).await.expect("written");
    assert_eq!(claim(&mut other, &[0]).await, None);
    let taken = loop {
        tokio::time::sleep(LEASE / 8).await;
        other.beat(Sign::default()).await.expect("written");
        if let Some(taken) = claim(&mut other, &[0]).await {
            break taken.record.expect("there");
        }
    };
    assert_eq!((taken.crashes, taken.holder), (1, Holder::This));
    // The first one lives after all.
    let late = heard(&mut one, 0).await.flatten().expect("it was heard");
    assert_eq!(late.holder, Holder::Another);
    let late = write(&mut one, 0, ready(tagged())).await.expect("there");
    assert_eq!((late.state, late.holder), (RecordState::Pending, Holder::Another));
    write(&mut other, 0, What::Begin).await;
    let record = write(&mut other, 0, ready(tagged())).await.expect("there");
    assert!(matches!(record.state, RecordState::Ready { built, .. } if built == tagged()));
}

#[tokio::test]
async fn a_lease_that_is_renewed_lasts() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    held(&mut one, 0).await;
    for _ in 0..6 {
        tokio::time::sleep(LEASE / 4).await;
        one.beat(Sign::default()).await.expect("written");
        other.beat(Sign::default()).await.expect("written");
        assert_eq!(claim(&mut other, &[0]).await, None);
    }
    // One that signs off leaves nothing held.
    one.close().await;
    let record = claim(&mut other, &[0]).await.expect("it waits").record.expect("there");
    assert_eq!(record.crashes, 0);
}

#[tokio::test]
async fn a_transaction_that_was_overtaken_is_heard_of() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    for number in 0..2 {
        write(&mut one, number, want()).await;
    }
    heard(&mut other, 0).await;
    let mut slow = database.connection().await;
    let mut transaction = slow.begin().await.expect("begun");
    let change = "UPDATE jobs SET fleet = 'slow' WHERE id = (SELECT min(id) FROM jobs)";
    transaction.execute(change).await.expect("changed");
    // Later ones are over before.
    for _ in 0..3 {
        write(&mut one, 1, want()).await;
        held(&mut one, 2).await;
        assert_ne!(heard(&mut other, 2).await, None);
        write(&mut one, 2, What::Unwant).await;
        tokio::time::sleep(WISH).await;
        write(&mut one, 2, What::Unwant).await;
        heard(&mut other, 2).await;
    }
    transaction.commit().await.expect("over");
    let record = heard(&mut other, 0).await.flatten().expect("it was heard");
    assert_eq!(record.fleet, "slow");
}

#[tokio::test]
async fn a_change_elsewhere_wakes_and_what_was_read_does_not_come_again() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    // Listening begins beside the rest.
    while postgres_server::sql(
        &database.0,
        "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    ) != "2"
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    heard(&mut other, 0).await;
    write(&mut one, 0, want()).await;
    tokio::time::timeout(Duration::from_secs(60), other.changed()).await.expect("woken");
    assert!(heard(&mut other, 0).await.is_some());
    // Nothing happens: nothing is heard again, once all that went on meanwhile in other databases is over.
    let is_empty = |news: News| matches!(news, News::Some(truths) if truths.is_empty());
    while !is_empty(other.news().await.expect("read")) {}
    // That it is still wanted is no news.
    let changed = || postgres_server::sql(&database.0, "SELECT changed FROM remora.jobs");
    let before = changed();
    tokio::time::sleep(WISH).await;
    one.beat(Sign { wanted: &[pair(0)], ..Sign::default() }).await.expect("written");
    assert_eq!(changed(), before);
}

#[tokio::test]
async fn after_the_connection_was_cut_everything_is_read_and_written_again() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    write(&mut one, 0, want()).await;
    heard(&mut other, 0).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_ne!(postgres_server::sql(&database.0, cut), "0");
    let change = [Change { pair: pair(1), what: want() }];
    assert!(one.write(&change).await.is_err());
    one.write(&change).await.expect("over a new connection");
    assert!(other.news().await.is_err());
    // Whoever was away reads all there is.
    let News::All(records) = other.news().await.expect("read") else { panic!("all") };
    assert_eq!(records.len(), 2);
}

#[tokio::test]
async fn v2_deltas_are_each_servers_own() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    let v2 = |number| {
        let mut pair = (*pair(number)).clone();
        pair.format = Dialect::V2;
        std::sync::Arc::new(pair)
    };
    let change = [Change { pair: v2(0), what: want() }];
    one.write(&change).await.expect("written");
    assert_eq!(other.claim(&[candidate(v2(0))]).await.expect("claimed"), None);
    assert!(other.load().await.expect("read").is_empty());
    other.write(&change).await.expect("written");
    assert!(one.claim(&[candidate(v2(0))]).await.expect("claimed").is_some());
    assert!(other.claim(&[candidate(v2(0))]).await.expect("claimed").is_some());
}

#[tokio::test]
async fn v2_deltas_in_one_bucket_are_everybodys() {
    let database = Database::new();
    let mut pair = (*pair(0)).clone();
    pair.format = Dialect::V2;
    let v2 = std::sync::Arc::new(pair);
    let change = [Change { pair: std::sync::Arc::clone(&v2), what: want() }];
    let mut alone = database.server("a").await;
    alone.write(&change).await.expect("written");
    assert!(
        alone.claim(&[candidate(std::sync::Arc::clone(&v2))]).await.expect("claimed").is_some()
    );
    alone.write(&[Change { what: What::Begin, ..change[0].clone() }]).await.expect("written");
    alone.write(&[Change { what: ready(filed()), ..change[0].clone() }]).await.expect("written");
    alone.close().await;
    let mut one = open_in(&database.0, "a", Some("bucket")).await.expect("opened");
    let mut other = open_in(&database.0, "b", Some("bucket")).await.expect("opened");
    // What the first one has in its data folder no longer counts.
    for ledger in [&mut one, &mut other] {
        assert!(ledger.load().await.expect("read").is_empty());
    }
    one.write(&change).await.expect("written");
    other.write(&change).await.expect("written");
    assert!(
        other.claim(&[candidate(std::sync::Arc::clone(&v2))]).await.expect("claimed").is_some()
    );
    assert!(one.claim(&[candidate(std::sync::Arc::clone(&v2))]).await.expect("claimed").is_none());
    other.write(&[Change { what: What::Begin, ..change[0].clone() }]).await.expect("written");
    other.write(&[Change { what: ready(filed()), ..change[0].clone() }]).await.expect("written");
    let News::Some(truths) = one.news().await.expect("read") else { panic!("some") };
    let record = truths.into_iter().next_back().and_then(|truth| truth.record).expect("there");
    assert!(matches!(record.state, RecordState::Ready { built, .. } if built == filed()));
}

#[tokio::test]
async fn the_lead_goes_with_the_connection() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    one.beat(Sign::default()).await.expect("written");
    other.beat(Sign::default()).await.expect("written");
    assert!(one.leads() && !other.leads());
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(postgres_server::sql(&database.0, cut), "1");
    while !other.leads() {
        other.beat(Sign::default()).await.expect("written");
    }
    assert!(one.beat(Sign::default()).await.is_err());
    assert!(!one.leads());
    one.beat(Sign::default()).await.expect("over a new connection");
    assert!(!one.leads() && other.leads());
}

#[tokio::test]
async fn who_only_builds_leads_as_long_as_nobody_answers() {
    let database = Database::new();
    let mut worker = database.server("worker").await;
    worker.beat(Sign::default()).await.expect("written");
    assert!(worker.leads());
    let mut other = database.server("a").await;
    worker.beat(Sign::default()).await.expect("written");
    other.beat(Sign::default()).await.expect("written");
    assert!(!worker.leads() && other.leads());
    other.close().await;
    worker.beat(Sign::default()).await.expect("written");
    assert!(worker.leads());
}

#[tokio::test]
async fn a_value_is_the_firsts_for_all() {
    let database = Database::new();
    let shared = SharedDatabase::at(&Secret::new(database.0.clone())).expect("an address");
    let proposals: Vec<[u8; 4]> = (0..6).map(|number| [number; 4]).collect();
    let agreed = proposals.iter().map(|it| shared.value(SharedValue::DownloadKey, it));
    let agreed = futures_util::future::try_join_all(agreed).await.expect("agreed");
    assert!(agreed.iter().all(|value| *value == agreed[0]), "{agreed:?}");
    assert!(proposals.iter().any(|proposal| agreed[0] == proposal));
    let folder = shared.bucket_folder().await.expect("agreed");
    assert_eq!(shared.bucket_folder().await.expect("agreed"), folder);
    postgres_server::sql(
        &database.0,
        "UPDATE remora.shared SET value = '../elsewhere' WHERE name = 'bucket-folder'",
    );
    let error = shared.bucket_folder().await.expect_err("refused").to_string();
    assert!(error.contains("bucket-folder"), "{error}");
    assert!(!format!("{shared:?}").contains("hush"));
}

#[tokio::test]
async fn servers_that_start_at_once_make_the_tables_once() {
    let database = Database::new();
    let homes: Vec<String> = (0..4).map(|number| number.to_string()).collect();
    let opened = homes.iter().map(|home| open(&database.0, home));
    for ledger in futures_util::future::join_all(opened).await {
        ledger.expect("opened").probe().await.expect("it takes writes");
    }
}

#[tokio::test]
async fn a_database_that_is_not_to_be_had_is_an_error_with_a_hint_and_no_password() {
    let database = Database::new();
    let wrong = database.0.replace("hush", "wrong-hush");
    let away = "postgres://remora:wrong-hush@127.0.0.1:1/deltas";
    let (nowhere, _) = database.0.rsplit_once('/').expect("a name");
    let nowhere = format!("{nowhere}/nowhere");
    for (address, cause) in
        [(&*wrong, Cause::Unauthorized), (away, Cause::Unreachable), (&nowhere, Cause::Missing)]
    {
        let Err(error) = open(address, "a").await else { panic!("opened") };
        assert_eq!(error.cause(), cause, "{error}");
        assert!(error.hint().is_some());
        let told = format!("{error} {error:?} {:?}", error.hint());
        assert!(!told.contains("hush"), "{told}");
    }
}

#[tokio::test]
async fn servers_know_how_many_answer_and_what_layers_they_had() {
    let database = Database::new();
    let (mut one, mut worker) = (database.server("a").await, database.server("worker").await);
    let images = [pair(0).source.digest, pair(1).source.digest];
    let sign = Sign { images: &images, ..Sign::default() };
    assert_eq!(one.beat(sign).await.expect("written").answering, 1);
    let mut other = database.server("b").await;
    assert_eq!(worker.beat(Sign::default()).await.expect("written").answering, 2);
    assert!(other.images().await.expect("read").is_empty());
    one.close().await;
    assert_eq!(worker.beat(Sign::default()).await.expect("written").answering, 1);
    let mut again = database.server("a").await;
    let mut kept = again.images().await.expect("read");
    kept.sort_unstable();
    let mut images = images.to_vec();
    images.sort_unstable();
    assert_eq!(kept, images);
    other.close().await;
}

#[tokio::test]
async fn a_lease_runs_out_though_connections_are_cut_all_the_time() {
    let database = Database::new();
    let (mut gone, mut other) = (database.server("a").await, database.server("b").await);
    held(&mut gone, 0).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut tries = 0;
    while claim(&mut other, &[0]).await.is_none() {
        tries += 1;
        assert!(tries < 200, "the job is held for ever");
        postgres_server::sql(&database.0, cut);
        // The first call over a connection that was cut fails; a new one succeeds.
        while other.beat(Sign::default()).await.is_err() {}
        tokio::time::sleep(LEASE / 8).await;
    }
}

#[tokio::test]
async fn a_row_that_makes_no_sense_fails_alone() {
    let database = Database::new();
    let mut one = database.server("a").await;
    for number in 0..6 {
        held(&mut one, number).await;
        write(&mut one, number, ready(tagged())).await;
    }
    let name = |number| format!("source_repository = '{}'", pair(number).source.repository);
    for (number, damage) in [
        (0, "state = 'failed', cause = 'out-of-luck', message = 'm', expires = 9999999999999"),
        (1, "state = 'failed', cause = NULL, message = NULL, expires = 9999999999999"),
        (2, "tag = NULL"),
        (3, "digest = 'nonsense'"),
        (4, "source_digest = 'nonsense'"),
    ] {
        let damage = format!("UPDATE remora.jobs SET {damage} WHERE {}", name(number));
        postgres_server::sql(&database.0, &damage);
    }
    for mut server in [one, database.server("b").await] {
        for number in 0..4 {
            let record = write(&mut server, number, What::Use).await.expect("there");
            let RecordState::Failed { error, .. } = record.state else { panic!("{record:?}") };
            assert_eq!(error.cause, Blame::Defect);
        }
        assert_eq!(write(&mut server, 4, What::Use).await, None);
        let sound = write(&mut server, 5, What::Use).await.expect("there");
        assert!(matches!(sound.state, RecordState::Ready { built, .. } if built == tagged()));
        let loaded = server.load().await.expect("read");
        assert_eq!(loaded.iter().filter(|record| record.pair != pair(10)).count(), 5);
        write(&mut server, 10, want()).await.expect("it takes writes");
        heard(&mut server, 10).await;
    }
}

#[tokio::test]
async fn a_database_that_was_restored_elsewhere_is_no_news_for_ever() {
    let database = Database::new();
    let mut one = database.server("a").await;
    held(&mut one, 0).await;
    write(&mut one, 0, ready(tagged())).await;
    one.close().await;
    let future = "SET session_replication_role = replica; UPDATE remora.jobs SET changed = 1e15";
    postgres_server::sql(&database.0, future);
    let mut other = database.server("b").await;
    let is_empty = |news: News| matches!(news, News::Some(truths) if truths.is_empty());
    while !is_empty(other.news().await.expect("read")) {}
    assert_eq!(other.load().await.expect("read").len(), 1);
}

#[tokio::test]
async fn more_news_than_a_server_mirrors_are_read_as_what_it_mirrors() {
    let database = Database::new();
    let (mut one, mut other) = (database.server("a").await, database.server("b").await);
    heard(&mut other, 0).await;
    for number in 0..MIRRORED as u64 + 1 {
        write(&mut one, number, want()).await;
    }
    assert!(matches!(other.news().await.expect("read"), News::All(_)));
}

#[tokio::test]
async fn a_database_that_is_not_for_this_version_is_an_error_that_does_not_pass() {
    for (statement, cause) in [
        ("CREATE SCHEMA remora; CREATE TABLE remora.jobs (a int)", Cause::Obstacle),
        ("CREATE ROLE other; CREATE SCHEMA remora AUTHORIZATION other", Cause::Denied),
    ] {
        let database = Database::new();
        let address = match cause {
            Cause::Denied => database.0.replace("remora:", "guest:"),
            _ => database.0.clone(),
        };
        if cause == Cause::Denied {
            let guest = "CREATE ROLE guest LOGIN PASSWORD 'hush-5432'";
            postgres_server::sql(&database.0, guest);
        }
        postgres_server::sql(&database.0, statement);
        let Err(error) = open(&address, "a").await else { panic!("opened") };
        assert_eq!(error.cause(), cause, "{error}");
        assert!(!error.is_of_a_shared_database_that_is_away());
    }
}

#[tokio::test]
async fn whoever_removes_rows_by_hand_is_heard() {
    let database = Database::new();
    let mut one = database.server("a").await;
    write(&mut one, 0, want()).await;
    heard(&mut one, 0).await;
    postgres_server::sql(&database.0, "DELETE FROM remora.jobs");
    assert_eq!(heard(&mut one, 0).await, Some(None));
}
