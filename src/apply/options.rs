//! How a rebuilt image is wrapped up.

use crate::image::ImageReference;
use crate::pack::ManifestKind;

/// How the rebuilt image is to be wrapped up. The image's config, and so its ID, are the target's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// The kind of manifest that the image gets: not the target's own, which has gone with the
    /// compressed layers that it names.
    pub manifest: ManifestKind,
    /// Leave the layers uncompressed.
    pub plain_layers: bool,
    /// Refer to the base's own blobs of layers that the target has too, even if the base is in a
    /// registry: where the image goes they are there, can be mounted, or are fetched once more.
    /// Blobs of a base that is on this machine are kept in any case.
    pub base_blobs: bool,
}

impl ApplyOptions {
    /// Returns the options that are usual at `destination`.
    pub fn for_destination(destination: &ImageReference) -> Self {
        ApplyOptions {
            manifest: ManifestKind::for_destination(destination),
            plain_layers: destination.holds_plain_layers(),
            base_blobs: matches!(destination, ImageReference::Registry(_)),
        }
    }
}
