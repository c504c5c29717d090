//! A connection to the database, and the shape of its tables.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Error, Postgres, SqlSafeStr as _};

use super::address::DatabaseAddress;
use crate::server::jobs::ledger::statement::{Statement, Value};

/// The database may be another program's too: all tables are in a schema of ours. What a server that was
/// cut off left locked is free soon: PostgreSQL notices within 40 s that nobody is at the other end.
const SETTINGS: &str = "\
    SET search_path TO remora;
    SET statement_timeout = '9s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s';
    SET tcp_keepalives_idle = 20;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 4";

/// The database's time, in milliseconds since 1970.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// How long one call may take: a connection may be cut without a sign.
const CALL_TIME: Duration = Duration::from_secs(10);

/// Several servers may start at once: one after another makes the tables. The number is ours alone.
const LOCK: &str = "SELECT pg_advisory_lock(7882839226)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(7882839226)";

const FIND_SCHEMA: &str = "SELECT 1 FROM pg_namespace WHERE nspname = 'remora'";
const MAKE_SCHEMA: &str = "CREATE SCHEMA remora";

/// Connects as the run called `me`, which is also who is told of as the author of changes.
pub(super) async fn connect(address: &DatabaseAddress, me: &str) -> Result<PgConnection, Error> {
    let options = address.options().application_name(me).disable_statement_logging();
    let mut connection = options.connect().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut connection).await?;
    Ok(connection)
}

/// Makes the tables, or brings them to this version's shape.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0")
        .execute(&mut *connection)
        .await?;
    sqlx::query(LOCK).execute(&mut *connection).await?;
    if sqlx::query(FIND_SCHEMA).fetch_optional(&mut *connection).await?.is_none() {
        sqlx::query(MAKE_SCHEMA).execute(&mut *connection).await?;
    }
    // `run` asks the same of a connection in a way that no future may be `Send` for.
    migrator().run_direct(None, &mut *connection, false).await?;
    sqlx::query(UNLOCK).execute(&mut *connection).await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *connection).await?;
    Ok(())
}

fn migrator() -> Migrator {
    let simple = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(vec![
        simple(1, "jobs", include_str!("../migrations/postgres/1_jobs.sql")),
        simple(2, "daily", include_str!("../migrations/postgres/2_daily.sql")),
        simple(3, "shared", include_str!("../migrations/postgres/3_shared.sql")),
        simple(4, "workers", include_str!("../migrations/postgres/4_workers.sql")),
        simple(5, "formats", include_str!("../migrations/postgres/5_formats.sql")),
    ]);
    // The lock above holds for all of it.
    migrator.set_locking(false);
    migrator
}

/// A statement with its values.
pub(super) fn bound(statement: Statement) -> Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(statement.sql));
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
        Value::Real(real) => query.bind(real),
        Value::Flag(flag) => query.bind(flag),
    })
}

/// What `work` comes to, unless it takes longer than a call may.
pub(super) async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut));
    tokio::time::timeout(CALL_TIME, work).await.map_err(late)?
}
