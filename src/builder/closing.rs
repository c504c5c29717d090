//! Releases that a killed builder left open: closed at the next start, or when somebody pushes to the fleet.

use super::journal::OpenRelease;
use super::service::Service;
use crate::release::rows::{BadEnd, ReleaseRows};

/// Closes what was left `open`, if there is a key to do so with. Blocks.
pub(super) fn close_leftovers(service: &Service, open: Vec<OpenRelease>) {
    let Some(key) = &service.settings.installation.api_key else {
        for release in open {
            let OpenRelease { slug, commit, .. } = release;
            tracing::warn!(fleet = slug, commit, "left open; the next push to the fleet closes it");
        }
        return;
    };
    match ReleaseRows::new(&service.installation(key.clone())) {
        Ok(rows) => close(service, &rows, &open),
        Err(error) => tracing::warn!(%error, "releases stay open"),
    }
}

/// Closes what was left open of one fleet, as a user of it. Blocks.
pub(super) fn close_leftovers_of(service: &Service, fleet: u64, rows: &ReleaseRows) {
    let open = service.journal.open_releases().unwrap_or_default();
    let is_left = |open: &OpenRelease| open.fleet == fleet && !service.running.makes(&open.commit);
    let open: Vec<OpenRelease> = open.into_iter().filter(is_left).collect();
    close(service, rows, &open);
}

fn close(service: &Service, rows: &ReleaseRows, open: &[OpenRelease]) {
    for OpenRelease { fleet, slug, commit, started } in open {
        match rows.close_release(*fleet, commit, *started, BadEnd::Failed) {
            Ok(release) => {
                service.journal.end(commit);
                tracing::info!(fleet = slug, commit, release, "closed: the builder was killed");
            }
            Err(error) => tracing::warn!(fleet = slug, commit, %error, "a release stays open"),
        }
    }
}
