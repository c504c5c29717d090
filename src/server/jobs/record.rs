//! A job as the database has it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Error, Sqlite};

use crate::Dialect;
use crate::image::Digest;
use crate::server::build::{Blame, BuildError, Built, BuiltPlace};
use crate::server::pair::{Pair, PinnedImage};

/// What is kept of a job from one start of the server to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) pair: Arc<Pair>,
    pub(super) fleet: String,
    pub(super) release: bool,
    /// How often the server ended without warning while the job ran.
    pub(super) crashes: u32,
    pub(super) state: RecordState,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RecordState {
    Pending,
    Preparing,
    /// Made, or not worth it.
    Ready {
        built: Built,
        last_used: SystemTime,
    },
    Failed {
        error: BuildError,
        expires: SystemTime,
    },
}

/// Replaces the row of the same pair, which keeps its place in the order.
pub(super) const SAVE: &str = "\
    INSERT INTO jobs (format, source_repository, source_digest, target_repository, target_digest,
        fleet, release, state, crashes, last_used, tag, digest, file, bytes, pull_bytes, commands,
        seconds, cause, message, expires)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET fleet = excluded.fleet, release = excluded.release,
        state = excluded.state, crashes = excluded.crashes, last_used = excluded.last_used,
        tag = excluded.tag, digest = excluded.digest, file = excluded.file, bytes = excluded.bytes,
        pull_bytes = excluded.pull_bytes, commands = excluded.commands, seconds = excluded.seconds,
        cause = excluded.cause, message = excluded.message, expires = excluded.expires";

pub(super) const REMOVE: &str = "\
    DELETE FROM jobs WHERE format = ? AND source_repository = ? AND source_digest = ?
        AND target_repository = ? AND target_digest = ?";

/// A job that waits is prepared from now on.
pub(super) const CLAIM: &str = "\
    UPDATE jobs SET state = 'preparing' WHERE format = ? AND source_repository = ?
        AND source_digest = ? AND target_repository = ? AND target_digest = ? AND state = 'pending'";

pub(super) const LOAD: &str = "SELECT * FROM jobs ORDER BY id";

pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Puts the five columns of the pair into a statement.
pub(super) fn bind_pair<'q>(statement: Statement<'q>, pair: &Pair) -> Statement<'q> {
    statement
        .bind(pair.format.name())
        .bind(pair.source.repository.clone())
        .bind(pair.source.digest.to_string())
        .bind(pair.target.repository.clone())
        .bind(pair.target.digest.to_string())
}

impl Record {
    /// Puts the record into [`SAVE`].
    pub(super) fn bind<'q>(&self, statement: Statement<'q>) -> Statement<'q> {
        let (built, last_used) = match &self.state {
            RecordState::Ready { built, last_used } => (Some(built), Some(millis(*last_used))),
            _ => (None, None),
        };
        let (error, expires) = match &self.state {
            RecordState::Failed { error, expires } => (Some(error), Some(millis(*expires))),
            _ => (None, None),
        };
        let (tag, digest, file) = match built.map(|built| &built.place) {
            Some(BuiltPlace::Tag { tag, digest }) => {
                (Some(tag.clone()), Some(digest.to_string()), None)
            }
            Some(BuiltPlace::File { key }) => (None, None, Some(key.clone())),
            Some(BuiltPlace::NotWorth) | None => (None, None, None),
        };
        bind_pair(statement, &self.pair)
            .bind(self.fleet.clone())
            .bind(self.release)
            .bind(self.state.name())
            .bind(self.crashes)
            .bind(last_used)
            .bind(tag)
            .bind(digest)
            .bind(file)
            .bind(built.map(|built| to_integer(built.bytes)))
            .bind(built.and_then(|built| built.pull_bytes).map(to_integer))
            .bind(built.map(|built| to_integer(built.commands)))
            .bind(built.map(|built| built.seconds))
            .bind(error.map(|error| error.cause.name()))
            .bind(error.map(|error| error.message.clone()))
            .bind(expires)
    }

    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, Error> {
        let image = |repository, digest| {
            Ok::<_, Error>(PinnedImage {
                repository: row.try_get(repository)?,
                digest: parsed(row, digest)?,
            })
        };
        let pair = Pair {
            format: parsed::<Dialect>(row, "format")?,
            source: image("source_repository", "source_digest")?,
            target: image("target_repository", "target_digest")?,
        };
        Ok(Record {
            pair: Arc::new(pair),
            fleet: row.try_get("fleet")?,
            release: row.try_get("release")?,
            crashes: row.try_get("crashes")?,
            state: RecordState::from_row(row)?,
        })
    }
}

impl RecordState {
    fn name(&self) -> &'static str {
        match self {
            RecordState::Pending => "pending",
            RecordState::Preparing => "preparing",
            RecordState::Ready { built: Built { place: BuiltPlace::NotWorth, .. }, .. } => {
                "not-worth"
            }
            RecordState::Ready { .. } => "ready",
            RecordState::Failed { .. } => "failed",
        }
    }

    fn from_row(row: &SqliteRow) -> Result<Self, Error> {
        Ok(match row.try_get("state")? {
            "pending" => RecordState::Pending,
            "preparing" => RecordState::Preparing,
            "failed" => {
                let error =
                    BuildError { cause: parsed(row, "cause")?, message: row.try_get("message")? };
                RecordState::Failed { error, expires: time(row, "expires")? }
            }
            state => {
                let built = Built {
                    place: place(state, row)?,
                    bytes: integer(row.try_get("bytes")?),
                    pull_bytes: row.try_get::<Option<i64>, _>("pull_bytes")?.map(integer),
                    commands: integer(row.try_get("commands")?),
                    seconds: row.try_get("seconds")?,
                };
                RecordState::Ready { built, last_used: time(row, "last_used")? }
            }
        })
    }
}

fn place(state: &str, row: &SqliteRow) -> Result<BuiltPlace, Error> {
    if state == "not-worth" {
        return Ok(BuiltPlace::NotWorth);
    }
    Ok(match row.try_get("file")? {
        Some(key) => BuiltPlace::File { key },
        None => {
            BuiltPlace::Tag { tag: row.try_get("tag")?, digest: parsed::<Digest>(row, "digest")? }
        }
    })
}

/// A column that holds a value as text.
fn parsed<T: FromStr>(row: &SqliteRow, column: &'static str) -> Result<T, Error> {
    let text: &str = row.try_get(column)?;
    let damaged = |_| Error::Decode(format!("{text:?} makes no sense as {column}").into());
    text.parse().map_err(damaged)
}

impl FromStr for Blame {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Blame::ALL.into_iter().find(|cause| cause.name() == text).ok_or(())
    }
}

/// SQLite has no larger integers; no delta is that large.
fn to_integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn integer(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn time(row: &SqliteRow, column: &'static str) -> Result<SystemTime, Error> {
    Ok(UNIX_EPOCH + Duration::from_millis(integer(row.try_get(column)?)))
}
