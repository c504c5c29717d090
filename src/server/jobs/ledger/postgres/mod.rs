//! The ledger of any number of servers: a PostgreSQL database.
//!
//! A server holds a job as long as its lease lasts, which it renews. All times are the database's.

mod address;
mod connection;
mod daily;
mod failure;
mod lead;
mod lease;
mod news;
mod progress;
mod renewals;
mod shared;
mod wake;

use std::borrow::Cow;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Error};
use tokio::time::{Instant, timeout_at};

pub(crate) use self::address::DatabaseAddress;
pub(crate) use self::shared::{SharedDatabase, SharedValue};

use self::connection::{NOW, bound, connect, migrate, within};
use self::failure::failure;
use self::renewals::Renewals;
use self::wake::Wake;
use super::change::Change;
use super::daily::{DaySum, FleetSum};
use super::interface::{KnownServer, Ledger, News};
use super::record::{self, Record, Truth};
use super::servers::{Candidate, Report, Sign, Standing, Terms, Told};
use super::statement::{Speech, Statement, Statements, millis};
use crate::image::Digest;
use crate::server::ServerError;
use crate::server::pair::Pair;

/// How often others' changes are looked for though nobody told of any.
const POLL: Duration = Duration::from_secs(2);
/// Who is not awake for so long may have missed what is no longer kept. Removed jobs are kept for an hour.
const LONGEST_SLEEP: Duration = Duration::from_secs(1800);

const SPEECH: Speech = Speech {
    now: NOW,
    // Others say again that they want it long before their wish runs out.
    unwanted: Cow::Borrowed("(wanted_until IS NULL OR wanted_until <= {now} + {slack})"),
    elsewhere: "EXISTS (SELECT FROM server_images JOIN servers USING (home)
        WHERE image IN ($3, $5) AND name <> $7 AND lease_until > {now}
            AND places > (SELECT count(*) FROM jobs AS held WHERE held.owner = servers.name))",
    locking: "FOR UPDATE SKIP LOCKED",
};

/// Changes nothing, but needs a database that takes writes.
const PROBE: &str = "UPDATE servers SET lease_until = lease_until WHERE name = $1";

/// The database and the connection to it.
pub(in crate::server::jobs) struct PostgresLedger {
    address: DatabaseAddress,
    /// What this run of the server is called.
    me: String,
    homes: Homes,
    statements: Statements,
    terms: Terms,
    /// `None` after a call that failed.
    connection: Option<Connected>,
    wake: Wake,
    renewed: Renewals,
    /// When to look for changes though nobody told of any.
    poll_at: Instant,
}

/// What the folders of a server are called.
#[derive(Debug, Clone)]
pub(in crate::server::jobs) struct Homes {
    /// The data folder, from one start to the next.
    server: String,
    /// The home of jobs that end with a file: the data folder, or what all servers have in its place.
    files: String,
}

impl Homes {
    pub(in crate::server::jobs) fn new(server: String, files: Option<String>) -> Self {
        let files = files.unwrap_or_else(|| server.clone());
        Homes { server, files }
    }
}

/// A connection, and what was read over it.
struct Connected {
    connection: PgConnection,
    /// Whether it holds the lock of the one server that leads.
    leads: bool,
    /// All that transactions before this one changed was read; `None`: nothing was.
    horizon: Option<i64>,
    read_at: Instant,
}

impl PostgresLedger {
    /// The way to a database, which is not gone before the ledger is loaded.
    pub(in crate::server::jobs) fn new(
        address: DatabaseAddress,
        homes: Homes,
        terms: Terms,
    ) -> Result<Self, ServerError> {
        let me = run_name()?;
        let wake = Wake::start(&address, &me);
        let statements = Statements::new(&speech(terms.wish), &me, terms.wish);
        let (connection, poll_at) = (None, Instant::now() + POLL);
        let renewed = Renewals::default();
        Ok(PostgresLedger {
            address,
            me,
            homes,
            terms,
            statements,
            connection,
            wake,
            renewed,
            poll_at,
        })
    }

    /// Makes the tables, or brings them to this version's shape.
    async fn open(&mut self) -> Result<(), Error> {
        let mut connected = self.connected().await?;
        // As long as it takes: a large table may be brought to another shape.
        migrate(&mut connected.connection).await?;
        self.connection = Some(connected);
        Ok(())
    }

    /// The connection that is open, or a new one.
    async fn connected(&mut self) -> Result<Connected, Error> {
        if let Some(connected) = self.connection.take() {
            return Ok(connected);
        }
        let connecting = connect(&self.address, &self.me);
        let connection = within(connecting).await?;
        Ok(Connected { connection, leads: false, horizon: None, read_at: Instant::now() })
    }

    /// The home of a pair's job. A file of a data folder can be given out by no other server.
    fn home_of(&self, pair: &Pair) -> &str {
        if pair.format.files_folder().is_some() { &self.homes.files } else { "" }
    }

    async fn try_load(&mut self) -> Result<Vec<Record>, Error> {
        let mut connected = self.connected().await?;
        let loaded = within(async {
            self.sign_on(&mut connected.connection).await?;
            self.read_all(&mut connected).await
        });
        let records = loaded.await?;
        self.connection = Some(connected);
        Ok(records)
    }

    async fn try_write(&mut self, changes: &[Change]) -> Result<Vec<Truth>, Error> {
        let mut connected = self.connected().await?;
        let truths = within(self.write_over(&mut connected.connection, changes)).await?;
        self.connection = Some(connected);
        Ok(truths)
    }

    async fn write_over(
        &self,
        connection: &mut PgConnection,
        changes: &[Change],
    ) -> Result<Vec<Truth>, Error> {
        // All servers lock rows in one order, so that none waits for one that waits for it. The changes
        // of one job stay in theirs.
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.sort_by_key(|place| &changes[*place].pair);
        let mut truths: Vec<Option<Truth>> = vec![None; changes.len()];
        let mut transaction = connection.begin().await?;
        for place in order {
            let change = &changes[place];
            let home = self.home_of(&change.pair);
            let mut row = None;
            for statement in self.statements.of(change, home) {
                row = row_of(&mut transaction, statement).await?;
            }
            if row.is_none() {
                let look = self.statements.look(&change.pair, home);
                row = row_of(&mut transaction, look).await?;
            }
            truths[place] = Some(record::truth(&change.pair, row.as_ref(), &self.me));
        }
        transaction.commit().await?;
        Ok(truths.into_iter().flatten().collect())
    }

    async fn try_claim(&mut self, candidates: &[Candidate]) -> Result<Option<Truth>, Error> {
        let mut connected = self.connected().await?;
        let claimed = within(async {
            for candidate in candidates {
                let claim = self.statements.claim(candidate, self.home_of(&candidate.pair));
                let row = row_of(&mut connected.connection, claim).await?;
                if row.is_some() {
                    return Ok(Some(record::truth(&candidate.pair, row.as_ref(), &self.me)));
                }
            }
            Ok(None)
        });
        let claimed = claimed.await?;
        self.connection = Some(connected);
        Ok(claimed)
    }

    async fn try_tidy(&mut self, remember: Duration) -> Result<(), Error> {
        let mut connected = self.connected().await?;
        within(bound(self.statements.tidy(remember)).execute(&mut connected.connection)).await?;
        self.connection = Some(connected);
        Ok(())
    }

    async fn try_probe(&mut self) -> Result<(), Error> {
        let mut connected = self.connected().await?;
        within(sqlx::query(PROBE).bind(&self.me).execute(&mut connected.connection)).await?;
        self.connection = Some(connected);
        Ok(())
    }

    async fn try_close(&mut self) -> Result<(), Error> {
        let mut connected = self.connected().await?;
        within(async {
            self.sign_off(&mut connected.connection).await?;
            connected.connection.close().await
        })
        .await
    }

    fn error(&self, action: &'static str, error: &Error) -> ServerError {
        failure(action, &self.address, error)
    }
}

impl Ledger for PostgresLedger {
    async fn load(&mut self) -> Result<Vec<Record>, ServerError> {
        self.open().await.map_err(|error| self.error("open", &error))?;
        let loaded = self.try_load().await;
        loaded.map_err(|error| self.error("read", &error))
    }

    async fn write(&mut self, changes: &[Change]) -> Result<Vec<Truth>, ServerError> {
        let written = self.try_write(changes).await;
        written.map_err(|error| self.error("write to", &error))
    }

    async fn images(&mut self) -> Result<Vec<Digest>, ServerError> {
        let images = self.try_images().await;
        images.map_err(|error| self.error("read", &error))
    }

    async fn claim(&mut self, candidates: &[Candidate]) -> Result<Option<Truth>, ServerError> {
        let claimed = self.try_claim(candidates).await;
        claimed.map_err(|error| self.error("write to", &error))
    }

    async fn beat(&mut self, sign: Sign<'_>) -> Result<Standing, ServerError> {
        let beaten = self.try_beat(sign).await;
        beaten.map_err(|error| self.error("write to", &error))
    }

    async fn report(&mut self, reports: &[Report]) -> Result<(), ServerError> {
        let told = self.try_report(reports).await;
        told.map_err(|error| self.error("write to", &error))
    }

    fn leads(&self) -> bool {
        self.connection.as_ref().is_some_and(|connected| connected.leads)
    }

    async fn news(&mut self) -> Result<News, ServerError> {
        let news = self.try_news().await;
        news.map_err(|error| self.error("read", &error))
    }

    async fn changed(&mut self) -> Told {
        // Whether somebody told or not, it is time to look.
        timeout_at(self.poll_at, self.wake.told()).await.unwrap_or(Told::News)
    }

    async fn tidy(&mut self, remember: Duration) -> Result<(), ServerError> {
        let tidied = self.try_tidy(remember).await;
        tidied.map_err(|error| self.error("write to", &error))
    }

    async fn add_sums(&mut self, sums: &[FleetSum]) -> Result<(), ServerError> {
        let added = self.try_add_sums(sums).await;
        added.map_err(|error| self.error("write to", &error))
    }

    async fn days(&mut self, days: u32) -> Result<Vec<DaySum>, ServerError> {
        let days = self.try_days(days).await;
        days.map_err(|error| self.error("read", &error))
    }

    async fn servers(&mut self) -> Result<Vec<KnownServer>, ServerError> {
        let servers = self.try_servers().await;
        servers.map_err(|error| self.error("read", &error))
    }

    async fn probe(&mut self) -> Result<(), ServerError> {
        let probed = self.try_probe().await;
        probed.map_err(|error| self.error("write to", &error))
    }

    async fn close(mut self) {
        if let Err(error) = self.try_close().await {
            // The lease runs out by itself.
            tracing::warn!("{}", self.error("sign off from", &error));
        }
    }
}

/// What PostgreSQL is told where a wish counts for so long. Whoever no longer waits may be a little late
/// to have said so last; another's wish is renewed when half of its time is over.
fn speech(wish: Duration) -> Speech {
    let slack = (millis(wish) / 4).to_string();
    Speech { unwanted: SPEECH.unwanted.replace("{slack}", &slack).into(), ..SPEECH }
}

/// A name that no other run of any server has.
fn run_name() -> Result<String, ServerError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| crate::server::error::system_error(std::io::Error::other(error)))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Carries a statement out, and gives the row that it tells of.
async fn row_of(
    connection: &mut PgConnection,
    statement: Statement,
) -> Result<Option<PgRow>, Error> {
    bound(statement).fetch_optional(connection).await
}
