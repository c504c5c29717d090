//! What devices download, in a line each.

use std::collections::BTreeSet;
use std::fmt::{self, Formatter};

use remora::release::{FleetUpdate, PayloadSource, UpdateInfo, UpdateState};

use super::words::counted;
use crate::cli::plain::plain;
use crate::cli::units;

/// What one device downloads.
pub(super) fn write_of_device(out: &mut Formatter<'_>, info: &UpdateInfo) -> fmt::Result {
    writeln!(out, "download now:        {}", units::bytes(info.payload_now))?;
    writeln!(out, "download when ready: {}", when_ready(info))?;
    writeln!(out, "plain pull:          {}", units::bytes(info.pull_total()))?;
    let services = info.services.iter();
    let note = uncompressed(services.map(|it| (it.payload_source, it.service_name.as_str())));
    note.map_or(Ok(()), |note| writeln!(out, "note: {}", plain(&note)))
}

fn when_ready(info: &UpdateInfo) -> String {
    let all = counted(info.services.len() as u64, "service", "services");
    let failed = info.count(UpdateState::Failed);
    let open = info.count(UpdateState::Pending) + info.count(UpdateState::Preparing);
    match (info.total_payload, open) {
        (Some(bytes), _) => units::bytes(bytes),
        (None, 0) => format!("as now: the deltas of {failed} of {all} cannot be made"),
        (None, open) => format!("not known before; {open} of {all} are not ready"),
    }
}

/// What the whole fleet downloads.
pub(super) fn write_of_fleet(out: &mut Formatter<'_>, update: &FleetUpdate) -> fmt::Result {
    let devices = counted(update.devices_to_update, "device", "devices");
    writeln!(out, "over the air now:    {} for {devices}", units::bytes(update.payload_total))?;
    writeln!(out, "by plain pulls:      {}", units::bytes(update.pull_total))?;
    let note = uncompressed_in(update);
    note.map_or(Ok(()), |note| writeln!(out, "note: {}", plain(&note)))
}

/// Which of a fleet's figures are uncompressed sizes, if some are.
pub(super) fn uncompressed_in(update: &FleetUpdate) -> Option<String> {
    uncompressed(update.pairs.iter().map(|it| (it.payload_source, it.service_name.as_str())))
}

fn uncompressed<'a>(of: impl Iterator<Item = (PayloadSource, &'a str)>) -> Option<String> {
    let guessed = of.filter(|(source, _)| *source == PayloadSource::ImageSize);
    let services: BTreeSet<&str> = guessed.map(|(_, service)| service).collect();
    let services: Vec<&str> = services.into_iter().collect();
    let what = "the registry lacks images, or could not be read: the size is uncompressed for";
    (!services.is_empty()).then(|| format!("{what} {}", services.join(", ")))
}
