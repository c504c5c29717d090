//! Images of releases in the registry: their digests, and what a plain pull of them costs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::model::ServiceImage;
use super::{ReleaseError, ReleaseSettings};
use crate::image::{
    Digest, Image, ImageReference, RegistryReference, RepositoryTokens, TransportSettings,
    Transports,
};
use crate::pack::pull_bytes;
use crate::progress::Silent;

/// Images read at the same time: they are small, and mostly waited for.
const AT_ONCE: usize = 12;
/// How often a request is tried: what cannot be read is told by its uncompressed size.
const ATTEMPTS: u32 = 2;

/// The registry, read with the user's own tokens.
pub(super) struct Registry {
    transports: Transports,
    /// By reference; `None` if the image could not be read.
    images: HashMap<String, Option<Image>>,
}

impl Registry {
    pub(super) fn new(
        settings: &ReleaseSettings,
        tokens: &RepositoryTokens,
    ) -> Result<Self, ReleaseError> {
        let transports = TransportSettings::default().changed(|reached| {
            reached.tokens = tokens.clone();
            reached.ca_file = settings.ca_file.clone();
            reached.plain_http = settings.plain_http;
            reached.max_attempts = ATTEMPTS;
        });
        Ok(Registry { transports: Transports::new(transports)?, images: HashMap::new() })
    }

    /// Finds out the digests that the API does not know; those stay unknown that the registry does not know
    /// either, or cannot be asked for.
    pub(super) fn find_digests<'a>(&self, images: impl Iterator<Item = &'a mut ServiceImage>) {
        let mut unknown: Vec<_> = images.filter(|image| image.digest().is_none()).collect();
        let found = side_by_side(&unknown, |image| self.digest(image));
        for (image, found) in unknown.iter_mut().zip(found) {
            image.found = found;
        }
    }

    fn digest(&self, image: &ServiceImage) -> Option<Digest> {
        let place = reference(image)?;
        match self.transports.find(&place) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(image = image.reference(), %error, "the registry cannot be asked");
                None
            }
        }
    }

    /// Reads manifests and configs of these images, as far as they were not read before.
    pub(super) fn read<'a>(&mut self, images: impl Iterator<Item = &'a ServiceImage>) {
        let mut wanted: Vec<&ServiceImage> = images.collect();
        wanted.retain(|image| !self.images.contains_key(&image.reference()));
        wanted.sort_by_key(|image| image.reference());
        wanted.dedup_by_key(|image| image.reference());
        let read = side_by_side(&wanted, |image| self.open(image));
        self.images.extend(wanted.iter().map(|image| image.reference()).zip(read));
    }

    fn open(&self, image: &ServiceImage) -> Option<Image> {
        let place = ImageReference::Registry(reference(image)?);
        match self.transports.open_sole(&place, None, &Silent) {
            Ok(image) => Some(image),
            Err(error) => {
                tracing::warn!(%error, "an image cannot be read");
                None
            }
        }
    }

    /// Bytes that a device with `source` fetches for `target` by a plain pull; `None` if one of the images
    /// was not read.
    pub(super) fn pull_size(
        &self,
        source: Option<&ServiceImage>,
        target: &ServiceImage,
    ) -> Option<u64> {
        let read = |image: &ServiceImage| self.images.get(&image.reference())?.as_ref();
        let target = read(target)?;
        match source {
            Some(source) => pull_bytes(read(source)?, target),
            None => (0..target.layer_count()).map(|layer| target.pull_size(layer)).sum(),
        }
    }
}

/// What `work` makes of each item, in their order: of several at the same time.
fn side_by_side<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(items.len()) {
            // With fewer threads it only takes longer.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The image as the registry is asked for it.
fn reference(image: &ServiceImage) -> Option<RegistryReference> {
    let (host, _) = image.place();
    let reference = image.reference();
    RegistryReference::in_registry(host, reference.strip_prefix(host)?.strip_prefix('/')?).ok()
}
