//! What images may unpack to: a few kilobytes can claim to be terabytes.

use std::sync::atomic::{AtomicU64, Ordering};

/// How much images may take when they are unpacked. An image that exceeds a limit is refused: the
/// same image never passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnpackLimits {
    /// Bytes of one uncompressed layer. 16 GiB unless told otherwise: larger ones are hardly ever
    /// pushed, because engines can't resume a pull within a layer.
    pub layer_bytes: u64,
    /// Bytes of all uncompressed layers of an image together; a layer that occurs twice counts twice.
    /// 64 GiB unless told otherwise, more than the largest images with models and drivers in them.
    pub image_bytes: u64,
    /// How many bytes a stored byte may unpack to, beyond the first 64 MiB. 1,100 unless told
    /// otherwise: gzip can't exceed 1,032 (RFC 1951: 258 bytes from two bits), while zstd, xz and bzip2
    /// can do a thousand times more with nothing but zeros.
    pub ratio: u64,
    /// Bytes of an archive that is kept in a temporary file, because it comes through a pipe or is
    /// compressed as a whole. 64 GiB unless told otherwise, as for an image.
    pub archive_bytes: u64,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        UnpackLimits {
            layer_bytes: 16 << 30,
            image_bytes: 64 << 30,
            ratio: 1_100,
            archive_bytes: 64 << 30,
        }
    }
}

/// Bytes that may unpack from any number of bytes. Files of a few megabytes of zeros are common, and
/// so much does no harm.
const ANY_RATIO_BYTES: u64 = 64 << 20;

/// The limit that something exceeds when it is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Excess {
    /// [`UnpackLimits::layer_bytes`].
    #[error("more than {0} bytes, the limit for a layer")]
    Layer(u64),
    /// [`UnpackLimits::image_bytes`].
    #[error("more than {0} bytes, the limit for all layers of an image together")]
    Image(u64),
    /// [`UnpackLimits::archive_bytes`].
    #[error("more than {0} bytes, the limit for an archive")]
    Archive(u64),
    /// [`UnpackLimits::ratio`].
    #[error("more than {ratio} times its {stored} bytes, the limit for how much data may expand")]
    Ratio {
        /// The bytes before they were unpacked.
        stored: u64,
        /// The limit.
        ratio: u64,
    },
}

impl UnpackLimits {
    /// Checks that `stored` bytes may unpack to `unpacked`.
    pub(crate) fn check_ratio(&self, stored: u64, unpacked: u64) -> Result<(), Excess> {
        let most = self.ratio.saturating_mul(stored).saturating_add(ANY_RATIO_BYTES);
        match unpacked > most {
            true => Err(Excess::Ratio { stored, ratio: self.ratio }),
            false => Ok(()),
        }
    }

    /// Checks that an image of `stored` bytes may unpack to `unpacked`.
    pub(crate) fn check_image(&self, stored: u64, unpacked: u64) -> Result<(), Excess> {
        if unpacked > self.image_bytes {
            return Err(Excess::Image(self.image_bytes));
        }
        self.check_ratio(stored, unpacked)
    }
}

/// What the layers of one image may still unpack to. Several threads may unpack at once.
#[derive(Debug)]
pub(crate) struct ImageBudget {
    limits: UnpackLimits,
    stored: u64,
    unpacked: AtomicU64,
}

impl ImageBudget {
    /// For an image that is unpacked from `stored` bytes.
    pub(crate) fn new(limits: UnpackLimits, stored: u64) -> Self {
        ImageBudget { limits, stored, unpacked: AtomicU64::new(0) }
    }

    /// Takes `bytes` more.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), Excess> {
        let before = self.unpacked.fetch_add(bytes, Ordering::Relaxed);
        self.limits.check_image(self.stored, before.saturating_add(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_holds_and_is_named() {
        let limits = UnpackLimits { image_bytes: 200 << 20, ratio: 10, ..UnpackLimits::default() };
        let most = ANY_RATIO_BYTES + 10 * 1000;
        assert_eq!(limits.check_image(1000, most), Ok(()));
        assert_eq!(
            limits.check_image(1000, most + 1),
            Err(Excess::Ratio { stored: 1000, ratio: 10 })
        );
        assert_eq!(limits.check_image(u64::MAX, 200 << 20), Ok(()));
        assert_eq!(limits.check_image(u64::MAX, (200 << 20) + 1), Err(Excess::Image(200 << 20)));
    }

    #[test]
    fn layers_of_one_image_share_its_budget() {
        let limits = UnpackLimits { image_bytes: 100, ..UnpackLimits::default() };
        let budget = ImageBudget::new(limits, 100);
        assert_eq!(budget.take(60), Ok(()));
        assert_eq!(budget.take(40), Ok(()));
        assert_eq!(budget.take(1), Err(Excess::Image(100)));
        assert_eq!(budget.take(u64::MAX), Err(Excess::Image(100)));
    }

    #[test]
    fn whatever_gzip_can_make_is_within_the_usual_ratio() {
        assert!(UnpackLimits::default().ratio > 1032);
    }
}
