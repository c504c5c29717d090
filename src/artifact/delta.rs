//! An artifact that has been read: what it applies to, what it makes, and by which blobs.

use super::ArtifactError;
use super::blobs::{blobs_that_are, read_blob};
use super::form::Form;
use super::part::Part;
use super::reader::Reader;
use crate::dialect::Dialect;
use crate::image::{Descriptor, Digest, Image, ImageConfig, ImageId, Manifest};
use crate::progress::Progress;

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
