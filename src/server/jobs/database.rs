//! The jobs on disk: one SQLite file, written by one task, read when the server starts.
//!
//! Whatever is told to others (a job is queued, a delta is ready) is written and synced before.
//! Changes that come while a transaction is written go together into the next one, so that a
//! thousand of them cost a few syncs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Error, SqlSafeStr as _};
use tokio::sync::{mpsc, oneshot};

use super::record::{LOAD, REMOVE, Record, SAVE, bind_pair};
use crate::server::ServerError;
use crate::server::pair::Pair;

const FILE: &str = "jobs.sqlite";
/// A tool that looks at the file, or a server that was killed a moment ago, may hold it up.
const BUSY_TIME: Duration = Duration::from_secs(5);
/// Between two attempts to write while the disk is full or broken.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Changes in one transaction.
const MAX_BATCH: usize = 512;

/// The file and the connection to it.
pub(super) struct Database {
    path: PathBuf,
    connection: SqliteConnection,
}

impl Database {
    /// Opens the file in `folder`; it is created, or brought to this version's shape.
    pub(super) async fn open(folder: &Path) -> Result<Self, ServerError> {
        let path = folder.join(FILE);
        let refuse =
            |reason: String| ServerError::Database { action: "open", path: path.clone(), reason };
        let mut connection = connect(&path).await.map_err(|error| refuse(error.to_string()))?;
        let done = migrator().run(&mut connection).await;
        done.map_err(|error| refuse(error.to_string()))?;
        Ok(Database { path, connection })
    }

    /// All jobs, in the order in which they came.
    pub(super) async fn load(&mut self) -> Result<Vec<Record>, ServerError> {
        let rows = sqlx::query(LOAD).fetch_all(&mut self.connection).await;
        let records = rows.and_then(|rows| rows.iter().map(Record::from_row).collect());
        records.map_err(|error| self.error("read", &error))
    }

    /// Writes what comes until it is told to end.
    async fn serve(mut self, mut changes: mpsc::UnboundedReceiver<Change>) {
        let mut batch = Vec::new();
        while changes.recv_many(&mut batch, MAX_BATCH).await > 0 {
            while let Err(error) = self.write(&batch).await {
                tracing::error!("{}; trying again", self.error("write", &error));
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            let mut end = false;
            for change in batch.drain(..) {
                end |= matches!(change.what, What::End);
                // Whoever does not wait for it has other means to know.
                change.done.map(|done| done.send(()));
            }
            if end {
                break;
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!("closing the database {}: {error}", self.path.display());
        }
    }

    async fn write(&mut self, batch: &[Change]) -> Result<(), Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for change in batch {
            let statement = match &change.what {
                What::Save(record) => record.bind(sqlx::query(SAVE)),
                What::Remove(pair) => bind_pair(sqlx::query(REMOVE), pair),
                What::Check => sqlx::query(CHECK),
                What::End => continue,
            };
            statement.execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    fn error(&self, action: &'static str, error: &Error) -> ServerError {
        ServerError::Database { action, path: self.path.clone(), reason: error.to_string() }
    }
}

/// Changes nothing, but writes to the file all the same.
const CHECK: &str = "PRAGMA user_version = 1";

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

/// The way to the task that writes. Changes are written in the order in which they are given.
#[derive(Debug)]
pub(super) struct Writer {
    changes: mpsc::UnboundedSender<Change>,
}

pub(super) struct Change {
    pub(super) what: What,
    done: Option<oneshot::Sender<()>>,
}

pub(super) enum What {
    Save(Record),
    Remove(Arc<Pair>),
    /// Nothing: tells that the file can be written to.
    Check,
    End,
}

/// Resolves when a change is on disk; an error means that the server stops.
pub(super) type Written = oneshot::Receiver<()>;

impl Writer {
    /// Gives the writer, and the work that its task has to do.
    pub(super) fn new(database: Database) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (writer, changes) = Writer::channel();
        (writer, database.serve(changes))
    }

    /// A writer, and what it is given to write.
    pub(super) fn channel() -> (Self, mpsc::UnboundedReceiver<Change>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Writer { changes: sender }, receiver)
    }

    pub(super) fn save(&self, record: Record) -> Written {
        self.send(What::Save(record))
    }

    pub(super) fn remove(&self, pair: Arc<Pair>) -> Written {
        self.send(What::Remove(pair))
    }

    /// Resolves when everything before it is on disk.
    pub(super) fn check(&self) -> Written {
        self.send(What::Check)
    }

    /// Ends the task; what comes later is not written.
    pub(super) fn end(&self) -> Written {
        self.send(What::End)
    }

    fn send(&self, what: What) -> Written {
        let (sender, receiver) = oneshot::channel();
        // Without a task the receiver fails.
        let _ = self.changes.send(Change { what, done: Some(sender) });
        receiver
    }
}
