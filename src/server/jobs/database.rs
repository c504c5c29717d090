//! The ledger of a server that is alone: one SQLite file in the data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Error, SqlSafeStr as _};

use super::ledger::Ledger;
use super::record::{CLAIM, LOAD, REMOVE, Record, SAVE, Statement, bind_pair};
use crate::server::ServerError;
use crate::server::pair::Pair;

const FILE: &str = "jobs.sqlite";
/// A tool that looks at the file, or a server that was killed a moment ago, may hold it up.
const BUSY_TIME: Duration = Duration::from_secs(5);
/// Changes nothing, but writes to the file all the same.
const PROBE: &str = "PRAGMA user_version = 1";

/// The file and the connection to it.
pub(super) struct Database {
    path: PathBuf,
    /// `None` after a call that failed. SQLite ends a transaction by itself when the disk is full,
    /// which the connection's own count of transactions does not notice: such a connection never
    /// begins another one.
    connection: Option<SqliteConnection>,
}

impl Database {
    /// Opens the file in `folder`; it is created, or brought to this version's shape.
    pub(super) async fn open(folder: &Path) -> Result<Self, ServerError> {
        let mut database = Database { path: folder.join(FILE), connection: None };
        let connection = database.connect().await;
        database.connection = Some(connection.map_err(|error| database.error("open", &error))?);
        Ok(database)
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

    /// Carries out the statements, all or none. Returns the number of rows that they changed.
    async fn transact(&mut self, statements: Vec<Statement<'static>>) -> Result<u64, ServerError> {
        let done = self.try_transact(statements).await;
        done.map_err(|error| self.error("write", &error))
    }

    async fn try_transact(&mut self, statements: Vec<Statement<'static>>) -> Result<u64, Error> {
        let mut connection = self.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut rows = 0;
        for statement in statements {
            rows += statement.execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
        self.connection = Some(connection);
        Ok(rows)
    }

    fn error(&self, action: &'static str, error: &Error) -> ServerError {
        ServerError::Database { action, path: self.path.clone(), reason: error.to_string() }
    }
}

impl Ledger for Database {
    async fn load(&mut self) -> Result<Vec<Record>, ServerError> {
        let load = async {
            let mut connection = self.connect().await?;
            let rows = sqlx::query(LOAD).fetch_all(&mut connection).await?;
            self.connection = Some(connection);
            rows.iter().map(Record::from_row).collect()
        };
        let records: Result<_, Error> = load.await;
        records.map_err(|error| self.error("read", &error))
    }

    async fn save(&mut self, records: &[Record]) -> Result<(), ServerError> {
        let statements = records.iter().map(|record| record.bind(sqlx::query(SAVE)));
        self.transact(statements.collect()).await.map(drop)
    }

    async fn remove(&mut self, pairs: &[Arc<Pair>]) -> Result<(), ServerError> {
        let statements = pairs.iter().map(|pair| bind_pair(sqlx::query(REMOVE), pair));
        self.transact(statements.collect()).await.map(drop)
    }

    async fn claim(&mut self, pair: &Pair) -> Result<bool, ServerError> {
        let rows = self.transact(vec![bind_pair(sqlx::query(CLAIM), pair)]).await?;
        Ok(rows > 0)
    }

    async fn probe(&mut self) -> Result<(), ServerError> {
        self.transact(vec![sqlx::query(PROBE)]).await.map(drop)
    }

    async fn close(self) {
        let Some(connection) = self.connection else { return };
        if let Err(error) = connection.close().await {
            tracing::warn!("closing the database {}: {error}", self.path.display());
        }
    }
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
    let jobs = include_str!("migrations/1_jobs.sql").into_sql_str();
    let simple = MigrationType::Simple;
    Migrator::with_migrations(vec![Migration::new(1, "jobs".into(), simple, jobs, false)])
}
