//! Manifests of the images that are made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::blob::BlobId;
use crate::image::{Descriptor, ImageReference, Manifest, media_type};

/// The kind of manifest that an image gets. Engines read both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ManifestKind {
    /// Docker image manifest, version 2, schema 2.
    #[default]
    Docker,
    /// OCI image manifest. The manifest of a delta names the delta's target as `subject`, if that
    /// has a manifest, so that the referrers API finds it.
    Oci,
}

impl ManifestKind {
    /// Returns the kind that is usual at `destination`: in an OCI layout, where most tools look for OCI
    /// manifests only, that, and elsewhere Docker's, which every engine and registry takes.
    pub fn for_destination(destination: &ImageReference) -> Self {
        match destination {
            ImageReference::OciLayout { .. } | ImageReference::OciArchive { .. } => {
                ManifestKind::Oci
            }
            ImageReference::Registry(_)
            | ImageReference::DockerArchive { .. }
            | ImageReference::DockerDaemon(_) => ManifestKind::Docker,
        }
    }

    /// The media type of the manifest itself.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            ManifestKind::Docker => media_type::DOCKER_MANIFEST,
            ManifestKind::Oci => media_type::OCI_MANIFEST,
        }
    }

    fn config_type(self) -> &'static str {
        match self {
            ManifestKind::Docker => media_type::DOCKER_CONFIG,
            ManifestKind::Oci => media_type::OCI_CONFIG,
        }
    }

    /// A layer of a manifest of this kind.
    pub(crate) fn layer(self, id: BlobId, gzip: bool) -> Descriptor {
        id.descriptor(self.layer_type(gzip))
    }

    /// A layer that another manifest has, as one of this kind has it. `None` if this kind has no name
    /// for such a layer, or if the layer is not to be copied.
    pub(crate) fn kept_layer(self, layer: &Descriptor) -> Option<Descriptor> {
        let media_type = match layer.media_type.as_str() {
            media_type::DOCKER_LAYER_GZIP | media_type::OCI_LAYER_GZIP => self.layer_type(true),
            media_type::DOCKER_LAYER | media_type::OCI_LAYER => self.layer_type(false),
            media_type::OCI_LAYER_ZSTD if self == ManifestKind::Oci => media_type::OCI_LAYER_ZSTD,
            _ => return None,
        };
        let annotations = layer.annotations.clone().filter(|_| self == ManifestKind::Oci);
        layer.urls.is_empty().then(|| Descriptor {
            media_type: media_type.to_owned(),
            annotations,
            ..layer.clone()
        })
    }

    fn layer_type(self, gzip: bool) -> &'static str {
        match (self, gzip) {
            (ManifestKind::Docker, true) => media_type::DOCKER_LAYER_GZIP,
            (ManifestKind::Docker, false) => media_type::DOCKER_LAYER,
            (ManifestKind::Oci, true) => media_type::OCI_LAYER_GZIP,
            (ManifestKind::Oci, false) => media_type::OCI_LAYER,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'static str>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<&'static str, String>>,
}

/// What an artifact about an image says of itself, in a manifest that has room for it.
pub(crate) struct About<'a> {
    /// The type of the artifact.
    pub(crate) artifact_type: &'static str,
    /// The manifest of the image that it is about.
    pub(crate) subject: Option<&'a Manifest>,
    /// What lists of referrers show beside.
    pub(crate) annotations: BTreeMap<&'static str, String>,
}

/// The manifest of an image of `config` and `layers`.
pub(crate) fn image_manifest(
    kind: ManifestKind,
    config: BlobId,
    layers: Vec<Descriptor>,
) -> Vec<u8> {
    write(&document(kind, config, layers))
}

/// Like [`image_manifest`] of `layers` that are gzip, or else said to be plain tars: no media type exists
/// for others, and engines look at the content. An OCI manifest says what the artifact is `about`.
pub(crate) fn artifact_manifest(
    kind: ManifestKind,
    config: BlobId,
    layers: &[BlobId],
    gzip: bool,
    about: About<'_>,
) -> Vec<u8> {
    let layers = layers.iter().map(|layer| kind.layer(*layer, gzip)).collect();
    let mut document = document(kind, config, layers);
    if kind == ManifestKind::Oci {
        document.artifact_type = Some(about.artifact_type);
        document.subject = about
            .subject
            .map(|manifest| BlobId::of(manifest.bytes()).descriptor(manifest.media_type()));
        document.annotations = Some(about.annotations).filter(|noted| !noted.is_empty());
    }
    write(&document)
}

fn document(kind: ManifestKind, config: BlobId, layers: Vec<Descriptor>) -> Document {
    Document {
        schema_version: 2,
        media_type: kind.media_type(),
        artifact_type: None,
        config: config.descriptor(kind.config_type()),
        layers,
        subject: None,
        annotations: None,
    }
}

fn write(document: &Document) -> Vec<u8> {
    serde_json::to_vec(document).expect("plain data")
}
