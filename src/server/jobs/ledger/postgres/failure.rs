//! What a failure of the database means.

use std::io::ErrorKind;

use sqlx::Error;
use sqlx::migrate::MigrateError;

use super::address::DatabaseAddress;
use crate::Cause;
use crate::server::ServerError;

/// What is told of a failure: where, why, and nothing that the address keeps to itself.
pub(super) fn failure(
    action: &'static str,
    address: &DatabaseAddress,
    error: &Error,
) -> ServerError {
    let cause = cause(error);
    let (place, reason) = (address.to_string(), address.without_secret(&error.to_string()));
    ServerError::DatabaseServer { action, place, reason, cause }
}

fn cause(error: &Error) -> Cause {
    match error {
        Error::Database(error) => error.code().map_or(Cause::Passing, |code| cause_of(&code)),
        Error::Migrate(error) => match &**error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => cause(error),
            _ => Cause::Obstacle,
        },
        Error::Configuration(_) => Cause::Usage,
        Error::Tls(_) => Cause::Tls,
        Error::Io(error) => match error.kind() {
            // What TLS does not accept comes as data that makes no sense.
            ErrorKind::InvalidData => Cause::Tls,
            ErrorKind::NotFound | ErrorKind::PermissionDenied => Cause::NoFile,
            _ => Cause::Unreachable,
        },
        Error::PoolTimedOut => Cause::Unreachable,
        _ => Cause::Passing,
    }
}

/// What a code of PostgreSQL's means (its manual, appendix A).
fn cause_of(code: &str) -> Cause {
    match code {
        // Wrong password, unknown user, no such entry in pg_hba.conf.
        "28P01" | "28000" => Cause::Unauthorized,
        // No right to it, or to see that it is there.
        "42501" | "3F000" => Cause::Denied,
        "3D000" => Cause::Missing,
        // A function that older versions do not have.
        "42883" => Cause::Refused,
        // Prepared statements are gone, or another session's.
        "26000" | "42P05" => Cause::Protocol,
        // Tables that are not what they were, or another program's.
        _ if code.starts_with("42") => Cause::Obstacle,
        _ => Cause::Passing,
    }
}
