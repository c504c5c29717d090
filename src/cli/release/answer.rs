//! Answers: documents as JSON, and the same for people.

use std::fmt::{self, Display, Formatter};

use remora::release::{FleetUpdate, Prepared, UpdateInfo, UpdateState};
use serde::Serialize;

use super::words::release;
use super::{table, totals};
use crate::cli::plain::plain;

/// The update from one release to another.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Described(pub(super) UpdateInfo);

/// What has become of its deltas.
#[derive(Serialize)]
pub(super) struct Preparation {
    #[serde(flatten)]
    info: UpdateInfo,
    timed_out: bool,
    finalized: bool,
}

/// The update of a fleet.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct OfFleet(pub(super) FleetUpdate);

impl From<Prepared> for Preparation {
    fn from(prepared: Prepared) -> Self {
        let Prepared { info, timed_out, finalized, .. } = prepared;
        Preparation { info, timed_out, finalized }
    }
}

impl Display for Described {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_info(out, &self.0)
    }
}

impl Display for Preparation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_info(out, &self.info)?;
        write_finalized(out, self.finalized)
    }
}

impl Display for OfFleet {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let update = &self.0;
        writeln!(out, "fleet: {}", plain(&update.fleet.slug))?;
        writeln!(out, "to:    {}\n", plain(&release(&update.target)))?;
        writeln!(out, "{}", table::running(update))?;
        if !update.pairs.is_empty() {
            writeln!(out, "{}", table::pairs(update))?;
        }
        totals::write_of_fleet(out, update)?;
        let names = table::names(update);
        let told = update
            .pairs
            .iter()
            .map(|pair| (table::pair(pair, &names), pair.status, pair.reason.as_deref()));
        write_reasons(out, told)?;
        write_finalized(out, update.finalized)
    }
}

fn write_info(out: &mut Formatter<'_>, info: &UpdateInfo) -> fmt::Result {
    writeln!(out, "fleet: {}", plain(&info.fleet.slug))?;
    writeln!(out, "from:  {}", plain(&release(&info.source)))?;
    writeln!(out, "to:    {}\n", plain(&release(&info.target)))?;
    writeln!(out, "{}", table::services(info))?;
    totals::write_of_device(out, info)?;
    let told = info
        .services
        .iter()
        .map(|service| (service.service_name.clone(), service.status, service.reason.as_deref()));
    write_reasons(out, told)
}

/// Why deltas cannot be made, or wait, or are not worth it.
fn write_reasons<'a>(
    out: &mut Formatter<'_>,
    told: impl Iterator<Item = (String, UpdateState, Option<&'a str>)>,
) -> fmt::Result {
    for (name, status, reason) in told {
        let Some(reason) = reason else { continue };
        let word = if status == UpdateState::Failed { "failed" } else { "note" };
        writeln!(out, "{word}: {}: {}", plain(&name), plain(reason))?;
    }
    Ok(())
}

fn write_finalized(out: &mut Formatter<'_>, finalized: bool) -> fmt::Result {
    match finalized {
        true => writeln!(out, "the release is final: devices that follow the fleet get it"),
        false => Ok(()),
    }
}
