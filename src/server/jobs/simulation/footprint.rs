//! What a job costs where it is kept: memory of a server's mirror, bytes and time of the database's file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Installation;
use super::delta::{Delta, Made};
use crate::server::ServerError;
use crate::server::jobs::ledger::{
    Candidate, Change, Holder, Ledger as _, Record, RecordState, SqliteLedger, What,
};
use crate::server::pair::Pair;

/// Changes that a server writes together at most.
const TOGETHER: usize = 128;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// How long it took to write all that becomes of these jobs: asked for, claimed, begun, ended.
    pub write_time: Duration,
    /// How long it took to read all jobs, as a server does that starts.
    pub load_time: Duration,
}

impl Installation {
    /// One server that remembers so many deltas which are ready, as if it had read them at its start.
    pub fn remembering(count: u32) -> Self {
        let mut all = Installation::new(&[0]);
        let server = &mut all.servers[0];
        server.table.settings.max_remembered = usize::MAX;
        for number in 0..count {
            let record = Record {
                id: number.into(),
                pair: Arc::new(numbered(number).pair()),
                fleet: numbered(number).pair().target.repository,
                asker: None,
                release: false,
                crashes: 0,
                holder: Holder::Nobody,
                wanted: false,
                trouble: None,
                state: ready(),
            };
            server.table.listing.number(&record.pair, record.id);
            server.table.take_in(record, all.start);
        }
        all
    }
}

/// Writes so many jobs into an SQLite database in `folder` as a server does, from the wish to the end.
///
/// # Errors
/// If the database can't be made, written or read.
pub async fn footprint(folder: &Path, count: u32) -> Result<Footprint, ServerError> {
    let mut ledger =
        SqliteLedger::open(folder, usize::try_from(count).unwrap_or(usize::MAX)).await?;
    let pairs: Vec<Arc<Pair>> = (0..count).map(|it| Arc::new(numbered(it).pair())).collect();
    let start = Instant::now();
    for pairs in pairs.chunks(TOGETHER) {
        ledger.write(&changes(pairs, wanted)).await?;
        for pair in pairs {
            let candidate = Candidate { pair: Arc::clone(pair), patient: false };
            ledger.claim(&[candidate]).await?;
        }
        ledger.write(&changes(pairs, |_| What::Begin)).await?;
        ledger.write(&changes(pairs, |_| What::End(ready()))).await?;
    }
    let write_time = start.elapsed();
    let start = Instant::now();
    ledger.load().await?;
    let load_time = start.elapsed();
    ledger.close().await;
    Ok(Footprint { write_time, load_time })
}

fn changes(pairs: &[Arc<Pair>], what: impl Fn(&Pair) -> What) -> Vec<Change> {
    pairs.iter().map(|pair| Change { pair: Arc::clone(pair), what: what(pair) }).collect()
}

fn wanted(pair: &Pair) -> What {
    What::Want { fleet: pair.target.repository.clone(), asker: None, release: false }
}

fn numbered(number: u32) -> Delta {
    Delta { fleet: number / 8, service: number % 8, source: 1, target: 2 }
}

fn ready() -> RecordState {
    let made = Made { bytes: 1_000_000, pull_bytes: 10_000_000, seconds: 1.0 };
    RecordState::Ready { built: made.built(), last_used: SystemTime::now() }
}
