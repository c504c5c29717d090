//! What all servers of a database share beside the jobs: values that the first server makes, and files whose jobs
//! were forgotten not long ago.
//!
//! Such questions are rare. Each is asked over a connection of its own, so that nobody has to wait for the ledger's.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Error, Row as _};

use super::address::DatabaseAddress;
use super::connection::{NOW, connect, migrate, within};
use super::failure::failure;
use crate::Cause;
use crate::api::Secret;
use crate::server::ServerError;
use crate::server::folder_name::{name, new_name};
use crate::server::jobs::ledger::statement::millis;

/// What the database shows of who asks.
const ASKER: &str = "remora";

const PROPOSE: &str = "INSERT INTO shared (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const AGREED: &str = "SELECT value FROM shared WHERE name = $1";

/// Whatever is older has no URL any more.
const TIDY: &str = "DELETE FROM forgotten_files WHERE forgotten_at < {now} - $1";
const WITH_URLS: &str = "\
    SELECT file FROM forgotten_files WHERE file = ANY($1)
    UNION SELECT file FROM jobs WHERE file = ANY($1)";

/// A value that all servers share.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SharedValue {
    /// The key that URLs of v2 files are signed with.
    DownloadKey,
    /// The name of the folder in the bucket for v2 files.
    BucketFolder,
}

impl SharedValue {
    fn name(self) -> &'static str {
        match self {
            SharedValue::DownloadKey => "download-key",
            SharedValue::BucketFolder => "bucket-folder",
        }
    }
}

/// The database that servers share.
#[derive(Clone)]
pub(crate) struct SharedDatabase {
    address: DatabaseAddress,
}

impl SharedDatabase {
    /// The database at this address. Asks nobody.
    pub(crate) fn at(address: &Secret) -> Result<Self, ServerError> {
        let address = DatabaseAddress::parse(address.reveal());
        let address = address.map_err(|error| ServerError::DatabaseAddress(error.to_string()))?;
        Ok(SharedDatabase { address })
    }

    /// The value that all servers have. If no server has one yet, `proposal` is theirs from now on. Makes the tables
    /// where there are none.
    pub(crate) async fn value(
        &self,
        value: SharedValue,
        proposal: &[u8],
    ) -> Result<Vec<u8>, ServerError> {
        let agreed = async {
            let mut connection = within(connect(&self.address, ASKER)).await?;
            migrate(&mut connection).await?;
            let agreed = within(agree(&mut connection, value.name(), proposal)).await?;
            connection.close().await?;
            Ok(agreed)
        };
        agreed.await.map_err(|error: Error| failure("open", &self.address, &error))
    }

    /// The name of the folder in the bucket that all servers have their v2 files in.
    pub(crate) async fn bucket_folder(&self) -> Result<String, ServerError> {
        let value = self.value(SharedValue::BucketFolder, new_name()?.as_bytes()).await?;
        name(&value).ok_or_else(|| ServerError::DatabaseServer {
            action: "use",
            place: self.address.to_string(),
            reason: "the value bucket-folder of its table shared is no folder's name".to_owned(),
            cause: Cause::Passing,
        })
    }

    /// Those of the files that a job ends with, or ended with within `time`. What was longer ago is no longer noted.
    pub(crate) async fn files_with_urls(
        &self,
        files: &HashSet<String>,
        time: Duration,
    ) -> Result<HashSet<String>, ServerError> {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let found = within(async {
            let mut connection = connect(&self.address, ASKER).await?;
            let tidy = sqlx::query(AssertSqlSafe(TIDY.replace("{now}", NOW))).bind(millis(time));
            tidy.execute(&mut connection).await?;
            let rows = sqlx::query(WITH_URLS).bind(files).fetch_all(&mut connection).await?;
            connection.close().await?;
            rows.iter().map(|row| row.try_get(0)).collect()
        });
        found.await.map_err(|error| failure("read", &self.address, &error))
    }
}

impl fmt::Debug for SharedDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SharedDatabase({})", self.address)
    }
}

async fn agree(
    connection: &mut PgConnection,
    name: &'static str,
    proposal: &[u8],
) -> Result<Vec<u8>, Error> {
    sqlx::query(PROPOSE).bind(name).bind(proposal).execute(&mut *connection).await?;
    sqlx::query(AGREED).bind(name).fetch_one(connection).await?.try_get(0)
}
