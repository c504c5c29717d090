//! What an artifact is made of, without its base.

use std::collections::BTreeMap;
use std::io::{self, Read};

use rayon::prelude::*;
use serde::Serialize;

use super::part::Part;
use super::rebuild::read_index;
use super::{ArtifactDelta, ArtifactError, LayerDeltaError};
use crate::chunked::StreamKind;
use crate::dialect::Dialect;
use crate::image::{DiffId, Digest, ImageId, UnpackLimits};
use crate::progress::{Progress, Reported, Stage};

/// What an artifact is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The image that the delta applies to.
    pub base_id: ImageId,
    /// The image that it makes.
    pub target_id: ImageId,
    /// The digest of the delta's manifest.
    pub delta_digest: Digest,
    /// The digest of the target's manifest; `None` if that is not in there.
    pub target_digest: Option<Digest>,
    /// Bytes of all blobs that make layers.
    pub delta_bytes: u64,
    /// The target's layers, bottom first.
    pub layers: Vec<InspectedLayer>,
}

/// How a layer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LayerForm {
    /// The base has it.
    Kept,
    /// By a layer delta.
    Delta,
    /// By its own blob.
    Whole,
}

/// A layer of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InspectedLayer {
    /// The layer.
    pub diff_id: DiffId,
    /// How it comes.
    pub form: LayerForm,
    /// Bytes of its blob; 0 of a layer that the base has.
    pub delta_bytes: u64,
    /// The length of the layer in bytes, if the blob says so.
    pub size: Option<u64>,
    /// In how many chunks it comes; 0 in other dialects than Remora's own.
    pub chunks: usize,
    /// The streams of all chunks together, by name; none in other dialects than Remora's own.
    pub streams: BTreeMap<&'static str, StreamBytes>,
}

/// Bytes of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StreamBytes {
    /// Before coding.
    pub raw: u64,
    /// As they are in the delta.
    pub coded: u64,
}

/// Says what `delta` is made of. Reads all its blobs and checks their digests.
///
/// # Errors
/// If a blob cannot be read, or would make more than `limits` allow.
pub fn inspect(
    delta: &ArtifactDelta,
    limits: &UnpackLimits,
    progress: &dyn Progress,
) -> Result<Inspection, ArtifactError> {
    let image = delta.image();
    progress.expect(Stage::Fetch, image.stored_bytes());
    let numbers = 0..delta.parts.len();
    let layers: Vec<Result<InspectedLayer, ArtifactError>> = numbers
        .into_par_iter()
        .map(|index| layer(delta, index, limits, progress).map_err(ArtifactError::layer(index)))
        .collect();
    let layers = layers.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Inspection {
        base_id: delta.base(),
        target_id: image.id(),
        delta_digest: delta.digest(),
        target_digest: delta.manifest().map(|manifest| manifest.digest()),
        delta_bytes: layers.iter().map(|layer| layer.delta_bytes).sum(),
        layers,
    })
}

fn layer(
    delta: &ArtifactDelta,
    index: usize,
    limits: &UnpackLimits,
    progress: &dyn Progress,
) -> Result<InspectedLayer, LayerDeltaError> {
    let image = delta.image();
    let form = match delta.parts[index] {
        Part::Kept => LayerForm::Kept,
        Part::Delta => LayerForm::Delta,
        Part::Whole => LayerForm::Whole,
    };
    let mut found = InspectedLayer {
        diff_id: image.config().diff_ids()[index],
        form,
        delta_bytes: image.stored_size(index),
        size: None,
        chunks: 0,
        streams: BTreeMap::new(),
    };
    if form == LayerForm::Kept {
        return Ok(found);
    }
    let blob = image.open_layer(index).map_err(|error| LayerDeltaError::Read(Box::new(error)))?;
    let mut blob = Reported::new(blob, Stage::Fetch, progress);
    if form == LayerForm::Delta && delta.dialect() == Dialect::Remora {
        look_into(&mut blob, limits.layer_bytes, &mut found)?;
    }
    io::copy(&mut blob, &mut io::sink()).map_err(LayerDeltaError::of_read)?;
    Ok(found)
}

/// Notes what the index of a layer delta says.
fn look_into(
    blob: &mut impl Read,
    limit: u64,
    found: &mut InspectedLayer,
) -> Result<(), LayerDeltaError> {
    let index = read_index(blob, limit)?;
    (found.size, found.chunks) = (Some(index.target_len), index.chunks.len());
    for chunk in &index.chunks {
        for kind in StreamKind::ALL {
            let (raw, coded) = chunk.stream(kind);
            let bytes = found.streams.entry(kind.name()).or_default();
            bytes.raw += raw;
            bytes.coded += coded;
        }
    }
    Ok(())
}
