//! Being the one server that does what one alone has to do: it holds a lock of the database's, which goes with the
//! connection. No clock decides, and a server that is cut off need not be heard of.

use sqlx::postgres::PgConnection;
use sqlx::{Error, Row as _};

/// The number is ours alone, beside the one that tables are made under.
const LEAD: &str = "SELECT pg_try_advisory_lock(7882839227)";

const LEAVE: &str = "SELECT pg_advisory_unlock(7882839227)";

/// Leaves the lead, which this connection has, to others.
pub(super) async fn leave(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query(LEAVE).execute(connection).await.map(drop)
}

/// Whether this connection holds the lock from now on. A connection that holds it must not ask again.
pub(super) async fn try_lead(connection: &mut PgConnection) -> Result<bool, Error> {
    sqlx::query(LEAD).fetch_one(connection).await?.try_get(0)
}
