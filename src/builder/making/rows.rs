//! The rows of one release, as far as they are written.

use std::sync::{Arc, Mutex, PoisonError};

use super::failure::Failure;
use super::several::several;
use super::work::Work;
use crate::builder::journal::OpenRelease;
use crate::project::{Project, Service};
use crate::release::rows::{NewImage, NewRelease, ReleaseRows};

/// The rows that there are.
pub(super) struct Rows {
    pub(super) api: Arc<ReleaseRows>,
    pub(super) release: u64,
    /// One for each service, in their order.
    pub(super) images: Vec<ImageRow>,
}

/// The row of an image.
#[derive(Debug, Clone)]
pub(super) struct ImageRow {
    pub(super) image: NewImage,
    /// What labels and variables hang on.
    release_image: u64,
    /// Whether the row says how the image ended.
    pub(super) is_closed: bool,
}

/// A label or variable that is to be written.
pub(super) struct Detail<'a> {
    release_image: u64,
    kind: DetailKind,
    name: &'a str,
    value: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DetailKind {
    Label,
    Variable,
}

impl Work {
    /// Writes the rows that a build begins with. What was written is noted in `rows`, however far that came.
    pub(super) fn open_rows(
        &self,
        api: Arc<ReleaseRows>,
        project: &Project,
        rows: &mut Option<Rows>,
    ) -> Result<(), Failure> {
        self.note_begun()?;
        let fleet = &self.caller.fleet;
        let release = api.create_release(&NewRelease {
            fleet: fleet.id,
            commit: &self.commit,
            composition: &project.composition,
            contract: project.contract.as_ref(),
            semver: project.semver.as_deref(),
            started: self.started,
        })?;
        self.running.makes(release, &fleet.slug);
        self.screen.release(release);
        let rows = rows.insert(Rows { api, release, images: Vec::new() });
        self.open_images(rows, &project.services)
    }

    /// Notes the release where the next builder finds it if this one is killed.
    fn note_begun(&self) -> Result<(), Failure> {
        let fleet = &self.caller.fleet;
        let (slug, commit) = (fleet.slug.clone(), self.commit.clone());
        let open = OpenRelease { fleet: fleet.id, slug, commit, started: Some(self.started) };
        self.service.journal.begin(&open).map_err(Failure::NotNoted)
    }

    fn open_images(&self, rows: &mut Rows, services: &[Service]) -> Result<(), Failure> {
        let opened = Mutex::new(Vec::new());
        let (api, release) = (&rows.api, rows.release);
        let written = several(services, |number, service| {
            self.go_on()?;
            let id = api.service(self.caller.fleet.id, &service.name)?;
            let image = api.create_image(id, self.started, service.contract.as_ref())?;
            let mut row = ImageRow { image, release_image: 0, is_closed: false };
            let added = api.add_image(release, row.image.id);
            row.release_image = *added.as_ref().unwrap_or(&0);
            // A row that is part of no release is closed too.
            opened.lock().unwrap_or_else(PoisonError::into_inner).push((number, row));
            added.map(drop).map_err(Failure::from)
        });
        let mut opened = opened.into_inner().unwrap_or_else(PoisonError::into_inner);
        opened.sort_unstable_by_key(|(number, _)| *number);
        rows.images = opened.into_iter().map(|(_, row)| row).collect();
        written
    }
}

/// All labels and variables of a release's images.
pub(super) fn details<'a>(rows: &Rows, services: &'a [Service]) -> Vec<Detail<'a>> {
    let mut details = Vec::new();
    for (row, service) in rows.images.iter().zip(services) {
        let kinds =
            [(DetailKind::Label, &service.labels), (DetailKind::Variable, &service.environment)];
        for (kind, values) in kinds {
            let release_image = row.release_image;
            let detail = |(name, value): (&'a String, &'a String)| Detail {
                release_image,
                kind,
                name,
                value,
            };
            details.extend(values.iter().map(detail));
        }
    }
    details
}

/// Writes labels and variables, some at the same time, unless `is_over`.
pub(super) fn write_details(
    api: &ReleaseRows,
    details: &[Detail<'_>],
    is_over: impl Fn() -> bool + Sync,
) -> Result<(), Failure> {
    several(details, |_, detail| {
        let Detail { release_image, kind, name, value } = *detail;
        match kind {
            _ if is_over() => Ok(()),
            DetailKind::Label => Ok(api.add_label(release_image, name, value)?),
            DetailKind::Variable => Ok(api.add_variable(release_image, name, value)?),
        }
    })
}
