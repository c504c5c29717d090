//! Changes of rows: the one that Remora asks for, and those that somebody else makes meanwhile.

use super::OpenBalena;
use super::data::Data;
use crate::scripted_server::Reply;

/// How a release stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) is_final: bool,
    pub(crate) raw_version: String,
    /// Whether its fleet runs it.
    pub(crate) is_target: bool,
}

impl OpenBalena {
    pub(crate) fn standing(&self, release: u64) -> Standing {
        let data = &self.lock().data;
        let row = data.release(release);
        let is_target = data.fleet(row.fleet).target == Some(release);
        Standing { is_final: row.is_final(), raw_version: row.raw_version(), is_target }
    }

    /// Somebody else finalises a release.
    pub(crate) fn finalise(&self, release: u64) {
        make_final(&mut self.lock().data, release);
    }

    pub(crate) fn invalidate(&self, release: u64) {
        let data = &mut self.lock().data;
        data.release_mut(release).invalidated = true;
        data.changed(release);
    }

    pub(crate) fn set_status(&self, release: u64, status: &str) {
        let data = &mut self.lock().data;
        status.clone_into(&mut data.release_mut(release).status);
        data.changed(release);
    }

    /// Tags have times of their own: the release's does not move.
    pub(crate) fn tag(&self, release: u64, key: &str) {
        self.lock().data.add_tag(release, key, "");
    }

    /// A device reports another release.
    pub(crate) fn set_running(&self, device: u64, release: Option<u64>) {
        let devices = &mut self.lock().data.devices;
        let found = devices.iter_mut().find(|one| one.id == device);
        found.expect("a device of this API").running = release;
    }
}

/// `PATCH` of `is_final` alone. It says that it succeeded also if the user sees no such release.
pub(super) fn finalise(data: &mut Data, user: Option<&str>, release: u64, is_final: bool) -> Reply {
    let Some(user) = user else { return Reply::status(401) };
    let known = data.visible_to(Some(user));
    let Some(row) = known.releases.iter().find(|row| row.id == release) else {
        return Reply::status(200);
    };
    if row.is_final() && !is_final {
        return Reply::status(400).body("\"Finalized releases cannot be converted to draft.\"");
    }
    if is_final {
        make_final(data, release);
    }
    Reply::status(200)
}

/// A draft gets its version's next revision. The time moves also if it was final already.
pub(super) fn make_final(data: &mut Data, release: u64) {
    let row = data.release(release).clone();
    if !row.is_final() {
        let revision = data.next_revision(row.fleet, &row.semver);
        data.release_mut(release).revision = Some(revision);
    }
    data.changed(release);
}
