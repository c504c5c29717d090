//! What was asked for, opened: an image, or a delta that makes one.

use super::FetchError;
use crate::apply::LayerDeltas;
use crate::image::{
    Image, ImageConfig, ImageId, ImageReference, Platform, Transports, WholeArtifact,
};
use crate::progress::Progress;
use crate::trust::{Brought, Subject};

/// The target as it was named.
#[derive(Debug)]
pub(super) enum Opened {
    /// An image, with blobs of its own.
    Image(Box<Image>),
    /// A delta: the image that it makes is not to be had otherwise.
    Delta(Box<LayerDeltas>),
}

impl Opened {
    pub(super) fn open(
        reference: &ImageReference,
        transports: &Transports,
        platform: &Platform,
        progress: &dyn Progress,
    ) -> Result<Self, FetchError> {
        let image = transports.open_any(reference, platform, progress)?;
        match LayerDeltas::of(image.clone(), progress) {
            Err(error) if error.is_no_delta() => {
                image.refuse_artifact()?;
                Ok(Opened::Image(Box::new(image)))
            }
            Err(error) => Err(error.into()),
            Ok(delta) => Ok(Opened::Delta(Box::new(delta))),
        }
    }

    /// The config of the image that is to be had in the end.
    pub(super) fn config(&self) -> &ImageConfig {
        match self {
            Opened::Image(image) => image.config(),
            Opened::Delta(delta) => delta.target(),
        }
    }

    /// The image's ID.
    pub(super) fn id(&self) -> ImageId {
        self.config().id()
    }

    /// What signatures are about: the image, or the delta that was named in its place. A delta holds the digest of the
    /// image that it makes.
    pub(super) fn subject(&self) -> Subject {
        let opened = match self {
            Opened::Image(image) => image,
            Opened::Delta(delta) => delta.image(),
        };
        let manifest = opened.manifest().map_or(opened.id().0, |manifest| manifest.digest());
        Subject { named: opened.named_digest().unwrap_or(manifest), manifest }
    }

    /// The signatures that a delta which was named brings along.
    pub(super) fn signatures(
        &self,
        progress: &dyn Progress,
    ) -> Result<Vec<WholeArtifact>, FetchError> {
        match self {
            Opened::Image(_) => Ok(Vec::new()),
            Opened::Delta(delta) => Ok(delta.signatures(progress)?),
        }
    }

    /// These `signatures` of the manifest that the delta brings, for an image called `name`.
    pub(super) fn brought<'a>(
        &self,
        signatures: &'a [WholeArtifact],
        name: Option<&'a ImageReference>,
    ) -> Option<Brought<'a>> {
        let Opened::Delta(delta) = self else { return None };
        let manifest = delta.target_manifest()?.digest();
        (!signatures.is_empty()).then_some(Brought { manifest, signatures, name })
    }

    /// The image, if it was named itself.
    pub(super) fn image(&self) -> Option<&Image> {
        match self {
            Opened::Image(image) => Some(image),
            Opened::Delta(_) => None,
        }
    }
}
