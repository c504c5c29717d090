//! What a test reads of the rows that a build wrote, and how it makes the writing fail.

use std::collections::BTreeMap;

use serde_json::Value;

use super::OpenBalena;
use super::data::Data;
use super::query::Version;
use super::tables;
use crate::scripted_server::Reply;

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteFault {
    /// Nothing is written, and this is the answer (429 comes with `Retry-After: 0`).
    Status(u16),
    /// The row is written, and nobody hears of it.
    AnswerLost,
    /// Nothing is written, and the API is gone from then on, as with `set_gone(true)`.
    Gone,
}

/// The next writes to a table fail, after some that do not.
#[derive(Debug)]
pub(super) struct FailingWrites {
    method_and_table: String,
    before: usize,
    count: usize,
    fault: WriteFault,
}

impl OpenBalena {
    /// Where the API says that images are: `host:port`. Otherwise `registry.example.com`.
    pub(crate) fn set_registry(&self, host: &str) {
        host.clone_into(&mut self.lock().registry);
    }

    /// Of the writes to come whose `METHOD path` contains a text (`""`: all; `POST /v7/image_label`), lets so
    /// many happen and makes the next ones fail. Several such may be waiting.
    pub(crate) fn fail_writes(&self, to: &str, before: usize, count: usize, fault: WriteFault) {
        let method_and_table = to.to_owned();
        let failing = FailingWrites { method_and_table, before, count, fault };
        self.lock().failing.push(failing);
    }

    /// How many writes of builds came, failed ones among them.
    pub(crate) fn writes(&self) -> usize {
        self.lock().writes
    }

    /// A whole row.
    pub(crate) fn release_row(&self, release: u64) -> Value {
        tables::release(self.lock().data.release(release))
    }

    /// A whole row, the size as text.
    pub(crate) fn image_row(&self, image: u64) -> Value {
        tables::image(self.lock().data.image(image), Version::V7)
    }

    /// The IDs of a fleet's releases, in the order of making.
    pub(crate) fn releases_of(&self, fleet: u64) -> Vec<u64> {
        let data = &self.lock().data;
        let own = data.releases.iter().filter(|release| release.fleet == fleet);
        own.map(|release| release.id).collect()
    }

    /// The names of a release's services and their images' IDs.
    pub(crate) fn images_of(&self, release: u64) -> BTreeMap<String, u64> {
        let data = &self.lock().data;
        let own = data.release_images.iter().filter(|row| row.release == release);
        own.map(|row| (service_of(data, row.image), row.image)).collect()
    }

    /// The names of all services that a fleet has had.
    pub(crate) fn services_of(&self, fleet: u64) -> Vec<String> {
        let data = &self.lock().data;
        let own = data.services.iter().filter(|service| service.fleet == fleet);
        own.map(|service| service.name.clone()).collect()
    }

    pub(crate) fn image_labels(&self, release: u64, service: &str) -> BTreeMap<String, String> {
        let data = &self.lock().data;
        named(data, &data.labels, release, service)
    }

    pub(crate) fn image_variables(&self, release: u64, service: &str) -> BTreeMap<String, String> {
        let data = &self.lock().data;
        named(data, &data.variables, release, service)
    }

    pub(crate) fn release_tags(&self, release: u64) -> BTreeMap<String, String> {
        let data = &self.lock().data;
        let tags = data.release(release).tags.iter();
        tags.map(|tag| (tag.key.clone(), tag.value.clone())).collect()
    }

    /// How many releases of a fleet have which status.
    pub(crate) fn release_statuses(&self, fleet: u64) -> BTreeMap<String, usize> {
        let data = &self.lock().data;
        let own = data.releases.iter().filter(|release| release.fleet == fleet);
        counted(own.map(|release| release.status.clone()))
    }

    /// How many images of a fleet's services are being built, parts of releases or not.
    pub(crate) fn running_images(&self, fleet: u64) -> usize {
        let data = &self.lock().data;
        let of_fleet = |service: u64| data.service(service).fleet == fleet;
        let images = data.images.iter();
        images.filter(|image| image.status == "running" && of_fleet(image.service)).count()
    }

    /// How many images of a release have which status.
    pub(crate) fn image_statuses(&self, release: u64) -> BTreeMap<String, usize> {
        let data = &self.lock().data;
        let own = data.release_images.iter().filter(|row| row.release == release);
        counted(own.map(|row| data.image(row.image).status.clone()))
    }
}

fn counted(statuses: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

fn named(
    data: &Data,
    rows: &[super::data::Named],
    release: u64,
    service: &str,
) -> BTreeMap<String, String> {
    let of = |row: &&super::data::Named| {
        let place = data.release_image(row.release_image);
        place.release == release && service_of(data, place.image) == service
    };
    rows.iter().filter(of).map(|row| (row.name.clone(), row.value.clone())).collect()
}

fn service_of(data: &Data, image: u64) -> String {
    data.service(data.image(image).service).name.clone()
}

/// What happens to a write, if anything does.
pub(super) fn fault(failing: &mut Vec<FailingWrites>, write: &str) -> Option<WriteFault> {
    let meant = failing.iter_mut().find(|one| write.contains(&one.method_and_table))?;
    if let Some(before) = meant.before.checked_sub(1) {
        meant.before = before;
        return None;
    }
    let fault = meant.fault;
    meant.count = meant.count.saturating_sub(1);
    failing.retain(|one| one.count > 0);
    Some(fault)
}

/// The answer of a write that is not done.
pub(super) fn refusal(status: u16) -> Reply {
    match status {
        429 => Reply::status(429).header("Retry-After", 0).body("Too Many Requests"),
        status => Reply::status(status),
    }
}
