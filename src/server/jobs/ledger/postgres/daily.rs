//! Daily sums and the servers that live, as whoever looks after them wants to see them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Error};

use super::connection::bound;
use super::{PostgresLedger, SPEECH, within};
use crate::server::jobs::ledger::columns::Columns as _;
use crate::server::jobs::ledger::daily::{self, DaySum, FleetSum};
use crate::server::jobs::ledger::interface::KnownServer;

const SERVERS: &str = "\
    SELECT name, home, lease_until - {now} AS lease_left FROM servers ORDER BY home, name LIMIT 1000";

impl PostgresLedger {
    pub(super) async fn try_add_sums(&mut self, sums: &[FleetSum]) -> Result<(), Error> {
        let mut connected = self.connected().await?;
        let added = within(async {
            let mut transaction = connected.connection.begin().await?;
            let lock = sqlx::query(AssertSqlSafe(SPEECH.speak(daily::LOCK_DAY)));
            lock.execute(&mut *transaction).await?;
            let add = daily::add(sums, |sql| SPEECH.speak(sql));
            bound(add).persistent(false).execute(&mut *transaction).await?;
            let trim = sqlx::query(AssertSqlSafe(SPEECH.speak(&daily::trim())));
            trim.execute(&mut *transaction).await?;
            transaction.commit().await
        });
        added.await?;
        self.connection = Some(connected);
        Ok(())
    }

    pub(super) async fn try_days(&mut self, days: u32) -> Result<Vec<DaySum>, Error> {
        let mut connected = self.connected().await?;
        let days_of = sqlx::query(AssertSqlSafe(SPEECH.speak(daily::DAYS))).bind(i64::from(days));
        let rows = within(days_of.fetch_all(&mut connected.connection)).await?;
        self.connection = Some(connected);
        rows.iter().map(daily::day_sum).collect()
    }

    pub(super) async fn try_servers(&mut self) -> Result<Vec<KnownServer>, Error> {
        let mut connected = self.connected().await?;
        let servers: Arc<str> = SPEECH.speak(SERVERS);
        let rows = within(sqlx::query(AssertSqlSafe(servers)).fetch_all(&mut connected.connection))
            .await?;
        self.connection = Some(connected);
        let server = |row| {
            let name = sqlx::postgres::PgRow::text(row, "name")?;
            let left = u64::try_from(row.number("lease_left")?).unwrap_or(0);
            Ok(KnownServer {
                is_this: name == self.me,
                name,
                home: row.text("home")?,
                lease_left: Some(Duration::from_millis(left)),
            })
        };
        rows.iter().map(server).collect()
    }
}
