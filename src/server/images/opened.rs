//! The two images of a pair, opened.

use crate::image::{Image, ImageError, ImageReference, RegistryReference, Transports};
use crate::pack::pull_bytes;
use crate::progress::Progress;
use crate::server::pair::{Pair, PinnedImage};
use crate::server::settings::RegistrySettings;
use crate::{Dialect, v3};

/// Bytes that an encoder takes beside its indexes: compressors, buffers, verification. Measured as the
/// peak of `remora create` on small images, rounded up.
const BUILD_OVERHEAD: u64 = 64 << 20;

/// How many bytes of index an encoder makes of a compressed byte of image at most: layers unpack to
/// about three times their size.
const INDEX_RATIO: u64 = 3;

/// The same for v2, where every name of an image takes memory: a file of a few bytes takes some twenty
/// in a compressed layer, and half a kilobyte here. A build that would take more than it may is refused.
const NAMES_RATIO: u64 = 32;

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
            transports.open_sole(
                &ImageReference::Registry(image),
                settings.platform.as_ref(),
                progress,
            )
        };
        Ok(Opened { base: no_delta(open(&pair.source)?)?, target: no_delta(open(&pair.target)?)? })
    }

    /// About how much memory a delta takes to be made, where an encoder may take `limit`.
    pub(super) fn memory(&self, format: Dialect, limit: u64) -> u64 {
        let stored: u64 = [&self.base, &self.target].into_iter().map(stored_bytes).sum();
        memory(format, stored, limit)
    }

    /// Bytes that a device with the base fetches for the target without a delta.
    pub(super) fn pull_bytes(&self) -> Option<u64> {
        pull_bytes(&self.base, &self.target)
    }
}

/// The same, for images that the registry keeps in `stored` bytes.
fn memory(format: Dialect, stored: u64, limit: u64) -> u64 {
    let ratio = match format {
        Dialect::V3 | Dialect::Remora | Dialect::OciDelta => INDEX_RATIO,
        Dialect::V2 => NAMES_RATIO,
    };
    BUILD_OVERHEAD + limit.min(stored.saturating_mul(ratio))
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

/// Bytes of an image's layers as the registry keeps them.
pub(super) fn stored_bytes(image: &Image) -> u64 {
    (0..image.layer_count()).filter_map(|layer| image.pull_size(layer)).sum()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::v2;

    /// A compressed layer of so many files that say next to nothing.
    fn small_files(count: usize) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for number in 0..count {
            let mut header = tar::Header::new_ustar();
            header.set_size(1);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("f{number}"), &b"x"[..]).expect("vec");
        }
        let bytes = tar.into_inner().expect("vec");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&bytes).and_then(|()| gzip.finish()).expect("vec")
    }

    #[test]
    fn the_names_of_very_many_small_files_are_counted() {
        const FILES: usize = 50_000;
        let stored = 2 * small_files(FILES).len() as u64;
        let needed = v2::names_memory(FILES, FILES);
        for limit in [needed, 4 * needed] {
            let estimate = memory(Dialect::V2, stored, limit);
            assert!(estimate >= BUILD_OVERHEAD + needed, "{estimate} for {stored} and {needed}");
        }
        // More than that is refused.
        let estimate = memory(Dialect::V2, stored, needed / 2);
        assert_eq!(estimate, BUILD_OVERHEAD + needed / 2);
    }
}
