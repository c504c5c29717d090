//! The ledger: what all servers of an installation know together of its jobs.
//!
//! Door: the trait [`Ledger`]. A server says what it wants of a job as a [`Change`], and gets back the
//! [`Truth`]: what the ledger has of the job afterwards, which another server may have decided. A job
//! that is built has a holder; nobody but its holder writes what comes of it.
//!
//! Not here: whose turn it is, who waits, what is told (the table of jobs), and any build.

mod change;
mod columns;
mod daily;
mod interface;
mod model;
mod postgres;
mod record;
mod servers;
mod sql;
mod sqlite;
mod statement;
#[cfg(test)]
mod tests;

pub(super) use self::change::{Change, What};
pub(crate) use self::daily::{DaySum, Sum};
pub(super) use self::daily::{FleetSum, OTHERS};
pub(crate) use self::interface::KnownServer;
pub(super) use self::interface::{Ledger, News};
pub(super) use self::model::{Model, ModelLedger};
pub(super) use self::postgres::{DatabaseAddress, Homes, PostgresLedger};
pub(crate) use self::postgres::{SharedDatabase, SharedValue};
pub(super) use self::record::{Holder, Record, RecordState, Trouble, Truth};
pub(crate) use self::servers::Standing;
pub(super) use self::servers::{Candidate, MOST_IMAGES, Report, Sign, Terms, Told};
pub(super) use self::sqlite::SqliteLedger;
#[cfg(test)]
pub(in crate::server) use self::tests::{new_database, sql};
