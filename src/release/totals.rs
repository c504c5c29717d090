//! Bytes of all services together. Pure.

use std::collections::HashSet;

use super::document::{ServiceUpdate, UpdateInfo};

/// Bytes of all services together; devices download the same image once.
pub(super) fn total(services: &[ServiceUpdate], bytes: impl Fn(&ServiceUpdate) -> u64) -> u64 {
    let mut counted = HashSet::new();
    let mut once = |service: &ServiceUpdate| {
        let image = &service.target.image;
        counted.insert(image.content_hash.clone().unwrap_or_else(|| image.location.clone()))
    };
    services.iter().filter(|service| once(service)).map(bytes).sum()
}

/// Bytes that a service costs without any delta; if the registry could not be read, of the uncompressed image.
pub(super) fn pulled(service: &ServiceUpdate) -> u64 {
    service.pull_size.unwrap_or(service.target.image.image_size)
}

impl UpdateInfo {
    /// Bytes that a device would download without any delta, each image once.
    pub fn pull_total(&self) -> u64 {
        total(&self.services, pulled)
    }
}
