//! The two labels that make an image a delta.

use super::V3Error;
use crate::Dialect;
use crate::image::{Image, ImageConfig, ImageError, ImageId, parse_config};

/// The type that an OCI manifest of a delta says it has (OCI image spec, manifest, "artifactType").
pub const ARTIFACT_TYPE: &str = Dialect::V3.media_type();
/// Label that holds the image ID of the base.
pub const BASE_LABEL: &str = "io.resin.delta.base";
/// Label that holds the target's config, byte for byte; its digest is the target's image ID.
pub const TARGET_CONFIG_LABEL: &str = "io.resin.delta.config";

/// The image IDs of the base that `delta` applies to and of the target that it makes, by its labels.
///
/// # Errors
/// If `delta` lacks a label of a delta, holds something else in one, or has more or fewer layers than the
/// image that it makes.
pub fn delta_images(delta: &Image) -> Result<(ImageId, ImageId), V3Error> {
    let labels = DeltaLabels::of(delta)?;
    Ok((labels.base, labels.target.id()))
}

/// What the labels of a delta say.
#[derive(Debug)]
pub(super) struct DeltaLabels {
    /// The image that the delta applies to.
    pub(super) base: ImageId,
    /// The config of the image that it makes.
    pub(super) target: ImageConfig,
}

impl DeltaLabels {
    /// Reads the labels of `delta`, and checks that there is a layer for each of the target's.
    pub(super) fn of(delta: &Image) -> Result<Self, V3Error> {
        let reference = || delta.reference().to_string();
        let label = |name| {
            let labels = delta.config().labels();
            labels.get(name).ok_or(V3Error::NotADelta { reference: reference(), label: name })
        };
        let (base, config) = (label(BASE_LABEL)?, label(TARGET_CONFIG_LABEL)?);
        let base = base.parse().map_err(|_| V3Error::BaseLabel {
            reference: reference(),
            text: base.chars().take(100).collect(),
        })?;
        let target = parse_config(config.as_bytes())
            .map_err(|source| ImageError::Config { reference: reference(), source })?;
        let (layers, target_layers) = (delta.layer_count(), target.diff_ids().len());
        if layers != target_layers {
            return Err(V3Error::LayerCount { reference: reference(), layers, target_layers });
        }
        Ok(DeltaLabels { base, target })
    }
}
