//! The manifest of an artifact.

use std::collections::BTreeMap;

use serde::Serialize;

use super::form::{CONFIG, Form, LAYER, MANIFEST};
use crate::image::{Descriptor, Image, NO_CONFIG, media_type};
use crate::pack::BlobId;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    media_type: &'static str,
    artifact_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    annotations: BTreeMap<&'static str, String>,
}

/// A blob that makes a layer.
pub(super) struct LayerBlob {
    pub(super) id: BlobId,
    pub(super) media_type: &'static str,
    /// The name of the layer.
    pub(super) to: String,
}

/// Returns the manifest of the delta from `base` to `target` whose layers are made by `layers`. Its blobs are the target's
/// manifest, if there is one, the target's config, `layers` and then `signatures`.
pub(super) fn manifest(
    form: &Form,
    base: &Image,
    target: &Image,
    layers: &[LayerBlob],
    signatures: impl Iterator<Item = Descriptor>,
) -> Vec<u8> {
    let noted = |id: BlobId, media_type: &str, notes: &[(&str, &str)]| {
        let note = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Descriptor {
            annotations: Some(notes.iter().map(note).collect()),
            ..id.descriptor(media_type)
        }
    };
    let mut blobs = Vec::new();
    if let Some(manifest) = target.manifest() {
        let id = BlobId::of(manifest.bytes());
        blobs.push(noted(id, media_type::OCI_MANIFEST, &[(form.content, MANIFEST)]));
    }
    let config = BlobId::of(target.config().bytes());
    blobs.push(noted(config, media_type::OCI_CONFIG, &[(form.content, CONFIG)]));
    let layer = |blob: &LayerBlob| {
        noted(blob.id, blob.media_type, &[(form.content, LAYER), (form.to, &blob.to)])
    };
    blobs.extend(layers.iter().map(layer));
    blobs.extend(signatures);
    let document = Document {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST,
        artifact_type: form.dialect.media_type(),
        config: BlobId::of(NO_CONFIG).descriptor(media_type::OCI_EMPTY),
        layers: blobs,
        subject: target.manifest().map(|it| BlobId::of(it.bytes()).descriptor(it.media_type())),
        annotations: [(form.dialect.base_annotation(), base.id().to_string())].into(),
    };
    serde_json::to_vec(&document).expect("plain data")
}
