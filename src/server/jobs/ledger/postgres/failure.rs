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
    let cause = match error {
        Error::Database(error) => match error.code().as_deref() {
            // Wrong password, unknown user, no such entry in pg_hba.conf.
            Some("28P01" | "28000") => Cause::Unauthorized,
            Some("42501") => Cause::Denied,
            Some("3D000") => Cause::Missing,
            // A statement that makes no sense to it: an older version.
            Some(code) if code.starts_with("42") => Cause::Refused,
            _ => Cause::Passing,
        },
        Error::Migrate(error) => match **error {
            MigrateError::Execute(_) | MigrateError::ExecuteMigration(..) => Cause::Passing,
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
    };
    let (place, reason) = (address.to_string(), address.without_secret(&error.to_string()));
    ServerError::DatabaseServer { action, place, reason, cause }
}
