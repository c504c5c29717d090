//! How a test fills the API.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Map;

use super::data::{Device, Fleet, Image, Release, ReleaseImage, Variable, next};
use super::{OpenBalena, USER, timestamp};

/// A release that is being made; `add` makes it.
#[must_use]
pub(crate) struct ReleaseRow<'a> {
    api: &'a OpenBalena,
    row: Release,
    draft: bool,
    images: Vec<ImageRow>,
    tags: Vec<String>,
}

enum ImageRow {
    New {
        service: String,
        location: String,
        content_hash: Option<String>,
        size: Option<u64>,
    },
    /// The row of another release.
    Same(u64),
}

/// A device that is being made; `add` makes it.
#[must_use]
pub(crate) struct DeviceRow<'a> {
    api: &'a OpenBalena,
    row: Device,
}

impl OpenBalena {
    /// A fleet of `USER` that follows its latest release. The name is the slug's second part.
    pub(crate) fn fleet(&self, slug: &str) -> u64 {
        self.fleet_of(&[USER], slug)
    }

    /// The same for these users; nobody else sees anything of it.
    pub(crate) fn fleet_of(&self, users: &[&str], slug: &str) -> u64 {
        let fleets = &mut self.lock().data.fleets;
        let id = next(fleets.iter().map(|fleet| fleet.id));
        let name = slug.split_once('/').expect("organization/name").1;
        fleets.push(Fleet {
            id,
            slug: slug.to_owned(),
            app_name: name.to_owned(),
            archived: false,
            tracks_latest: true,
            target: None,
            users: users.iter().map(|&user| user.to_owned()).collect(),
            device_type: "intel-nuc".to_owned(),
            architecture: "amd64".to_owned(),
            multicontainer: true,
        });
        id
    }

    /// Gives a fleet another name than its slug's second part: slugs are lower case, and may be older.
    pub(crate) fn rename_fleet(&self, fleet: u64, name: &str) {
        self.change_fleet(fleet, |fleet| name.clone_into(&mut fleet.app_name));
    }

    /// From now on a user sees nothing of a fleet.
    pub(crate) fn leave_fleet(&self, fleet: u64, user: &str) {
        self.change_fleet(fleet, |fleet| fleet.users.retain(|known| known != user));
    }

    /// What a fleet's devices are. Otherwise they are `intel-nuc`, `amd64`.
    pub(crate) fn set_device_type(&self, fleet: u64, device_type: &str, architecture: &str) {
        self.change_fleet(fleet, |fleet| {
            device_type.clone_into(&mut fleet.device_type);
            architecture.clone_into(&mut fleet.architecture);
        });
    }

    /// A fleet whose releases may have one service only.
    pub(crate) fn single_container(&self, fleet: u64) {
        self.change_fleet(fleet, |fleet| fleet.multicontainer = false);
    }

    pub(crate) fn archive_fleet(&self, fleet: u64) {
        self.change_fleet(fleet, |fleet| fleet.archived = true);
    }

    /// Makes a fleet run this release (or none) and follow the latest no longer.
    pub(crate) fn pin_fleet(&self, fleet: u64, release: Option<u64>) {
        self.change_fleet(fleet, |fleet| {
            fleet.tracks_latest = false;
            fleet.target = release;
        });
    }

    /// A successful, final release 0.0.0 without images, whose build begins now.
    pub(crate) fn release(&self, fleet: u64, commit: &str) -> ReleaseRow<'_> {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let row = Release {
            id: 0,
            fleet,
            commit: commit.to_owned(),
            semver: "0.0.0".to_owned(),
            revision: None,
            status: "success".to_owned(),
            invalidated: false,
            start: 0,
            created,
            updated: timestamp(SystemTime::now()),
            tags: Vec::new(),
            columns: Map::new(),
        };
        ReleaseRow { api: self, row, draft: false, images: Vec::new(), tags: Vec::new() }
    }

    /// A device that has never reported what it runs, and follows its fleet.
    pub(crate) fn device(&self, fleet: u64) -> DeviceRow<'_> {
        DeviceRow { api: self, row: Device { fleet, ..Device::default() } }
    }

    pub(crate) fn config_variable(&self, fleet: u64, name: &str, value: &str) {
        self.lock().data.config_variables.push(Variable::new(fleet, name, value));
    }

    pub(crate) fn environment_variable(&self, fleet: u64, name: &str, value: &str) {
        self.lock().data.environment_variables.push(Variable::new(fleet, name, value));
    }

    /// The image that a release has for a service.
    pub(crate) fn image_id(&self, release: u64, service: &str) -> u64 {
        let data = &self.lock().data;
        let mut images =
            data.release_images.iter().filter(|row| row.release == release).map(|row| row.image);
        let named = |image: &u64| data.service(data.image(*image).service).name == service;
        images.find(named).expect("a service of this release")
    }

    fn change_fleet(&self, id: u64, change: impl FnOnce(&mut Fleet)) {
        let fleets = &mut self.lock().data.fleets;
        change(fleets.iter_mut().find(|fleet| fleet.id == id).expect("a fleet of this API"));
    }
}

impl Variable {
    fn new(fleet: u64, name: &str, value: &str) -> Self {
        Variable { fleet, name: name.to_owned(), value: value.to_owned() }
    }
}

impl ReleaseRow<'_> {
    pub(crate) fn version(mut self, semver: &str) -> Self {
        semver.clone_into(&mut self.row.semver);
        self
    }

    pub(crate) fn draft(mut self) -> Self {
        self.draft = true;
        self
    }

    pub(crate) fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.row.status);
        self
    }

    pub(crate) fn invalidated(mut self) -> Self {
        self.row.invalidated = true;
        self
    }

    /// When its build began, among the others: a greater number is later. Otherwise after all others.
    pub(crate) fn started(mut self, start: u64) -> Self {
        self.row.start = start;
        self
    }

    /// When its row was made, in milliseconds since 1970; a draft's version has it.
    pub(crate) fn created(mut self, milliseconds: u128) -> Self {
        self.row.created = milliseconds;
        self
    }

    /// As the API writes times: `2026-11-28T12:00:00.000Z`.
    pub(crate) fn updated(mut self, time: &str) -> Self {
        time.clone_into(&mut self.row.updated);
        self
    }

    pub(crate) fn tag(mut self, key: &str) -> Self {
        self.tags.push(key.to_owned());
        self
    }

    /// An image of a service: where it is (`host/v2/<hex>`), its manifest's digest if it was pushed, and the
    /// engine's `Size`.
    pub(crate) fn image(
        mut self,
        service: &str,
        location: &str,
        content_hash: Option<&str>,
        size: u64,
    ) -> Self {
        let content_hash = content_hash.map(str::to_owned);
        let (service, location) = (service.to_owned(), location.to_owned());
        self.images.push(ImageRow::New { service, location, content_hash, size: Some(size) });
        self
    }

    /// The last image's size is null.
    pub(crate) fn without_size(mut self) -> Self {
        if let Some(ImageRow::New { size, .. }) = self.images.last_mut() {
            *size = None;
        }
        self
    }

    /// The very image row that another release has for a service.
    pub(crate) fn same_image(mut self, release: u64, service: &str) -> Self {
        self.images.push(ImageRow::Same(self.api.image_id(release, service)));
        self
    }

    /// Gives the release's ID.
    pub(crate) fn add(mut self) -> u64 {
        let data = &mut self.api.lock().data;
        let id = next(data.releases.iter().map(|release| release.id));
        self.row.id = id;
        if self.row.start == 0 {
            self.row.start = next(data.releases.iter().map(|release| release.start));
        }
        if !self.draft {
            self.row.revision = Some(data.next_revision(self.row.fleet, &self.row.semver));
        }
        let fleet = self.row.fleet;
        data.releases.push(self.row);
        for key in &self.tags {
            data.add_tag(id, key, "");
        }
        for image in self.images {
            let image = match image {
                ImageRow::Same(image) => image,
                ImageRow::New { service, location, content_hash, size } => {
                    let service = data.service_named(fleet, &service);
                    let id = next(data.images.iter().map(|image| image.id));
                    let status = "success".to_owned();
                    let columns = Map::new();
                    let image =
                        Image { id, service, location, content_hash, size, status, columns };
                    data.images.push(image);
                    id
                }
            };
            let row = next(data.release_images.iter().map(|row| row.id));
            data.release_images.push(ReleaseImage { id: row, release: id, image });
        }
        data.choose_target(fleet);
        id
    }
}

impl DeviceRow<'_> {
    pub(crate) fn runs(mut self, release: u64) -> Self {
        self.row.running = Some(release);
        self
    }

    pub(crate) fn pinned(mut self, release: u64) -> Self {
        self.row.pinned = Some(release);
        self
    }

    /// `balenaOS 2.50.1+rev1`.
    pub(crate) fn os(mut self, version: &str) -> Self {
        self.row.os_version = Some(version.to_owned());
        self
    }

    pub(crate) fn config_variable(mut self, name: &str, value: &str) -> Self {
        self.row.config_variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the device's ID.
    pub(crate) fn add(mut self) -> u64 {
        let devices = &mut self.api.lock().data.devices;
        self.row.id = next(devices.iter().map(|device| device.id));
        let id = self.row.id;
        devices.push(self.row);
        id
    }
}
