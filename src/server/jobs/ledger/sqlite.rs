//! The ledger of a server that is alone: one SQLite file in the data folder.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Error, SqlSafeStr as _, Sqlite};

use super::change::Change;
use super::daily::{self, DaySum, FleetSum};
use super::interface::{KnownServer, Ledger, News};
use super::record::{self, Record, Truth};
use super::servers::{Candidate, Report, Sign, Standing, Told};
use super::statement::{Speech, Statement, Statements, Value};
use crate::image::Digest;
use crate::server::ServerError;

const FILE: &str = "jobs.sqlite";
/// A tool that looks at the file, or a server that was killed a moment ago, may hold it up.
const BUSY_TIME: Duration = Duration::from_secs(5);
/// Changes nothing, but writes to the file all the same.
const PROBE: &str = "PRAGMA user_version = 1";

/// What this server is called: there is no other.
const ME: &str = "this";
/// All jobs are at home here.
const HOME: &str = "";

/// What one says who is alone: whoever no longer waits here waits nowhere.
const SPEECH: Speech = Speech {
    now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    unwanted: Cow::Borrowed("TRUE"),
    elsewhere: "FALSE",
    locking: "",
};

/// Whatever was held was so by this server, before it started anew.
const RELEASE: &str = "\
    UPDATE jobs SET owner = NULL, state = 'pending',
        crashes = crashes + CASE WHEN state = 'preparing' THEN 1 ELSE 0 END
    WHERE state = 'preparing' OR owner IS NOT NULL";

/// A claim need not outlive the machine: whoever starts takes all jobs back. The next write that has to
/// last brings it to the disk too.
const UNSYNCED: &str = "PRAGMA synchronous = NORMAL";
const SYNCED: &str = "PRAGMA synchronous = FULL";

/// The file and the connection to it.
pub(in crate::server::jobs) struct SqliteLedger {
    path: PathBuf,
    statements: Statements,
    /// How many finished jobs are read at the start, at most.
    mirrored: usize,
    /// `None` after a call that failed. SQLite ends a transaction by itself when the disk is full,
    /// which the connection's own count of transactions does not notice: such a connection never
    /// begins another one.
    connection: Option<SqliteConnection>,
}

impl SqliteLedger {
    /// Opens the file in `folder`; it is created, or brought to this version's shape.
    /// Of finished jobs it is asked for `mirrored` at most.
    pub(in crate::server::jobs) async fn open(
        folder: &Path,
        mirrored: usize,
    ) -> Result<Self, ServerError> {
        let statements = Statements::new(&SPEECH, ME, Duration::ZERO);
        let path = folder.join(FILE);
        let mut ledger = SqliteLedger { path, statements, mirrored, connection: None };
        let connection = ledger.connect().await;
        ledger.connection = Some(connection.map_err(|error| ledger.error("open", &error))?);
        Ok(ledger)
    }

    /// The connection that is open, or a new one.
    async fn connect(&mut self) -> Result<SqliteConnection, Error> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let mut connection = connect(&self.path).await?;
        // `run` asks the same of a connection in a way that no future may be `Send` for.
        migrator().run_direct(None, &mut connection, false).await?;
        Ok(connection)
    }

    async fn try_load(&mut self) -> Result<Vec<Record>, Error> {
        let mut connection = self.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(RELEASE).execute(&mut *transaction).await?;
        let load = sqlx::query(AssertSqlSafe(Arc::clone(&self.statements.load))).bind(HOME);
        let mirrored = i64::try_from(self.mirrored).unwrap_or(i64::MAX);
        let rows = load.bind(mirrored).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        self.connection = Some(connection);
        Ok(record::records(&rows, ME))
    }

    async fn try_write(&mut self, changes: &[Change]) -> Result<Vec<Truth>, Error> {
        let mut connection = self.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut truths = Vec::with_capacity(changes.len());
        for change in changes {
            let mut row = None;
            for statement in self.statements.of(change, HOME) {
                row = row_of(&mut transaction, statement).await?;
            }
            if row.is_none() {
                row = row_of(&mut transaction, self.statements.look(&change.pair, HOME)).await?;
            }
            truths.push(record::truth(&change.pair, row.as_ref(), ME));
        }
        transaction.commit().await?;
        self.connection = Some(connection);
        Ok(truths)
    }

    async fn try_claim(&mut self, candidates: &[Candidate]) -> Result<Option<Truth>, Error> {
        let mut connection = self.connect().await?;
        sqlx::query(UNSYNCED).execute(&mut connection).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut claimed = None;
        for candidate in candidates {
            let row = row_of(&mut transaction, self.statements.claim(candidate, HOME)).await?;
            if row.is_some() {
                claimed = Some(record::truth(&candidate.pair, row.as_ref(), ME));
                break;
            }
        }
        transaction.commit().await?;
        sqlx::query(SYNCED).execute(&mut connection).await?;
        self.connection = Some(connection);
        Ok(claimed)
    }

    async fn try_tidy(&mut self, remember: Duration) -> Result<(), Error> {
        let mut connection = self.connect().await?;
        bound(self.statements.tidy(remember)).execute(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn try_probe(&mut self) -> Result<(), Error> {
        let mut connection = self.connect().await?;
        sqlx::query(PROBE).execute(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn try_add_sums(&mut self, sums: &[FleetSum]) -> Result<(), Error> {
        let mut connection = self.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let add = daily::add(sums, |sql| SPEECH.speak(sql));
        bound(add).persistent(false).execute(&mut *transaction).await?;
        let trim = sqlx::query(AssertSqlSafe(SPEECH.speak(&daily::trim())));
        trim.execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn try_days(&mut self, days: u32) -> Result<Vec<DaySum>, Error> {
        let mut connection = self.connect().await?;
        let days_of = sqlx::query(AssertSqlSafe(SPEECH.speak(daily::DAYS))).bind(i64::from(days));
        let rows = days_of.fetch_all(&mut connection).await?;
        self.connection = Some(connection);
        rows.iter().map(daily::day_sum).collect()
    }

    fn error(&self, action: &'static str, error: &Error) -> ServerError {
        let is_of_another_version = matches!(error, Error::Migrate(error) if !matches!(
            **error,
            MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)
        ));
        let (path, reason) = (self.path.clone(), error.to_string());
        ServerError::Database { action, path, reason, is_of_another_version }
    }
}

impl Ledger for SqliteLedger {
    async fn load(&mut self) -> Result<Vec<Record>, ServerError> {
        let loaded = self.try_load().await;
        loaded.map_err(|error| self.error("read", &error))
    }

    async fn write(&mut self, changes: &[Change]) -> Result<Vec<Truth>, ServerError> {
        let written = self.try_write(changes).await;
        written.map_err(|error| self.error("write", &error))
    }

    /// Jobs are left to nobody, whatever is here.
    async fn images(&mut self) -> Result<Vec<Digest>, ServerError> {
        Ok(Vec::new())
    }

    async fn claim(&mut self, candidates: &[Candidate]) -> Result<Option<Truth>, ServerError> {
        let claimed = self.try_claim(candidates).await;
        claimed.map_err(|error| self.error("write", &error))
    }

    /// Nobody else could take anything over.
    async fn beat(&mut self, _sign: Sign<'_>) -> Result<Standing, ServerError> {
        Ok(Standing::ALONE)
    }

    /// Nobody else would hear of it.
    async fn report(&mut self, _reports: &[Report]) -> Result<(), ServerError> {
        Ok(())
    }

    /// There is no other.
    fn leads(&self) -> bool {
        true
    }

    async fn news(&mut self) -> Result<News, ServerError> {
        Ok(News::Some(Vec::new()))
    }

    /// Nobody else changes anything.
    async fn changed(&mut self) -> Told {
        std::future::pending().await
    }

    async fn tidy(&mut self, remember: Duration) -> Result<(), ServerError> {
        let tidied = self.try_tidy(remember).await;
        tidied.map_err(|error| self.error("write", &error))
    }

    async fn add_sums(&mut self, sums: &[FleetSum]) -> Result<(), ServerError> {
        let added = self.try_add_sums(sums).await;
        added.map_err(|error| self.error("write", &error))
    }

    async fn days(&mut self, days: u32) -> Result<Vec<DaySum>, ServerError> {
        let days = self.try_days(days).await;
        days.map_err(|error| self.error("read", &error))
    }

    /// There is no other.
    async fn servers(&mut self) -> Result<Vec<KnownServer>, ServerError> {
        let (name, home) = (ME.to_owned(), HOME.to_owned());
        Ok(vec![KnownServer { name, home, lease_left: None, is_this: true }])
    }

    async fn probe(&mut self) -> Result<(), ServerError> {
        let probed = self.try_probe().await;
        probed.map_err(|error| self.error("write", &error))
    }

    async fn close(self) {
        let Some(connection) = self.connection else { return };
        if let Err(error) = connection.close().await {
            tracing::warn!("closing the database {}: {error}", self.path.display());
        }
    }
}

/// Carries a statement out, and gives the row that it tells of.
async fn row_of(
    connection: &mut SqliteConnection,
    statement: Statement,
) -> Result<Option<SqliteRow>, Error> {
    bound(statement).fetch_optional(connection).await
}

fn bound(statement: Statement) -> Query<'static, Sqlite, SqliteArguments> {
    let query = sqlx::query(AssertSqlSafe(statement.sql));
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
        Value::Real(real) => query.bind(real),
        Value::Flag(flag) => query.bind(flag),
    })
}

async fn connect(path: &Path) -> Result<SqliteConnection, Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIME)
        .disable_statement_logging()
        .connect()
        .await
}

fn migrator() -> Migrator {
    let simple = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        simple(1, "jobs", include_str!("migrations/sqlite/1_jobs.sql")),
        simple(2, "servers", include_str!("migrations/sqlite/2_servers.sql")),
        simple(3, "daily", include_str!("migrations/sqlite/3_daily.sql")),
        simple(4, "recent", include_str!("migrations/sqlite/4_recent.sql")),
        simple(5, "formats", include_str!("migrations/sqlite/5_formats.sql")),
    ])
}
