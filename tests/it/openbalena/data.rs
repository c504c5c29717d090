//! The rows, and the rules that the API keeps between them.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::timestamp;

#[derive(Debug, Default, Clone)]
pub(super) struct Data {
    pub(super) fleets: Vec<Fleet>,
    pub(super) services: Vec<Service>,
    pub(super) releases: Vec<Release>,
    pub(super) images: Vec<Image>,
    pub(super) release_images: Vec<ReleaseImage>,
    /// Of images in releases.
    pub(super) labels: Vec<Named>,
    /// Of images in releases.
    pub(super) variables: Vec<Named>,
    pub(super) devices: Vec<Device>,
    /// Of fleets.
    pub(super) config_variables: Vec<Variable>,
    /// Of fleets.
    pub(super) environment_variables: Vec<Variable>,
    pub(super) deltas: Vec<Delta>,
}

#[derive(Debug, Clone)]
pub(super) struct Fleet {
    pub(super) id: u64,
    pub(super) slug: String,
    pub(super) app_name: String,
    pub(super) archived: bool,
    pub(super) tracks_latest: bool,
    pub(super) target: Option<u64>,
    pub(super) users: Vec<String>,
    pub(super) device_type: String,
    pub(super) architecture: String,
    pub(super) multicontainer: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) id: u64,
    pub(super) fleet: u64,
    pub(super) name: String,
}

#[derive(Debug, Clone)]
pub(super) struct Release {
    pub(super) id: u64,
    pub(super) fleet: u64,
    pub(super) commit: String,
    pub(super) semver: String,
    /// None for a draft.
    pub(super) revision: Option<u64>,
    pub(super) status: String,
    pub(super) invalidated: bool,
    /// Builds that began later have a greater number.
    pub(super) start: u64,
    /// In milliseconds since 1970; drafts have it in their version.
    pub(super) created: u128,
    pub(super) updated: String,
    pub(super) tags: Vec<Tag>,
    /// The columns that the API keeps as they are: composition, source, times, note.
    pub(super) columns: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) id: u64,
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) id: u64,
    pub(super) service: u64,
    pub(super) location: String,
    pub(super) content_hash: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) status: String,
    /// The columns that the API keeps as they are: times, log, Dockerfile.
    pub(super) columns: Map<String, Value>,
}

/// A label or an environment variable of an image in a release.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) id: u64,
    pub(super) release_image: u64,
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Clone)]
pub(super) struct ReleaseImage {
    pub(super) id: u64,
    pub(super) release: u64,
    pub(super) image: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Device {
    pub(super) id: u64,
    pub(super) fleet: u64,
    pub(super) running: Option<u64>,
    pub(super) pinned: Option<u64>,
    pub(super) os_version: Option<String>,
    /// Name and value.
    pub(super) config_variables: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) fleet: u64,
    pub(super) name: String,
    pub(super) value: String,
}

/// A row that only balenaCloud has.
#[derive(Debug, Clone)]
pub(super) struct Delta {
    pub(super) id: u64,
    pub(super) src: u64,
    pub(super) dest: u64,
    pub(super) status: String,
    pub(super) size: u64,
}

impl Release {
    pub(super) fn is_final(&self) -> bool {
        self.revision.is_some()
    }

    pub(super) fn raw_version(&self) -> String {
        match self.revision {
            None => format!("{}-{}", self.semver, self.created),
            Some(0) => self.semver.clone(),
            Some(revision) => format!("{}+rev{revision}", self.semver),
        }
    }

    fn may_be_target(&self) -> bool {
        self.is_final() && self.status == "success" && !self.invalidated
    }
}

impl Data {
    pub(super) fn fleet(&self, id: u64) -> &Fleet {
        self.fleets.iter().find(|fleet| fleet.id == id).expect("a fleet of this API")
    }

    pub(super) fn release(&self, id: u64) -> &Release {
        self.releases.iter().find(|release| release.id == id).expect("a release of this API")
    }

    pub(super) fn release_mut(&mut self, id: u64) -> &mut Release {
        let found = self.releases.iter_mut().find(|release| release.id == id);
        found.expect("a release of this API")
    }

    pub(super) fn image(&self, id: u64) -> &Image {
        self.images.iter().find(|image| image.id == id).expect("an image of this API")
    }

    pub(super) fn service(&self, id: u64) -> &Service {
        self.services.iter().find(|service| service.id == id).expect("a service of this API")
    }

    pub(super) fn release_image(&self, id: u64) -> &ReleaseImage {
        self.release_images.iter().find(|row| row.id == id).expect("a row of this API")
    }

    pub(super) fn add_tag(&mut self, release: u64, key: &str, value: &str) -> u64 {
        let all = self.releases.iter().flat_map(|release| &release.tags);
        let id = next(all.map(|tag| tag.id));
        let (key, value) = (key.to_owned(), value.to_owned());
        self.release_mut(release).tags.push(Tag { id, key, value });
        id
    }

    /// The service of this name in a fleet, made if it is not there.
    pub(super) fn service_named(&mut self, fleet: u64, name: &str) -> u64 {
        let known = self.services.iter().find(|known| known.fleet == fleet && known.name == name);
        if let Some(known) = known {
            return known.id;
        }
        let id = next(self.services.iter().map(|service| service.id));
        self.services.push(Service { id, fleet, name: name.to_owned() });
        id
    }

    /// The first revision of a version that no release of the fleet has.
    pub(super) fn next_revision(&self, fleet: u64, semver: &str) -> u64 {
        let same = self.releases.iter().filter(|other| other.fleet == fleet);
        let taken = same.filter(|other| other.semver == semver).filter_map(|other| other.revision);
        taken.max().map_or(0, |revision| revision + 1)
    }

    /// What follows from a change of a release: its time, and the release that its fleet runs.
    pub(super) fn changed(&mut self, release: u64) {
        let row = self.release_mut(release);
        row.updated = timestamp(SystemTime::now());
        let fleet = row.fleet;
        self.choose_target(fleet);
    }

    /// A fleet that follows the latest release runs the one whose build began last. Where none can be, it
    /// keeps what it has.
    pub(super) fn choose_target(&mut self, fleet: u64) {
        let releases = self.releases.iter().filter(|release| release.fleet == fleet);
        let latest = releases.filter(|release| release.may_be_target()).max_by_key(|one| one.start);
        let latest = latest.map(|release| release.id);
        let found = self.fleets.iter_mut().find(|one| one.id == fleet && one.tracks_latest);
        if let (Some(found), Some(latest)) = (found, latest) {
            found.target = Some(latest);
        }
    }

    /// Whether a user has a fleet with an image in this repository.
    pub(super) fn has_image(&self, user: &str, repository: &str) -> bool {
        let visible = self.visible_to(Some(user));
        // The images of a multi-stage build have a number behind the name of the last.
        let name = repository.split('-').next().unwrap_or_default();
        let named = |image: &Image| {
            image.location.strip_suffix(name).is_some_and(|host| host.ends_with('/'))
        };
        visible.images.iter().any(named)
    }

    /// The rows that a user sees: those of their fleets.
    pub(super) fn visible_to(&self, user: Option<&str>) -> Self {
        let mut seen = self.clone();
        let named =
            |fleet: &Fleet| user.is_some_and(|user| fleet.users.iter().any(|one| one == user));
        seen.fleets.retain(named);
        let fleets: Vec<u64> = seen.fleets.iter().map(|fleet| fleet.id).collect();
        let own = |fleet: u64| fleets.contains(&fleet);
        seen.services.retain(|service| own(service.fleet));
        seen.releases.retain(|release| own(release.fleet));
        seen.images.retain(|image| own(self.service(image.service).fleet));
        seen.release_images.retain(|row| own(self.release(row.release).fleet));
        let in_own =
            |row: &Named| own(self.release(self.release_image(row.release_image).release).fleet);
        seen.labels.retain(in_own);
        seen.variables.retain(in_own);
        seen.devices.retain(|device| own(device.fleet));
        seen.config_variables.retain(|variable| own(variable.fleet));
        seen.environment_variables.retain(|variable| own(variable.fleet));
        seen.deltas.retain(|delta| own(self.service(self.image(delta.dest).service).fleet));
        seen
    }
}

/// The ID after all those.
pub(super) fn next(ids: impl Iterator<Item = u64>) -> u64 {
    ids.max().unwrap_or(0) + 1
}
