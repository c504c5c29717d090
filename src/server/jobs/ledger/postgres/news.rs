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
    SELECT *, {now} AS read_at FROM jobs WHERE changed >= $1 AND home IN ('', $2) ORDER BY id LIMIT $3";
const REMOVED: &str = "SELECT * FROM removed_jobs WHERE changed >= $1 AND home IN ('', $2)";

const FROM_THE_FUTURE: &str = "\
    SELECT 1 FROM jobs WHERE changed >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    UNION ALL SELECT 1 FROM removed_jobs WHERE changed >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint LIMIT 1";

/// As long as it takes. What a trigger tells of in one transaction is told once.
const NUMBER_ANEW: &str = "\
    SET statement_timeout = 0;
    BEGIN;
    DELETE FROM removed_jobs WHERE changed >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    UPDATE jobs SET changed = 0 WHERE changed >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    COMMIT;
    SET statement_timeout = '9s'";

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
        restored(&mut connected.connection).await?;
        let mut transaction = connected.connection.begin_with(BEGIN).await?;
        let horizon = horizon(&mut transaction).await?;
        let load =
            sqlx::query(AssertSqlSafe(Arc::clone(&self.statements.load))).bind(&self.homes.files);
        let load = load.bind(i64::try_from(self.terms.mirrored).unwrap_or(i64::MAX));
        let rows = load.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        self.was_read(connected, horizon);
        Ok(record::records(&rows, &self.me))
    }

    async fn read_from(&mut self, connected: &mut Connected, from: i64) -> Result<News, Error> {
        let mut transaction = connected.connection.begin_with(BEGIN).await?;
        let horizon = horizon(&mut transaction).await?;
        let changed = sqlx::query(AssertSqlSafe(SPEECH.speak(CHANGED)));
        let most = i64::try_from(self.terms.mirrored).unwrap_or(i64::MAX);
        let changed = changed.bind(from).bind(&self.homes.files).bind(most.saturating_add(1));
        let changed = changed.fetch_all(&mut *transaction).await?;
        if changed.len() > self.terms.mirrored {
            // All that is mirrored is less.
            drop(transaction);
            return self.read_all(connected).await.map(News::All);
        }
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
        for record in record::records(changed, &self.me) {
            truths.push(Truth { pair: Arc::clone(&record.pair), record: Some(record) });
        }
        // One that was removed and asked for again is there.
        let there: HashSet<Arc<Pair>> =
            truths.iter().map(|truth| Arc::clone(&truth.pair)).collect();
        for row in removed {
            let Ok(pair) = record::pair(row) else { continue };
            if !there.contains(&pair) {
                truths.push(Truth { pair: Arc::new(pair), record: None });
            }
        }
        Ok(truths)
    }
}

/// A database that was restored from a backup into another server has numbers of transactions that are to
/// come there: what they stand on would be news again and again.
async fn restored(connection: &mut PgConnection) -> Result<(), Error> {
    if sqlx::query(FROM_THE_FUTURE).fetch_optional(&mut *connection).await?.is_some() {
        tracing::warn!("the database was restored: its jobs are numbered anew");
        sqlx::raw_sql(NUMBER_ANEW).execute(connection).await?;
    }
    Ok(())
}

async fn horizon(connection: &mut PgConnection) -> Result<i64, Error> {
    sqlx::query(HORIZON).fetch_one(connection).await?.try_get(0)
}
