//! The two images of a pair, opened.

use crate::image::{Image, ImageError, ImageReference, Platform, RegistryReference, Transports};
use crate::pack::pull_bytes;
use crate::progress::Progress;
use crate::server::pair::{Pair, PinnedImage};
use crate::server::settings::RegistrySettings;
use crate::v3;

/// What an encoder takes beside its indexes: compressors, buffers, verification. Measured as the
/// peak of `remora create` on small images, rounded up.
const BUILD_OVERHEAD: u64 = 64 << 20;

/// How many bytes of index an encoder makes of a compressed byte of image at most: layers unpack to
/// about three times their size.
const INDEX_RATIO: u64 = 3;

/// A pair whose manifests and configs are at hand.
pub(super) struct Opened {
    pub(super) base: Image,
    pub(super) target: Image,
}

impl Opened {
    pub(super) fn open(
        transports: &Transports,
        settings: &RegistrySettings,
        pair: &Pair,
        progress: &dyn Progress,
    ) -> Result<Self, ImageError> {
        let open = |image: &PinnedImage| {
            let name = format!("{}@{}", image.repository, image.digest);
            let image = RegistryReference::in_registry(&settings.host, &name)?;
            open_image(transports, settings.platform.as_ref(), &image, progress)
        };
        Ok(Opened { base: no_delta(open(&pair.source)?)?, target: no_delta(open(&pair.target)?)? })
    }

    /// About how much memory a delta takes to be made, where an encoder may take `limit`.
    pub(super) fn memory(&self, limit: u64) -> u64 {
        let stored: u64 = [&self.base, &self.target].into_iter().map(stored_bytes).sum();
        BUILD_OVERHEAD + limit.min(stored.saturating_mul(INDEX_RATIO))
    }

    /// Bytes that a device with the base fetches for the target without a delta.
    pub(super) fn pull_bytes(&self) -> Option<u64> {
        pull_bytes(&self.base, &self.target)
    }
}

/// Refuses an image that is a delta: what a device makes of one is its target, which has a name of its
/// own.
fn no_delta(image: Image) -> Result<Image, ImageError> {
    let labels = image.config().labels();
    if ![v3::BASE_LABEL, v3::TARGET_CONFIG_LABEL].iter().all(|label| labels.contains_key(*label)) {
        return Ok(image);
    }
    let reason = "it is a delta; a delta is made between the images that devices run".to_owned();
    Err(ImageError::Unsuitable { reference: image.reference().to_string(), reason })
}

/// Opens an image; of an index the one for `platform`, or else the only one there is. The platform
/// of this machine says nothing about devices.
pub(super) fn open_image(
    transports: &Transports,
    platform: Option<&Platform>,
    image: &RegistryReference,
    progress: &dyn Progress,
) -> Result<Image, ImageError> {
    let reference = ImageReference::Registry(image.clone());
    if let Some(platform) = platform {
        return transports.open_watched(&reference, platform, progress);
    }
    let nowhere = Platform { os: "any".into(), architecture: "any".into(), variant: None };
    match transports.open_watched(&reference, &nowhere, progress) {
        Err(ImageError::MissingPlatform { available, .. }) if available.len() == 1 => {
            transports.open_watched(&reference, &available[0], progress)
        }
        Err(ImageError::MissingPlatform { reference, available, .. }) => {
            let names: Vec<String> = available.iter().map(ToString::to_string).collect();
            let reason =
                format!("it is for several platforms and none is set: {}", names.join(", "));
            Err(ImageError::Malformed { reference, reason })
        }
        opened => opened,
    }
}

/// Bytes of an image's layers as the registry keeps them.
pub(super) fn stored_bytes(image: &Image) -> u64 {
    (0..image.layer_count()).filter_map(|layer| image.pull_size(layer)).sum()
}
