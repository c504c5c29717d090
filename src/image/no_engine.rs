//! What stands for engines where the library is built without them.

use super::archive_file::Spool;
use super::{EngineImage, EnginePlace, Image, ImageContents, ImageError, ImageReference};
use crate::progress::Progress;

pub(super) fn open(
    reference: &ImageReference,
    _: &EngineImage,
    _: &EnginePlace,
    _: &Spool,
    _: &dyn Progress,
) -> Result<Image, ImageError> {
    Err(refused(reference))
}

pub(super) fn probe(
    reference: &ImageReference,
    _: &EngineImage,
    _: &EnginePlace,
) -> Result<(), ImageError> {
    Err(refused(reference))
}

pub(super) fn write(
    reference: &ImageReference,
    _: &EngineImage,
    _: &EnginePlace,
    _: &ImageContents,
    _: &dyn Progress,
) -> Result<(), ImageError> {
    Err(refused(reference))
}

fn refused(reference: &ImageReference) -> ImageError {
    ImageError::NoRegistries { reference: reference.to_string() }
}
