//! What a layer on its way in may unpack to.

use crate::image::{Excess, ImageBudget, UnpackLimits};

/// What one layer may unpack to.
pub(super) struct Bounds<'a> {
    limits: UnpackLimits,
    /// Bytes of the blob, where there is one.
    stored: Option<u64>,
    image: Option<&'a ImageBudget>,
}

impl<'a> Bounds<'a> {
    pub(super) fn of_layer(limits: UnpackLimits, stored: u64, image: &'a ImageBudget) -> Self {
        Bounds { limits, stored: Some(stored), image: Some(image) }
    }

    /// The same where nothing is known of the image.
    pub(super) fn of_blob(limits: UnpackLimits, stored: u64) -> Self {
        Bounds { limits, stored: Some(stored), image: None }
    }

    /// The bounds of a layer that is made, in an image that may unpack to what is `image`'s.
    #[cfg(feature = "registry")]
    pub(super) fn of_made(limits: UnpackLimits, image: &'a ImageBudget) -> Self {
        Bounds { limits, stored: None, image: Some(image) }
    }

    pub(super) fn of_any(limits: UnpackLimits) -> Self {
        Bounds { limits, stored: None, image: None }
    }

    /// Checks that the layer may have `total` bytes, of which `more` are new.
    pub(super) fn check(&self, total: u64, more: u64) -> Result<(), Excess> {
        if total > self.limits.layer_bytes {
            return Err(Excess::Layer(self.limits.layer_bytes));
        }
        self.stored.map_or(Ok(()), |stored| self.limits.check_ratio(stored, total))?;
        self.image.map_or(Ok(()), |image| image.take(more))
    }
}
