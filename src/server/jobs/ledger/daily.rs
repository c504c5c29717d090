//! Daily sums: what deltas spared and cost, by day and fleet, of all servers together.

use std::fmt::Write as _;

use sqlx::Error;

use super::columns::Columns;
use super::statement::{Statement, Value, integer, number, text};

/// Whoever is none of the fleets that are told apart.
pub(in crate::server::jobs) const OTHERS: &str = "";
/// Fleets that are told apart on one day; what is of others goes together.
pub(super) const MAX_FLEETS: i64 = 50;
/// Days that are kept.
pub(super) const KEPT_DAYS: i64 = 400;

/// What was delivered and built.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    /// Deltas that devices were told of.
    pub(crate) deltas: u64,
    /// What devices did not have to fetch.
    pub(crate) saved_bytes: u64,
    /// How long that would have taken over the fleet's link.
    pub(crate) saved_seconds: f64,
    /// Builds that ended well.
    pub(crate) builds: u64,
    /// Builds that failed for good.
    pub(crate) failures: u64,
    /// How long the builds took that ended well.
    pub(crate) build_seconds: f64,
}

/// A sum of one fleet.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server::jobs) struct FleetSum {
    pub(in crate::server::jobs) fleet: String,
    pub(in crate::server::jobs) sum: Sum,
}

/// The sum of a day and fleet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DaySum {
    /// Days since 1970, UTC, by the database's clock.
    pub(crate) day: u64,
    /// Empty: the fleets that are not told apart.
    pub(crate) fleet: String,
    pub(crate) sum: Sum,
}

impl Sum {
    /// Both together.
    pub(crate) fn plus(self, other: Sum) -> Sum {
        Sum {
            deltas: self.deltas.saturating_add(other.deltas),
            saved_bytes: self.saved_bytes.saturating_add(other.saved_bytes),
            saved_seconds: self.saved_seconds + other.saved_seconds,
            builds: self.builds.saturating_add(other.builds),
            failures: self.failures.saturating_add(other.failures),
            build_seconds: self.build_seconds + other.build_seconds,
        }
    }
}

/// Locks the day until the end of the transaction: servers that add at the same time see each other's
/// fleets, so that there are never more than may be.
pub(super) const LOCK_DAY: &str = "\
    INSERT INTO daily (day, fleet) VALUES ({now} / 86400000, '')
    ON CONFLICT (day, fleet) DO UPDATE SET deltas = daily.deltas";

pub(super) const TRIM: &str = "DELETE FROM daily WHERE day <= {now} / 86400000 - {kept_days}";

/// `{rows}` are the fleets with their sums. A fleet that is not there yet and has no room is one of the
/// others.
const ADD: &str = "\
    WITH clock (day) AS (SELECT {now} / 86400000),
    added (fleet, deltas, saved_bytes, saved_seconds, builds, failures, build_seconds) AS (VALUES {rows}),
    known AS (SELECT fleet FROM daily WHERE day = (SELECT day FROM clock) AND fleet <> ''),
    flagged AS (SELECT added.*, fleet IN (SELECT fleet FROM known) AS is_known FROM added),
    ranked AS (SELECT flagged.*, row_number() OVER
        (PARTITION BY is_known ORDER BY saved_bytes DESC, builds DESC, fleet) AS place FROM flagged),
    placed AS (SELECT CASE WHEN is_known OR place <= {fleets} - (SELECT count(*) FROM known)
        THEN fleet ELSE '' END AS name, ranked.* FROM ranked)
    INSERT INTO daily (day, fleet, deltas, saved_bytes, saved_seconds, builds, failures, build_seconds)
    SELECT (SELECT day FROM clock), name, CAST(sum(deltas) AS BIGINT), CAST(sum(saved_bytes) AS BIGINT),
        sum(saved_seconds), CAST(sum(builds) AS BIGINT), CAST(sum(failures) AS BIGINT), sum(build_seconds)
    FROM placed WHERE TRUE GROUP BY name
    ON CONFLICT (day, fleet) DO UPDATE SET
        deltas = daily.deltas + excluded.deltas,
        saved_bytes = daily.saved_bytes + excluded.saved_bytes,
        saved_seconds = daily.saved_seconds + excluded.saved_seconds,
        builds = daily.builds + excluded.builds,
        failures = daily.failures + excluded.failures,
        build_seconds = daily.build_seconds + excluded.build_seconds";

/// The last `$1` days.
pub(super) const DAYS: &str = "\
    SELECT * FROM daily WHERE day > {now} / 86400000 - $1 AND (fleet <> '' OR deltas + builds + failures > 0)
    ORDER BY day, fleet";

/// The statement that adds these sums to those of today; `speak` puts a database's own words in.
pub(super) fn add(sums: &[FleetSum], speak: impl Fn(&str) -> std::sync::Arc<str>) -> Statement {
    const COLUMNS: usize = 7;
    let mut rows = String::new();
    for row in 0..sums.len() {
        let first = row * COLUMNS + 1;
        let places: Vec<String> =
            (first..first + COLUMNS).map(|place| format!("${place}")).collect();
        let comma = if row == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(rows, "{comma}({})", places.join(", "));
    }
    let values = sums.iter().flat_map(|FleetSum { fleet, sum }| {
        [
            text(fleet),
            number(integer(sum.deltas)),
            number(integer(sum.saved_bytes)),
            Value::Real(Some(sum.saved_seconds)),
            number(integer(sum.builds)),
            number(integer(sum.failures)),
            Value::Real(Some(sum.build_seconds)),
        ]
    });
    let sql = ADD.replace("{rows}", &rows).replace("{fleets}", &MAX_FLEETS.to_string());
    Statement { sql: speak(&sql), values: values.collect() }
}

pub(super) fn trim() -> String {
    TRIM.replace("{kept_days}", &KEPT_DAYS.to_string())
}

/// A row of the table of days.
pub(super) fn day_sum(row: &impl Columns) -> Result<DaySum, Error> {
    let large = |column| row.number(column).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(DaySum {
        day: large("day")?,
        fleet: row.text("fleet")?,
        sum: Sum {
            deltas: large("deltas")?,
            saved_bytes: large("saved_bytes")?,
            saved_seconds: row.real("saved_seconds")?,
            builds: large("builds")?,
            failures: large("failures")?,
            build_seconds: row.real("build_seconds")?,
        },
    })
}
