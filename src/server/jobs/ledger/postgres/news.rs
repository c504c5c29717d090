//! What other servers did, read from the database.
//!
//! Each row has the number of the transaction that changed it last. A transaction may be over long after
//! one that began later; so the reader notes which was the first that was not over, and reads from there the
//! next time. What was read before comes again then, which does no harm.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Error, Row as _};
use tokio::time::Instant;

use super::connection::within;
use super::{Connected, LONGEST_SLEEP, POLL, PostgresLedger, SPEECH};
use crate::server::jobs::ledger::interface::News;
use crate::server::jobs::ledger::record::{self, Record, Truth};
use crate::server::pair::Pair;

/// What is read is of one moment.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// All transactions before this one are over.
const HORIZON: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
const CHANGED: &str = "\
    SELECT *, {now} AS read_at FROM jobs WHERE changed >= $1 AND home IN ('', $2) ORDER BY id";
const REMOVED: &str = "SELECT * FROM removed_jobs WHERE changed >= $1 AND home IN ('', $2)";

impl PostgresLedger {
    pub(super) async fn try_news(&mut self) -> Result<News, Error> {
        let mut connected = self.connected().await?;
        let is_stale = connected.read_at.elapsed() > LONGEST_SLEEP;
        let news = match connected.horizon.filter(|_| !is_stale) {
            Some(horizon) => within(self.read_from(&mut connected, horizon)).await?,
            None => News::All(within(self.read_all(&mut connected)).await?),
        };
        self.connection = Some(connected);
        Ok(news)
    }

    /// All jobs, in the order in which they came.
    pub(super) async fn read_all(
        &mut self,
        connected: &mut Connected,
    ) -> Result<Vec<Record>, Error> {
        let mut transaction = connected.connection.begin_with(BEGIN).await?;
        let horizon = horizon(&mut transaction).await?;
        let load =
            sqlx::query(AssertSqlSafe(Arc::clone(&self.statements.load))).bind(&self.homes.files);
        let load = load.bind(i64::try_from(self.terms.mirrored).unwrap_or(i64::MAX));
        let rows = load.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        self.was_read(connected, horizon);
        rows.iter().map(|row| record::record(row, &self.me)).collect()
    }

    async fn read_from(&mut self, connected: &mut Connected, from: i64) -> Result<News, Error> {
        let mut transaction = connected.connection.begin_with(BEGIN).await?;
        let horizon = horizon(&mut transaction).await?;
        let changed = sqlx::query(AssertSqlSafe(SPEECH.speak(CHANGED)));
        let changed =
            changed.bind(from).bind(&self.homes.files).fetch_all(&mut *transaction).await?;
        let removed = sqlx::query(REMOVED).bind(from).bind(&self.homes.files);
        let removed = removed.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        self.was_read(connected, horizon);
        self.truths(&changed, &removed).map(News::Some)
    }

    fn was_read(&mut self, connected: &mut Connected, horizon: i64) {
        connected.horizon = Some(horizon);
        connected.read_at = Instant::now();
        self.poll_at = Instant::now() + POLL;
    }

    fn truths(&self, changed: &[PgRow], removed: &[PgRow]) -> Result<Vec<Truth>, Error> {
        let mut truths = Vec::with_capacity(changed.len() + removed.len());
        for row in changed {
            let record = record::record(row, &self.me)?;
            truths.push(Truth { pair: Arc::clone(&record.pair), record: Some(record) });
        }
        // One that was removed and asked for again is there.
        let there: HashSet<Arc<Pair>> =
            truths.iter().map(|truth| Arc::clone(&truth.pair)).collect();
        for row in removed {
            let pair = record::pair(row)?;
            if !there.contains(&pair) {
                truths.push(Truth { pair: Arc::new(pair), record: None });
            }
        }
        Ok(truths)
    }
}

async fn horizon(connection: &mut PgConnection) -> Result<i64, Error> {
    sqlx::query(HORIZON).fetch_one(connection).await?.try_get(0)
}
