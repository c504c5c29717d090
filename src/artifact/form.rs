//! What the two dialects call the parts of their artifacts.

use super::ArtifactError;
use crate::dialect::Dialect;
use crate::image::{Image, Manifest, media_type};

/// Value of the annotation that says what a blob is: the target's manifest.
pub(super) const MANIFEST: &str = "image-manifest";
/// The same: the target's config.
pub(super) const CONFIG: &str = "image-config";
/// The same: what makes a layer.
pub(super) const LAYER: &str = "image-layer";

/// The same: the manifest of a signature of the target's manifest.
pub(super) const SIGNATURE: &str = "cosign-signature";
/// The same: a blob that such a manifest names.
pub(super) const SIGNATURE_CONTENT: &str = "cosign-signature-content";

/// The words of a dialect.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) dialect: Dialect,
    /// Annotation of a blob: what it is.
    pub(super) content: &'static str,
    /// Annotation of a layer's blob: which layer it makes.
    pub(super) to: &'static str,
    /// The media type of a layer delta.
    pub(super) layer_delta: &'static str,
}

/// Remora's own dialect, which names layers by their diff IDs.
const REMORA: Form = Form {
    dialect: Dialect::Remora,
    content: "vnd.remora.delta.content",
    to: "vnd.remora.delta.to",
    layer_delta: "application/vnd.remora.layer-delta.v1",
};

/// oci-delta, which names layers by the digests of their blobs.
const OCI_DELTA: Form = Form {
    dialect: Dialect::OciDelta,
    content: "io.github.containers.delta.content",
    to: "io.github.containers.delta.to",
    layer_delta: "application/vnd.tar-diff",
};

impl Form {
    /// Returns the words of `dialect`; `None` if its deltas are no artifacts.
    pub(super) fn of(dialect: Dialect) -> Option<&'static Form> {
        [&REMORA, &OCI_DELTA].into_iter().find(|form| form.dialect == dialect)
    }

    /// Returns the words of the dialect that `artifact` is a delta of.
    pub(super) fn of_artifact(artifact: &Image) -> Result<&'static Form, ArtifactError> {
        let found = artifact.artifact_type();
        let form =
            [&REMORA, &OCI_DELTA].into_iter().find(|form| found == Some(form.dialect.media_type()));
        form.ok_or_else(|| ArtifactError::NotADelta { reference: artifact.reference().to_string() })
    }

    /// Returns what the annotation of a layer's blob has to say for each layer of `target`; `None` if layers have no such
    /// names.
    pub(super) fn layer_names(&self, target: &Image) -> Option<Vec<String>> {
        let config = target.config();
        self.names(config.diff_ids().iter().map(ToString::to_string).collect(), target.manifest())
    }

    /// The same of the image that has layers of `diff_ids` and the manifest `manifest`.
    pub(super) fn names(
        &self,
        diff_ids: Vec<String>,
        manifest: Option<&Manifest>,
    ) -> Option<Vec<String>> {
        match self.dialect {
            Dialect::OciDelta => {
                let layers = manifest?.layers().iter();
                Some(layers.map(|layer| layer.digest.to_string()).collect())
            }
            _ => Some(diff_ids),
        }
    }

    /// Returns what the dialect calls a layer's own blob, whose media type is `media_type`, or `None` if not all of its
    /// readers take such blobs.
    pub(super) fn whole_layer(&self, media_type: &str) -> Option<&'static str> {
        match media_type {
            media_type::OCI_LAYER_GZIP | media_type::DOCKER_LAYER_GZIP => {
                Some(media_type::OCI_LAYER_GZIP)
            }
            media_type::OCI_LAYER_ZSTD if self.dialect == Dialect::Remora => {
                Some(media_type::OCI_LAYER_ZSTD)
            }
            _ => None,
        }
    }
}
