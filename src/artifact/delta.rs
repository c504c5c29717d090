//! Reading an artifact: what it applies to, what it makes, and by which blobs.

use std::io::Read as _;

use serde::Deserialize;

use super::ArtifactError;
use super::form::{CONFIG, Form, LAYER, MANIFEST};
use crate::dialect::Dialect;
use crate::image::{
    Descriptor, Digest, Image, ImageConfig, ImageError, ImageId, Manifest, ManifestDocument,
    media_type, parse_config, parse_manifest,
};
use crate::progress::{Progress, Stoppable};

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

/// How a layer of the target is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The base has it.
    Kept,
    /// By a layer delta.
    Delta,
    /// By its own blob.
    Whole,
}

/// A delta that has been read, but for the blobs of layers.
#[derive(Debug)]
pub struct ArtifactDelta {
    /// As it was opened, for the blobs that make no layer.
    artifact: Box<Image>,
    pub(super) form: &'static Form,
    base: ImageId,
    manifest: Option<Manifest>,
    /// For each layer of the target the blob that makes it; its config is the target's.
    image: Image,
    pub(super) parts: Vec<Part>,
}

impl ArtifactDelta {
    /// Reads what `artifact` says.
    ///
    /// # Errors
    /// [`ArtifactError::NotADelta`] if it is something else, [`ArtifactError::Malformed`] if it contradicts itself; also if
    /// it cannot be read, or `progress` stops the work.
    pub fn of(artifact: &Image, progress: &dyn Progress) -> Result<Self, ArtifactError> {
        let form = Form::of_artifact(artifact)?;
        let reader = Reader { artifact, form, progress };
        let base = reader.base()?;
        let config = reader.config()?;
        let manifest = reader.manifest(&config)?;
        let diff_ids = config.diff_ids().iter().map(ToString::to_string).collect();
        let names = form.names(diff_ids, manifest.as_ref());
        let names = names.ok_or_else(|| reader.malformed("it lacks the target's manifest"))?;
        let (parts, blobs) = reader.layers(&names)?;
        let image = artifact.selected(config, blobs);
        let artifact = Box::new(artifact.clone());
        Ok(ArtifactDelta { artifact, form, base, manifest, image, parts })
    }

    /// Which dialect it is of.
    pub fn dialect(&self) -> Dialect {
        self.form.dialect
    }

    /// The image that it applies to.
    pub fn base(&self) -> ImageId {
        self.base
    }

    /// The config of the image that it makes.
    pub fn target(&self) -> &ImageConfig {
        self.image.config()
    }

    /// The manifest of the image that it makes, as the registry had it, if that is in there.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The layers of the target, each as the blob that makes it, under the artifact's reference and manifest.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The digest of the artifact's manifest.
    pub fn digest(&self) -> Digest {
        self.image.manifest().map_or(self.image.id().0, Manifest::digest)
    }

    /// Whether it takes bytes from the files of the base, and not from its tars.
    pub(crate) fn needs_tree(&self) -> bool {
        self.form.dialect == Dialect::OciDelta
    }

    /// Whether layer number `index` comes by its own blob.
    pub(crate) fn is_whole(&self, index: usize) -> bool {
        self.parts[index] == Part::Whole
    }

    /// The blobs that are `content`, with their numbers.
    pub(super) fn blobs_that_are(
        &self,
        content: &str,
    ) -> impl Iterator<Item = (usize, &Descriptor)> {
        blobs_that_are(&self.artifact, self.form, content)
    }

    /// Reads blob number `number` into memory.
    pub(super) fn read_blob(
        &self,
        number: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<u8>, ArtifactError> {
        read_blob(&self.artifact, number, progress)
    }

    /// Says that the artifact contradicts itself.
    pub(super) fn malformed(&self, problem: String) -> ArtifactError {
        ArtifactError::Malformed { reference: self.artifact.reference().to_string(), problem }
    }

    /// Whether layer number `index` is left to the base.
    pub(crate) fn keeps(&self, index: usize) -> bool {
        self.parts[index] == Part::Kept
    }
}

/// The blobs of `artifact` that are `content`, with their numbers.
fn blobs_that_are<'a>(
    artifact: &'a Image,
    form: &Form,
    content: &str,
) -> impl Iterator<Item = (usize, &'a Descriptor)> {
    let blobs = artifact.manifest().map_or(&[][..], Manifest::layers).iter().enumerate();
    blobs.filter(move |(_, blob)| blob.annotation(form.content) == Some(content))
}

/// Reads blob number `number` of `artifact`, whose size has been looked at.
fn read_blob(
    artifact: &Image,
    number: usize,
    progress: &dyn Progress,
) -> Result<Vec<u8>, ArtifactError> {
    let mut bytes = Vec::new();
    let mut blob = Stoppable::new(artifact.open_layer(number)?, progress);
    blob.read_to_end(&mut bytes).map_err(ImageError::from_read)?;
    Ok(bytes)
}

/// An artifact that is being read.
struct Reader<'a> {
    artifact: &'a Image,
    form: &'static Form,
    progress: &'a dyn Progress,
}

impl Reader<'_> {
    fn malformed(&self, problem: impl Into<String>) -> ArtifactError {
        let (reference, problem) = (self.artifact.reference().to_string(), problem.into());
        ArtifactError::Malformed { reference, problem }
    }

    fn base(&self) -> Result<ImageId, ArtifactError> {
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

    fn config(&self) -> Result<ImageConfig, ArtifactError> {
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
    fn manifest(&self, config: &ImageConfig) -> Result<Option<Manifest>, ArtifactError> {
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
    fn layers(&self, names: &[String]) -> Result<(Vec<Part>, Vec<Option<usize>>), ArtifactError> {
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
