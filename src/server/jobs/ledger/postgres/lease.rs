//! Being one of the servers: a lease for all that a server holds, and what becomes of those that ran out.

use std::sync::Arc;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Error, Row as _};
use tokio::time::Instant;

use super::connection::within;
use super::{Homes, PostgresLedger, SPEECH, lead, progress};
use crate::image::Digest;
use crate::server::jobs::ledger::servers::{MOST_IMAGES, Report, Sign, Standing};
use crate::server::jobs::ledger::statement::millis;
use crate::server::pair::Pair;

/// An earlier run of this server is over, however it ended: a data folder has one server.
const TAKE_OVER: &str = "\
    WITH earlier AS (DELETE FROM servers WHERE home = $1 RETURNING name)
    UPDATE jobs SET owner = NULL, state = 'pending',
        crashes = crashes + CASE WHEN state = 'preparing' THEN 1 ELSE 0 END
    WHERE owner IN (SELECT name FROM earlier)";

/// Files are elsewhere now: what jobs ended with in the data folder is given out by nobody any more.
const LEAVE_HOME: &str = "DELETE FROM jobs WHERE home = $1 AND home <> $2";

const RENEW: &str = "\
    INSERT INTO servers (name, home, lease_until, places, answers) VALUES ($1, $2, {now} + $3, $4, $5)
    ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until";

const ANSWERING: &str = "SELECT count(*) FROM servers WHERE answers AND lease_until > {now}";

const IMAGES: &str = "SELECT image FROM server_images WHERE home = $1 ORDER BY used_at";

const NOTE_IMAGES: &str = "\
    INSERT INTO server_images (home, image, used_at) SELECT $1, image, {now} FROM unnest($2::text[]) AS image
    ON CONFLICT (home, image) DO UPDATE SET used_at = excluded.used_at";

const TELL: &str = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message";

/// Those that were used last stay.
const SHED_IMAGES: &str = "\
    DELETE FROM server_images WHERE home = $1 AND used_at < (SELECT used_at FROM server_images
        WHERE home = $1 ORDER BY used_at DESC OFFSET $2 LIMIT 1)";

const STILL_WANTED: &str = "\
    UPDATE jobs SET wanted_until = {now} + $7 WHERE id IN (SELECT id FROM jobs
        WHERE (format, source_repository, source_digest, target_repository, target_digest, home) IN
            (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]))
            AND state IN ('pending', 'preparing')
            AND (wanted_until IS NULL OR wanted_until < {now} + $7 / 2)
        ORDER BY id FOR UPDATE SKIP LOCKED)";

/// Jobs of servers whose lease ran out are anybody's.
const RECLAIM: &str = "\
    UPDATE jobs SET owner = NULL, state = 'pending',
        crashes = crashes + CASE WHEN state = 'preparing' THEN 1 ELSE 0 END
    WHERE id IN (SELECT id FROM jobs WHERE owner IS NOT NULL AND NOT EXISTS
            (SELECT FROM servers WHERE servers.name = jobs.owner AND lease_until > {now})
        ORDER BY id FOR UPDATE SKIP LOCKED)";

/// Layers that nobody used for a week are likely to be gone.
const TIDY: [&str; 3] = [
    "DELETE FROM server_images WHERE used_at < {now} - 7 * 86400000::bigint",
    "DELETE FROM removed_jobs WHERE removed_at < now() - interval '1 hour'",
    "DELETE FROM servers WHERE lease_until < {now} - 3600000",
];

const GIVE_ALL_BACK: &str = "UPDATE jobs SET owner = NULL, state = 'pending' WHERE owner = $1";
const SIGN_OFF: &str = "DELETE FROM servers WHERE name = $1";

impl PostgresLedger {
    /// Ends what an earlier run of this server left, and begins this one's lease.
    pub(super) async fn sign_on(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let Homes { server, files } = &self.homes;
        sqlx::query(TAKE_OVER).bind(server).execute(&mut *connection).await?;
        sqlx::query(LEAVE_HOME).bind(server).bind(files).execute(&mut *connection).await?;
        self.renew(connection).await
    }

    /// Gives back what this server holds, and ends its lease.
    pub(super) async fn sign_off(&self, connection: &mut PgConnection) -> Result<(), Error> {
        for statement in [GIVE_ALL_BACK, SIGN_OFF] {
            sqlx::query(statement).bind(&self.me).execute(&mut *connection).await?;
        }
        Ok(())
    }

    pub(super) async fn try_beat(&mut self, sign: Sign<'_>) -> Result<Standing, Error> {
        let mut connected = self.connected().await?;
        let standing = within(async {
            let connection = &mut connected.connection;
            self.renew(connection).await?;
            let answering = sqlx::query(AssertSqlSafe(SPEECH.speak(ANSWERING)));
            let answering: i64 = answering.fetch_one(&mut *connection).await?.try_get(0)?;
            // Whoever answers tells the queue's length where autoscalers look for it.
            let may_lead = self.terms.answers || answering == 0;
            if may_lead && !connected.leads {
                connected.leads = lead::try_lead(connection).await?;
            } else if !may_lead && connected.leads {
                connected.leads = false;
                lead::leave(connection).await?;
            }
            self.want_still(connection, sign.wanted).await?;
            self.note_images(connection, sign.images).await?;
            self.renewed.note(Instant::now(), self.terms.lease);
            // After a database was away, all leases have run out: whoever lives renews its own first.
            if self.renewed.for_so_long(self.terms.lease) {
                sqlx::query(AssertSqlSafe(SPEECH.speak(RECLAIM))).execute(&mut *connection).await?;
                for tidy in TIDY {
                    sqlx::query(AssertSqlSafe(SPEECH.speak(tidy)))
                        .execute(&mut *connection)
                        .await?;
                }
            }
            Ok(Standing { answering: usize::try_from(answering).unwrap_or(0).max(1) })
        })
        .await?;
        self.connection = Some(connected);
        Ok(standing)
    }

    async fn note_images(
        &self,
        connection: &mut PgConnection,
        images: &[Digest],
    ) -> Result<(), Error> {
        if images.is_empty() {
            return Ok(());
        }
        let images: Vec<String> = images.iter().map(Digest::to_string).collect();
        let note = sqlx::query(AssertSqlSafe(SPEECH.speak(NOTE_IMAGES)));
        note.bind(&self.homes.server).bind(images).execute(&mut *connection).await?;
        sqlx::query(SHED_IMAGES)
            .bind(&self.homes.server)
            .bind(i64::try_from(MOST_IMAGES).unwrap_or(i64::MAX))
            .execute(connection)
            .await
            .map(drop)
    }

    /// Tells the others how far this server is.
    pub(super) async fn try_report(&mut self, reports: &[Report]) -> Result<(), Error> {
        let messages = progress::messages(reports, &self.me);
        let mut connected = self.connected().await?;
        let tell = sqlx::query(TELL).bind(progress::CHANNEL).bind(messages);
        within(tell.execute(&mut connected.connection)).await?;
        self.connection = Some(connected);
        Ok(())
    }

    pub(super) async fn try_images(&mut self) -> Result<Vec<Digest>, Error> {
        let mut connected = self.connected().await?;
        let rows = within(
            sqlx::query(IMAGES).bind(&self.homes.server).fetch_all(&mut connected.connection),
        )
        .await?;
        self.connection = Some(connected);
        // What makes no sense is of no use: it only says where work is done best.
        let images = rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok()?.parse().ok());
        Ok(images.collect())
    }

    async fn renew(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let renew = sqlx::query(AssertSqlSafe(SPEECH.speak(RENEW)));
        let renew = renew.bind(&self.me).bind(&self.homes.server).bind(millis(self.terms.lease));
        let places = i32::try_from(self.terms.places).unwrap_or(i32::MAX);
        let renew = renew.bind(places).bind(self.terms.answers);
        renew.execute(connection).await.map(drop)
    }

    async fn want_still(
        &self,
        connection: &mut PgConnection,
        wanted: &[Arc<Pair>],
    ) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        let column = |part: &dyn Fn(&Pair) -> String| -> Vec<String> {
            wanted.iter().map(|pair| part(pair)).collect()
        };
        sqlx::query(AssertSqlSafe(SPEECH.speak(STILL_WANTED)))
            .bind(column(&|pair| pair.format.name().to_owned()))
            .bind(column(&|pair| pair.source.repository.clone()))
            .bind(column(&|pair| pair.source.digest.to_string()))
            .bind(column(&|pair| pair.target.repository.clone()))
            .bind(column(&|pair| pair.target.digest.to_string()))
            .bind(column(&|pair| self.home_of(pair).to_owned()))
            .bind(millis(self.terms.wish))
            .execute(connection)
            .await
            .map(drop)
    }
}
