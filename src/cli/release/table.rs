//! Tables of what becomes of services, releases and deltas.

use std::collections::HashMap;

use remora::release::{FleetPair, FleetUpdate, RunningRelease, ServiceUpdate, UpdateInfo};

use super::words::{Standing, change, commit, label};
use crate::cli::table::{Align, Table};
use crate::cli::units;

/// What stands in a table where there is nothing.
const NOTHING: &str = "-";

/// The services of an update, also those that devices remove.
pub(super) fn services(info: &UpdateInfo) -> Table {
    let mut table = Table::new(&[
        ("service", Align::Left),
        ("change", Align::Left),
        ("state", Align::Left),
        ("delta", Align::Right),
        ("pull", Align::Right),
    ]);
    info.services.iter().for_each(|service| table.row(service_row(service)));
    for removed in &info.removed_services {
        table.row([removed.service_name.clone(), "removed".to_owned()]);
    }
    table
}

fn service_row(service: &ServiceUpdate) -> [String; 5] {
    let standing = Standing::from(service);
    let state = if service.unchanged { "ready".to_owned() } else { standing.words() };
    [
        service.service_name.clone(),
        change(service).to_owned(),
        state,
        size(standing.delta_size),
        size(service.pull_size),
    ]
}

/// The releases that a fleet's devices run.
pub(super) fn running(update: &FleetUpdate) -> Table {
    let mut table = Table::new(&[
        ("running", Align::Left),
        ("commit", Align::Left),
        ("devices", Align::Right),
        ("coming", Align::Right),
        ("pinned", Align::Right),
        ("deltas", Align::Left),
    ]);
    update.running.iter().for_each(|group| table.row(running_row(group)));
    table
}

fn running_row(group: &RunningRelease) -> [String; 6] {
    let release = group.release.as_ref();
    [
        release.map_or_else(|| "unknown".to_owned(), label),
        release.map_or_else(|| NOTHING.to_owned(), commit),
        units::count(group.devices),
        units::count(group.coming),
        units::count(group.pinned),
        group.delta_format.to_owned(),
    ]
}

/// What devices need, by release and service.
pub(super) fn pairs(update: &FleetUpdate) -> Table {
    let mut table = Table::new(&[
        ("from", Align::Left),
        ("service", Align::Left),
        ("devices", Align::Right),
        ("deltas", Align::Left),
        ("state", Align::Left),
        ("delta", Align::Right),
        ("pull", Align::Right),
    ]);
    let names = names(update);
    update.pairs.iter().for_each(|pair| table.row(pair_row(pair, &names)));
    table
}

fn pair_row(pair: &FleetPair, names: &HashMap<u64, String>) -> [String; 7] {
    [
        name(pair, names),
        pair.service_name.clone(),
        units::count(pair.devices),
        pair.delta_format.to_owned(),
        Standing::from(pair).words(),
        size(pair.delta_size),
        size(pair.pull_size),
    ]
}

/// What releases that devices run are called, by ID.
pub(super) fn names(update: &FleetUpdate) -> HashMap<u64, String> {
    let releases = update.running.iter().filter_map(|group| group.release.as_ref());
    releases.map(|release| (release.id, label(release))).collect()
}

/// What the release is called that a pair's devices run.
pub(super) fn name(pair: &FleetPair, names: &HashMap<u64, String>) -> String {
    let id = pair.from_release;
    names.get(&id).cloned().unwrap_or_else(|| id.to_string())
}

/// A pair in one line.
pub(super) fn pair(pair: &FleetPair, names: &HashMap<u64, String>) -> String {
    format!("{} from {} ({})", pair.service_name, name(pair, names), pair.delta_format)
}

/// Bytes, or that they are not known.
pub(super) fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| NOTHING.to_owned(), units::bytes)
}
