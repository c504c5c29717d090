//! The rows of one release, as far as they are written.

use super::failure::Failure;
use super::work::Work;
use crate::builder::journal::OpenRelease;
use crate::project::{Project, Service};
use crate::release::ReleaseError;
use crate::release::rows::{NewImage, NewRelease, ReleaseRows};

/// The rows that there are.
pub(super) struct Rows {
    pub(super) api: ReleaseRows,
    pub(super) release: u64,
    /// One for each service, in their order.
    pub(super) images: Vec<ImageRow>,
}

/// The row of an image.
#[derive(Debug, Clone)]
pub(super) struct ImageRow {
    pub(super) image: NewImage,
    /// Whether the row says how the image ended.
    pub(super) is_closed: bool,
}

impl Work {
    /// Writes the rows that a build begins with. What was written is noted in `rows`, however far that came.
    pub(super) fn open_rows(
        &self,
        api: ReleaseRows,
        project: &Project,
        rows: &mut Option<Rows>,
    ) -> Result<(), Failure> {
        let fleet = &self.caller.fleet;
        let (slug, commit) = (fleet.slug.clone(), self.commit.clone());
        self.service.journal.begin(&OpenRelease { fleet: fleet.id, slug, commit })?;
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
        for service in &project.services {
            self.go_on()?;
            self.open_image(rows, service)?;
        }
        Ok(())
    }

    fn open_image(&self, rows: &mut Rows, service: &Service) -> Result<(), ReleaseError> {
        let (fleet, started) = (self.caller.fleet.id, self.started);
        let id = rows.api.service(fleet, &service.name)?;
        let image = rows.api.create_image(id, started, service.contract.as_ref())?;
        let own = ImageRow { image, is_closed: false };
        let number = own.image.id;
        rows.images.push(own);
        let release_image = rows.api.add_image(rows.release, number)?;
        for (name, value) in &service.labels {
            rows.api.add_label(release_image, name, value)?;
        }
        for (name, value) in &service.environment {
            rows.api.add_variable(release_image, name, value)?;
        }
        Ok(())
    }
}
