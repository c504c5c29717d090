//! Reading an artifact.

use serde::Deserialize;

use super::ArtifactError;
use super::blobs::{blobs_that_are, read_blob};
use super::form::{CONFIG, Form, LAYER, MANIFEST};
use super::part::Part;
use crate::image::{
    Descriptor, Digest, Image, ImageConfig, ImageError, ImageId, Manifest, ManifestDocument,
    media_type, parse_config, parse_manifest,
};
use crate::progress::Progress;

/// A manifest or config in an artifact has at most so many bytes: no image has one that is larger and can be opened.
const MAX_PART_BYTES: u64 = 8 << 20;
/// Layers that registries were not to hand on (OCI image spec 1.0): generators of oci-delta may say so of a layer's own blob.
const NONDISTRIBUTABLE: [&str; 3] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
];
/// So many characters of what an artifact says are shown.
const SHOWN: usize = 100;

/// What a manifest refers to.
#[derive(Deserialize)]
struct Referring {
    subject: Option<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: Digest,
}

/// An artifact that is being read.
pub(super) struct Reader<'a> {
    pub(super) artifact: &'a Image,
    pub(super) form: &'static Form,
    pub(super) progress: &'a dyn Progress,
}

impl Reader<'_> {
    pub(super) fn malformed(&self, problem: impl Into<String>) -> ArtifactError {
        let (reference, problem) = (self.artifact.reference().to_string(), problem.into());
        ArtifactError::Malformed { reference, problem }
    }

    pub(super) fn base(&self) -> Result<ImageId, ArtifactError> {
        let key = self.form.dialect.base_annotation();
        let annotations = self.artifact.manifest().map(Manifest::annotations);
        let text = annotations.and_then(|annotations| annotations.get(key));
        let text = text.ok_or_else(|| self.malformed(format!("it has no annotation {key}")))?;
        text.parse().map_err(|_| {
            let shown: String = text.chars().take(SHOWN).collect();
            self.malformed(format!("its annotation {key} holds {shown:?}, not an image ID"))
        })
    }

    /// The bytes of the one blob that is `content`; `None` if there is none.
    fn part(&self, content: &str) -> Result<Option<Vec<u8>>, ArtifactError> {
        let mut found = blobs_that_are(self.artifact, self.form, content);
        let Some((number, blob)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(self.malformed(format!("it has more than one {content}")));
        }
        if blob.size > MAX_PART_BYTES {
            return Err(self.malformed(format!("its {content} has {} bytes", blob.size)));
        }
        Ok(Some(read_blob(self.artifact, number, self.progress)?))
    }

    pub(super) fn config(&self) -> Result<ImageConfig, ArtifactError> {
        let bytes = self.part(CONFIG)?;
        let bytes = bytes.ok_or_else(|| self.malformed("it lacks the target's config"))?;
        let reference = self.artifact.reference().to_string();
        Ok(parse_config(&bytes).map_err(|source| ImageError::Config { reference, source })?)
    }

    /// The digest of the manifest that the artifact refers to, if it does.
    fn subject(&self) -> Result<Option<Digest>, ArtifactError> {
        let bytes = self.artifact.manifest().map_or(&b"{}"[..], Manifest::bytes);
        match serde_json::from_slice(bytes) {
            Ok(Referring { subject }) => Ok(subject.map(|subject| subject.digest)),
            Err(_) => Err(self.malformed("its subject is no descriptor")),
        }
    }

    /// The target's manifest, which has to be of the image of `config`.
    pub(super) fn manifest(&self, config: &ImageConfig) -> Result<Option<Manifest>, ArtifactError> {
        let Some(bytes) = self.part(MANIFEST)? else { return Ok(None) };
        let reference = || self.artifact.reference().to_string();
        let parsed = parse_manifest(&bytes, Some(media_type::OCI_MANIFEST))
            .map_err(|source| ImageError::Manifest { reference: reference(), source })?;
        let ManifestDocument::Image(manifest) = parsed else {
            return Err(self.malformed("the target's manifest in it is an index"));
        };
        if manifest.config().digest != config.id().0 {
            return Err(self.malformed("the target's manifest in it names another config"));
        }
        if manifest.layers().len() != config.diff_ids().len() {
            return Err(self.malformed("the target's manifest and config differ in their layers"));
        }
        if self.subject()?.is_some_and(|subject| subject != manifest.digest()) {
            return Err(
                self.malformed("the target's manifest in it is not the one that it refers to")
            );
        }
        Ok(Some(*manifest))
    }

    /// How each layer of the target, which are called `names`, is had, and by which blob.
    pub(super) fn layers(
        &self,
        names: &[String],
    ) -> Result<(Vec<Part>, Vec<Option<usize>>), ArtifactError> {
        let (mut parts, mut blobs) = (vec![Part::Kept; names.len()], vec![None; names.len()]);
        for (number, blob) in blobs_that_are(self.artifact, self.form, LAYER) {
            let part = self.part_of(blob)?;
            let to = blob.annotation(self.form.to).unwrap_or_default();
            let mut is_wanted = false;
            for index in (0..names.len()).filter(|&index| names[index] == to) {
                (parts[index], blobs[index], is_wanted) = (part, Some(number), true);
            }
            if !is_wanted {
                let shown: String = to.chars().take(SHOWN).collect();
                let problem =
                    format!("it has a blob for the layer {shown:?}, which the target has not");
                return Err(self.malformed(problem));
            }
        }
        Ok((parts, blobs))
    }

    fn part_of(&self, blob: &Descriptor) -> Result<Part, ArtifactError> {
        match blob.media_type.as_str() {
            delta if delta == self.form.layer_delta => Ok(Part::Delta),
            media_type::OCI_LAYER
            | media_type::OCI_LAYER_GZIP
            | media_type::OCI_LAYER_ZSTD
            | media_type::DOCKER_LAYER
            | media_type::DOCKER_LAYER_GZIP => Ok(Part::Whole),
            other if NONDISTRIBUTABLE.contains(&other) => Ok(Part::Whole),
            other => {
                let shown: String = other.chars().take(SHOWN).collect();
                Err(self.malformed(format!("it has a layer of the unknown type {shown:?}")))
            }
        }
    }
}
