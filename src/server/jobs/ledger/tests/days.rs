//! Daily sums.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::Place;
use super::postgres::Database;
use crate::server::jobs::ledger::daily::{KEPT_DAYS, MAX_FLEETS};
use crate::server::jobs::ledger::{DaySum, FleetSum, Ledger, Model, OTHERS, SqliteLedger, Sum};

fn sum(number: u64) -> Sum {
    Sum {
        deltas: number,
        saved_bytes: 1_000 * number,
        saved_seconds: 0.5 * number as f64,
        builds: number / 2,
        failures: number % 2,
        build_seconds: 0.25 * number as f64,
    }
}

fn of(fleet: &str, number: u64) -> FleetSum {
    FleetSum { fleet: fleet.to_owned(), sum: sum(number) }
}

async fn add(ledger: &mut impl Ledger, sums: &[FleetSum]) {
    ledger.add_sums(sums).await.expect("written");
}

/// The sums of today, or of two days where midnight came between, by fleet.
async fn today(ledger: &mut impl Ledger) -> Vec<(String, Sum)> {
    let days: Vec<DaySum> = ledger.days(2).await.expect("read");
    let mut fleets = std::collections::BTreeMap::new();
    for DaySum { fleet, sum, .. } in days {
        let before: Sum = fleets.get(&fleet).copied().unwrap_or_default();
        fleets.insert(fleet, before.plus(sum));
    }
    fleets.into_iter().collect()
}

async fn check(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    assert_eq!(today(&mut ledger).await, []);
    add(&mut ledger, &[of("b", 1), of("a", 2), of(OTHERS, 4)]).await;
    add(&mut ledger, &[of("a", 3), of("o'\"; --\0", 1)]).await;
    let both = sum(2).plus(sum(3));
    let known = today(&mut ledger).await;
    let named: Vec<(&str, Sum)> = known.iter().map(|(fleet, sum)| (&**fleet, *sum)).collect();
    assert_eq!(named[..3], [("", sum(4)), ("a", both), ("b", sum(1))]);
    assert!(named[3].0.starts_with("o'\"; --"), "{named:?}");
    // No more fleets than may be: those that spared the least go together, as do later ones.
    let many: Vec<FleetSum> =
        (0..2 * MAX_FLEETS as u64).map(|it| of(&format!("x{it:03}"), it)).collect();
    add(&mut ledger, &many).await;
    add(&mut ledger, &[of("late", 1), of("a", 1)]).await;
    let known = today(&mut ledger).await;
    let named = known.iter().filter(|(fleet, _)| fleet != OTHERS).count();
    assert_eq!(named as i64, MAX_FLEETS);
    assert!(known.iter().any(|(fleet, _)| fleet == "x099"));
    assert!(known.iter().all(|(fleet, _)| !["x000", "late"].contains(&&**fleet)));
    let a = known.iter().find(|(fleet, _)| fleet == "a").expect("there");
    assert_eq!(a.1, both.plus(sum(1)));
    let all = known.iter().fold(0, |all, (_, sum)| all + sum.deltas);
    let given = many.iter().fold(0, |all, it| all + it.sum.deltas);
    assert_eq!(all, given + 1 + 2 + 4 + 3 + 1 + 1 + 1);
    ledger.close().await;
}

async fn two_servers_keep_the_bound(place: &impl Place) {
    let (mut one, mut other) = (place.server("a").await, place.server("b").await);
    for round in 0..10 {
        let fleets = |server: &str| -> Vec<FleetSum> {
            (0..10).map(|it| of(&format!("{server}{round}{it}"), 2)).collect()
        };
        let (from_one, from_other) = (fleets("a"), fleets("b"));
        tokio::join!(add(&mut one, &from_one), add(&mut other, &from_other));
    }
    let known = today(&mut one).await;
    let named = known.iter().filter(|(fleet, _)| fleet != OTHERS).count();
    assert_eq!(named as i64, MAX_FLEETS);
    assert_eq!(known.iter().fold(0, |all, (_, sum)| all + sum.deltas), 400);
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn the_model_adds_up() {
    check(&Model::default()).await;
    two_servers_keep_the_bound(&Model::default()).await;
}

#[tokio::test]
async fn sqlite_adds_up_and_forgets_what_is_old() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(folder.path(), 100).await.expect("opened");
    let file = SqliteConnectOptions::new().filename(folder.path().join("jobs.sqlite"));
    let mut connection = file.connect().await.expect("there");
    let old = format!(
        "INSERT INTO daily (day, fleet, deltas) SELECT unixepoch() / 86400 - {KEPT_DAYS} - column1, 'old', 1
            FROM (VALUES (-1), (0), (1))"
    );
    connection.execute(AssertSqlSafe(old)).await.expect("written");
    add(&mut ledger, &[of("new", 1)]).await;
    let days = ledger.days(10_000).await.expect("read");
    let fleets: Vec<&str> = days.iter().map(|day| &*day.fleet).collect();
    assert_eq!(fleets, ["old", "new"]);
    assert_eq!(days[1].day - days[0].day, KEPT_DAYS as u64 - 1);
}

#[tokio::test]
async fn postgresql_adds_up_and_forgets_what_is_old() {
    check(&Database::new()).await;
    let database = Database::new();
    two_servers_keep_the_bound(&database).await;
    let mut ledger = database.server("a").await;
    let old = format!(
        "DELETE FROM remora.daily;
        INSERT INTO remora.daily (day, fleet, deltas)
        SELECT extract(epoch FROM now())::bigint / 86400 - {KEPT_DAYS} - age, 'old', 1
        FROM (VALUES (-1), (0), (1)) AS ages (age)"
    );
    database.connection().await.execute(AssertSqlSafe(old)).await.expect("written");
    add(&mut ledger, &[of("new", 1)]).await;
    let days = ledger.days(10_000).await.expect("read");
    let fleets: Vec<&str> = days.iter().map(|day| &*day.fleet).collect();
    assert_eq!(fleets, ["old", "new"]);
    assert_eq!(days[1].day - days[0].day, KEPT_DAYS as u64 - 1);
    let servers = ledger.servers().await.expect("read");
    assert!(servers.iter().filter(|server| server.is_this).count() == 1, "{servers:?}");
    assert!(servers.iter().all(|server| server.lease_left.is_some()));
    ledger.close().await;
}
