//! How releases and images end.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{BadEnd, BuiltImage, ReleaseRows, lookup, time};
use crate::release::ReleaseError;
use crate::release::odata::Query;

/// Characters of an image's error, at most: the API's limit is higher, but people read these.
const MAX_ERROR: usize = 10_000;

#[derive(Deserialize)]
struct Identified {
    id: u64,
}

impl BadEnd {
    fn status(self) -> &'static str {
        match self {
            BadEnd::Failed => "failed",
            BadEnd::Cancelled => "cancelled",
        }
    }
}

impl ReleaseRows {
    /// Notes that an image is in the registry.
    pub(crate) fn image_is_there(
        &self,
        image: u64,
        built: &BuiltImage<'_>,
    ) -> Result<(), ReleaseError> {
        let size = match self.api.is_newest() {
            true => Value::from(built.size.to_string()),
            // Version 6 has a number here.
            false => Value::from(built.size),
        };
        let fields = json!({
            "status": "success",
            "content_hash": built.content_hash,
            "image_size": size,
            "push_timestamp": time(built.pushed),
            "end_timestamp": time(SystemTime::now()),
            "dockerfile": built.dockerfile,
            "project_type": built.project_type,
            "build_log": built.log,
            "error_message": null,
        });
        self.api.change(&row("image", image), &fields)
    }

    /// Notes that an image could not be built, why, and what the engine said.
    pub(crate) fn image_failed(
        &self,
        image: u64,
        error: &str,
        log: &str,
    ) -> Result<(), ReleaseError> {
        let error: String = error.chars().take(MAX_ERROR).collect();
        let fields = json!({
            "status": BadEnd::Failed.status(),
            "end_timestamp": time(SystemTime::now()),
            "error_message": error,
            "build_log": log,
        });
        self.api.change(&running("image", image), &fields)
    }

    /// Notes that an image that was begun will not come.
    pub(crate) fn image_ended(&self, image: u64, end: BadEnd) -> Result<(), ReleaseError> {
        self.api.change(&running("image", image), &ended(end.status()))
    }

    /// Notes that all images of a release are there: devices can be pinned to it, and its deltas made.
    pub(crate) fn release_is_there(&self, release: u64) -> Result<(), ReleaseError> {
        self.api.change(&running("release", release), &ended("success"))
    }

    /// Makes a release final whose images are there: devices are told at once.
    pub(crate) fn release_is_final(&self, release: u64) -> Result<(), ReleaseError> {
        self.api.let_go(release).map(drop)
    }

    /// Notes that a release will not come, unless it has ended otherwise.
    pub(crate) fn release_ended(&self, release: u64, end: BadEnd) -> Result<(), ReleaseError> {
        self.api.change(&running("release", release), &ended(end.status()))
    }

    /// Takes back a release whose images are there, unless it is final: devices may not be pinned to it any more.
    pub(crate) fn release_taken_back(&self, release: u64) -> Result<(), ReleaseError> {
        let draft = row("release", release).filter("status eq 'success' and is_final eq false");
        self.api.change(&draft, &ended(BadEnd::Cancelled.status()))
    }

    /// Closes images of a build that began then which are part of no release: the answer to their making was lost for good.
    pub(crate) fn strays_ended(
        &self,
        fleet: u64,
        started: SystemTime,
        end: BadEnd,
    ) -> Result<(), ReleaseError> {
        let strays: Vec<Identified> = self.api.rows(&lookup::strays(fleet, started))?;
        strays.iter().try_for_each(|image| self.image_ended(image.id, end))
    }

    /// Closes the release of this commit, with its images, as far as they are open. `started` is when its build began, as
    /// far as that is known. Returns its ID, if it is there.
    pub(crate) fn close_release(
        &self,
        fleet: u64,
        commit: &str,
        started: Option<SystemTime>,
        end: BadEnd,
    ) -> Result<Option<u64>, ReleaseError> {
        if let Some(started) = started {
            self.strays_ended(fleet, started, end)?;
        }
        let found: Vec<Identified> = self.api.rows(&lookup::release(fleet, commit))?;
        let Some(release) = found.first() else { return Ok(None) };
        let images: Vec<Identified> = self.api.rows(&lookup::unfinished_images(release.id))?;
        for image in images {
            self.image_ended(image.id, end)?;
        }
        self.release_ended(release.id, end)?;
        Ok(Some(release.id))
    }
}

fn ended(status: &str) -> Value {
    json!({ "status": status, "end_timestamp": time(SystemTime::now()) })
}

fn row(resource: &str, id: u64) -> Query {
    Query::with_key(resource, &id.to_string())
}

/// The row, if it has not ended: whoever comes second overwrites nothing.
fn running(resource: &str, id: u64) -> Query {
    row(resource, id).filter("status eq 'running'")
}
