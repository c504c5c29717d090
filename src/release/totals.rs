//! Bytes of all services together. Pure.

use std::collections::HashMap;

use super::document::{ServiceUpdate, UpdateInfo};

/// Bytes of all services together; devices download the same image once, if they lack it.
pub(super) fn total(services: &[ServiceUpdate], bytes: impl Fn(&ServiceUpdate) -> u64) -> u64 {
    let mut images: HashMap<&str, u64> = HashMap::new();
    for service in services {
        let image = &service.target.image;
        let known = images.entry(image.digest.as_deref().unwrap_or(&image.location));
        let bytes = bytes(service);
        known.and_modify(|least| *least = bytes.min(*least)).or_insert(bytes);
    }
    images.into_values().sum()
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
