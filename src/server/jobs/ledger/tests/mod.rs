//! What every ledger does, tried on each: the model in memory, SQLite, PostgreSQL.

mod alone;
mod days;
mod postgres;
#[path = "../../../../../tests/it/postgres_server.rs"]
#[allow(dead_code)]
mod postgres_server;
mod together;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(in crate::server) use self::postgres_server::{new_database, sql};

use super::{
    Candidate, Change, Ledger, Model, ModelLedger, News, Record, SqliteLedger, Truth, What,
};
use crate::Dialect;
use crate::image::Digest;
use crate::server::build::{Blame, BuildError, Built, BuiltPlace};
use crate::server::pair::{Pair, PinnedImage};

/// How many finished jobs a server mirrors in these tests.
const MIRRORED: usize = 50;

/// How long a wish counts in these tests.
const WISH: Duration = Duration::from_millis(400);

/// Somewhere that servers keep a ledger together.
trait Place {
    type Ledger: Ledger;

    /// A server with this data folder.
    async fn server(&self, home: &str) -> Self::Ledger;
}

impl Place for Model {
    type Ledger = ModelLedger;

    async fn server(&self, home: &str) -> ModelLedger {
        let mut ledger = self.of(home.bytes().map(u32::from).sum());
        ledger.load().await.expect("loaded");
        ledger
    }
}

impl Place for Path {
    type Ledger = SqliteLedger;

    async fn server(&self, _home: &str) -> SqliteLedger {
        let mut ledger = SqliteLedger::open(self, MIRRORED).await.expect("opened");
        ledger.load().await.expect("loaded");
        ledger
    }
}

fn pair(number: u64) -> Arc<Pair> {
    let image = |role: &str| PinnedImage {
        repository: format!("v2/{role}{number}"),
        digest: Digest::of(format!("{role}{number}").as_bytes()),
    };
    Arc::new(Pair { format: Dialect::V3, source: image("source"), target: image("target") })
}

fn built(place: BuiltPlace) -> Built {
    Built { place, bytes: 10, pull_bytes: Some(100), commands: 3, seconds: 0.5 }
}

fn tagged() -> Built {
    built(BuiltPlace::Tag { tag: "delta-1".to_owned(), digest: Digest::of(b"delta") })
}

fn filed() -> Built {
    built(BuiltPlace::File { key: "5".repeat(64) })
}

fn error(cause: Blame) -> BuildError {
    BuildError { cause, message: format!("failed: {}", cause.name()) }
}

fn want() -> What {
    wanted_by("fleet", None, false)
}

fn wanted_by(fleet: &str, asker: Option<&str>, release: bool) -> What {
    What::Want { fleet: fleet.to_owned(), asker: asker.map(str::to_owned), release }
}

fn ready(built: Built) -> What {
    What::End(super::RecordState::Ready { built, last_used: SystemTime::now() })
}

fn failed(cause: Blame, expires: SystemTime) -> What {
    What::End(super::RecordState::Failed { error: error(cause), expires })
}

/// Writes one change and gives what the ledger has afterwards.
async fn write(ledger: &mut impl Ledger, number: u64, what: What) -> Option<Record> {
    let truths = ledger.write(&[Change { pair: pair(number), what }]).await.expect("written");
    assert_eq!(truths.len(), 1);
    assert_eq!(truths[0].pair, pair(number));
    truths.into_iter().next().and_then(|truth| truth.record)
}

/// A job that is left to nobody.
fn candidate(pair: Arc<Pair>) -> Candidate {
    Candidate { pair, patient: false }
}

async fn claim(ledger: &mut impl Ledger, numbers: &[u64]) -> Option<Truth> {
    let candidates: Vec<_> = numbers.iter().map(|number| candidate(pair(*number))).collect();
    ledger.claim(&candidates).await.expect("claimed")
}

/// A job that this server holds.
async fn held(ledger: &mut impl Ledger, number: u64) -> Record {
    write(ledger, number, want()).await;
    let claimed = claim(ledger, &[number]).await.expect("it waits");
    claimed.record.expect("it is there")
}

/// What a server hears of others, by pair.
async fn heard(ledger: &mut impl Ledger, number: u64) -> Option<Option<Record>> {
    match ledger.news().await.expect("read") {
        News::Some(truths) => {
            let mut truths = truths.into_iter().filter(|truth| truth.pair == pair(number));
            truths.next_back().map(|truth| truth.record)
        }
        News::All(records) => Some(records.into_iter().find(|record| record.pair == pair(number))),
    }
}

fn near(one: SystemTime, other: SystemTime) -> bool {
    let distance = one.duration_since(other).or_else(|_| other.duration_since(one));
    distance.is_ok_and(|distance| distance < Duration::from_secs(5))
}
