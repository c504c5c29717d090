//! Which entry of an index is meant. What an entry does not say of its platform, the image's config does.

use super::blob_source::{BlobSource, read_config, read_manifest};
use super::error::ImageError;
use super::limits::{MAX_INDEX_DEPTH, MAX_PLATFORM_LOOKUPS};
use super::manifest::{Descriptor, Index, ManifestDocument};
use super::platform::Platform;
use super::reference::ImageReference;
use crate::Cause;
use crate::progress::Progress;

/// The entry of `index` that serves `platform` best. The only entry is meant whatever it is for, unless it says.
///
/// # Errors
/// [`ImageError::MissingPlatform`] if none serves it; what keeps the place from giving out manifests and
/// configs of entries that say nothing.
pub(super) fn choose(
    reference: &ImageReference,
    source: &dyn BlobSource,
    index: &Index,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Descriptor, ImageError> {
    if let [only] = index.manifests.as_slice()
        && only.platform.is_none()
    {
        return Ok(only.clone());
    }
    let is_exact = |entry: &&Descriptor| {
        entry.platform.as_ref().is_some_and(|offered| platform.rank(offered) == Some(0))
    };
    if let Some(exact) = index.manifests.iter().find(is_exact) {
        return Ok(exact.clone());
    }
    let mut lookup = Lookup::new(reference, source, progress);
    let mut best: Option<(usize, &Descriptor)> = None;
    let mut available = Vec::new();
    for entry in &index.manifests {
        let offered = lookup.platforms(entry, MAX_INDEX_DEPTH)?;
        let rank = offered.iter().filter_map(|offered| platform.rank(offered)).min();
        if let Some(rank) = rank
            && best.is_none_or(|(found, _)| rank < found)
        {
            best = Some((rank, entry));
        }
        available.extend(offered);
    }
    // Build attestations are for `unknown/unknown`.
    available.retain(|platform| platform.os != "unknown");
    best.map(|(_, entry)| entry.clone()).ok_or_else(|| ImageError::MissingPlatform {
        reference: reference.to_string(),
        wanted: platform.clone(),
        available,
    })
}

/// Finds out what entries of an index are for.
pub(super) struct Lookup<'a> {
    reference: &'a ImageReference,
    source: &'a dyn BlobSource,
    progress: &'a dyn Progress,
    /// How many manifests may still be read.
    left: usize,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(
        reference: &'a ImageReference,
        source: &'a dyn BlobSource,
        progress: &'a dyn Progress,
    ) -> Self {
        Lookup { reference, source, progress, left: MAX_PLATFORM_LOOKUPS }
    }

    /// What `entry` is for: what it says, or else the config of its image, or else, up to `depth` levels
    /// down, the entries of its index. Nothing for what is no image, or is not there.
    pub(super) fn platforms(
        &mut self,
        entry: &Descriptor,
        depth: usize,
    ) -> Result<Vec<Platform>, ImageError> {
        if let Some(platform) = &entry.platform {
            return Ok(vec![platform.clone()]);
        }
        match self.look(entry, depth) {
            Err(error) if is_no_image(error.cause()) => Ok(Vec::new()),
            found => found,
        }
    }

    fn look(&mut self, entry: &Descriptor, depth: usize) -> Result<Vec<Platform>, ImageError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(Vec::new()) };
        self.left = left;
        match read_manifest(self.reference, self.source, entry, self.progress)? {
            ManifestDocument::Image(manifest) => {
                let config = read_config(self.reference, self.source, &manifest, self.progress)?;
                Ok(config.platform().into_iter().collect())
            }
            ManifestDocument::Index(_) if depth == 0 => Ok(Vec::new()),
            ManifestDocument::Index(index) => {
                let mut all = Vec::new();
                for entry in &index.manifests {
                    all.extend(self.platforms(entry, depth - 1)?);
                }
                Ok(all)
            }
        }
    }
}

/// Whether a failure says that there is no image, rather than that it can't be looked at.
pub(super) fn is_no_image(cause: Cause) -> bool {
    matches!(cause, Cause::Content | Cause::TooLarge | Cause::MissingBlob | Cause::NoFile)
}
