//! A job as the ledger has it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::Error;

use super::columns::Columns;
use crate::Dialect;
use crate::image::Digest;
use crate::server::build::{Blame, BuildError, Built, BuiltPlace};
use crate::server::pair::{Pair, PinnedImage};

/// What the ledger has of a pair; `None`: nothing.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server::jobs) struct Truth {
    pub(in crate::server::jobs) pair: Arc<Pair>,
    pub(in crate::server::jobs) record: Option<Record>,
}

/// What is known of a job by all servers, and from one start to the next. Times are of this machine's
/// clock, however the database counts.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server::jobs) struct Record {
    /// The ledger's number of it: one that came later has a larger one.
    pub(in crate::server::jobs) id: u64,
    pub(in crate::server::jobs) pair: Arc<Pair>,
    pub(in crate::server::jobs) fleet: String,
    /// Who asked first; `None` if that does not matter.
    pub(in crate::server::jobs) asker: Option<String>,
    pub(in crate::server::jobs) release: bool,
    /// How often its holder ended without warning while the job was prepared.
    pub(in crate::server::jobs) crashes: u32,
    pub(in crate::server::jobs) holder: Holder,
    /// Whether anybody may still wait for it.
    pub(in crate::server::jobs) wanted: bool,
    /// What keeps it from being made, while that may pass.
    pub(in crate::server::jobs) trouble: Option<Trouble>,
    pub(in crate::server::jobs) state: RecordState,
}

/// The server that a job is in the hands of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server::jobs) enum Holder {
    Nobody,
    This,
    Another,
}

/// What a job that is put off met with.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server::jobs) struct Trouble {
    pub(in crate::server::jobs) error: BuildError,
    /// Attempts that met with trouble, and when the first did.
    pub(in crate::server::jobs) attempts: u32,
    pub(in crate::server::jobs) since: SystemTime,
    /// Until when the job waits.
    pub(in crate::server::jobs) until: SystemTime,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::server::jobs) enum RecordState {
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

/// How long a row that makes no sense counts as a failure.
const DAMAGE_EXPIRY: Duration = Duration::from_secs(600);

/// The rows of the table of jobs, as the server called `me` reads them, without those of which not even the
/// pair makes sense: nobody can ask for such a pair.
pub(super) fn records<'a, R: Columns + 'a>(
    rows: impl IntoIterator<Item = &'a R>,
    me: &str,
) -> Vec<Record> {
    let read = rows.into_iter().map(|row| record(row, me));
    let told = read.map(|record| record.inspect_err(tell_damage));
    told.filter_map(Result::ok).collect()
}

/// What a row of a pair that was asked for says.
pub(super) fn truth(pair: &Arc<Pair>, row: Option<&impl Columns>, me: &str) -> Truth {
    let record = row.map(|row| record(row, me).inspect_err(tell_damage));
    Truth { pair: Arc::clone(pair), record: record.and_then(Result::ok) }
}

fn tell_damage(error: &Error) {
    tracing::error!("a row of the jobs' database is left out: {error}");
}

/// A row of the table of jobs. One row that makes no sense must not keep all others from being read: what
/// it says of its job counts as a failure for some time.
fn record(row: &impl Columns, me: &str) -> Result<Record, Error> {
    let clock = Clock { here: SystemTime::now(), there: row.number("read_at")? };
    let holder = match row.text_or_none("owner")? {
        None => Holder::Nobody,
        Some(owner) if owner == me => Holder::This,
        Some(_) => Holder::Another,
    };
    Ok(Record {
        id: large(row.number("id")?),
        pair: Arc::new(pair(row)?),
        fleet: row.text("fleet")?,
        asker: row.text_or_none("asker")?,
        release: row.flag("release")?,
        crashes: small(row.number("crashes")?),
        holder,
        wanted: row.number_or_none("wanted_until")?.is_some(),
        trouble: trouble(row, clock).ok().flatten(),
        state: state(row, clock).unwrap_or_else(|error| damaged(row, &error)),
    })
}

/// What comes of a job whose row makes no sense.
fn damaged(row: &impl Columns, error: &Error) -> RecordState {
    let pair = pair(row).map(|pair| pair.to_string()).unwrap_or_default();
    tracing::error!("the row of {pair} in the jobs' database makes no sense: {error}");
    let message = "what the database has of this delta makes no sense".to_owned();
    let error = BuildError { cause: Blame::Defect, message };
    RecordState::Failed { error, expires: SystemTime::now() + DAMAGE_EXPIRY }
}

/// The pair that a row is about.
pub(super) fn pair(row: &impl Columns) -> Result<Pair, Error> {
    let image = |repository, digest| {
        Ok::<_, Error>(PinnedImage {
            repository: row.text(repository)?,
            digest: parsed(row, digest)?,
        })
    };
    Ok(Pair {
        format: parsed::<Dialect>(row, "format")?,
        source: image("source_repository", "source_digest")?,
        target: image("target_repository", "target_digest")?,
    })
}

fn trouble(row: &impl Columns, clock: Clock) -> Result<Option<Trouble>, Error> {
    let attempts = small(row.number("troubles")?);
    if attempts == 0 {
        return Ok(None);
    }
    Ok(Some(Trouble {
        error: error(row)?,
        attempts,
        since: clock.time(row.number("trouble_since")?),
        until: clock.time(row.number("not_before")?),
    }))
}

fn state(row: &impl Columns, clock: Clock) -> Result<RecordState, Error> {
    let state = row.text("state")?;
    Ok(match &*state {
        "pending" => RecordState::Pending,
        "preparing" => RecordState::Preparing,
        "failed" => {
            let expires = clock.time(row.number("expires")?);
            RecordState::Failed { error: error(row)?, expires }
        }
        _ => {
            let built = Built {
                place: place(row, state == "not-worth")?,
                bytes: large(row.number("bytes")?),
                pull_bytes: row.number_or_none("pull_bytes")?.map(large),
                commands: large(row.number("commands")?),
                seconds: row.real("seconds")?,
            };
            RecordState::Ready { built, last_used: clock.time(row.number("last_used")?) }
        }
    })
}

fn place(row: &impl Columns, not_worth: bool) -> Result<BuiltPlace, Error> {
    if not_worth {
        return Ok(BuiltPlace::NotWorth);
    }
    Ok(match row.text_or_none("file")? {
        Some(key) => BuiltPlace::File { key },
        None => BuiltPlace::Tag { tag: row.text("tag")?, digest: parsed::<Digest>(row, "digest")? },
    })
}

fn error(row: &impl Columns) -> Result<BuildError, Error> {
    // Newer versions may have causes that this one has never heard of.
    let cause = parsed(row, "cause").unwrap_or(Blame::Defect);
    Ok(BuildError { cause, message: row.text("message")? })
}

/// A column that holds a value as text.
fn parsed<T: FromStr>(row: &impl Columns, column: &'static str) -> Result<T, Error> {
    let text = row.text(column)?;
    let damaged = |_| Error::Decode(format!("{text:?} makes no sense as {column}").into());
    text.parse().map_err(damaged)
}

impl FromStr for Blame {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Blame::ALL.into_iter().find(|cause| cause.name() == text).ok_or(())
    }
}

/// What this machine's clock said when a row was read, and the database's, in milliseconds.
#[derive(Clone, Copy)]
struct Clock {
    here: SystemTime,
    there: i64,
}

impl Clock {
    /// A time of the database's, as this machine counts.
    fn time(self, millis: i64) -> SystemTime {
        let distance = Duration::from_millis(millis.abs_diff(self.there));
        let time = match millis >= self.there {
            true => self.here.checked_add(distance),
            false => self.here.checked_sub(distance),
        };
        time.unwrap_or(self.here)
    }
}

fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

fn large(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
