//! The blobs of an artifact by what they are.

use std::io::Read as _;

use super::ArtifactError;
use super::form::Form;
use crate::image::{Descriptor, Image, ImageError, Manifest};
use crate::progress::{Progress, Stoppable};

/// The blobs of `artifact` that are `content`, with their numbers.
pub(super) fn blobs_that_are<'a>(
    artifact: &'a Image,
    form: &Form,
    content: &str,
) -> impl Iterator<Item = (usize, &'a Descriptor)> {
    let blobs = artifact.manifest().map_or(&[][..], Manifest::layers).iter().enumerate();
    blobs.filter(move |(_, blob)| blob.annotation(form.content) == Some(content))
}

/// Reads blob number `number` of `artifact`, whose size has been looked at.
pub(super) fn read_blob(
    artifact: &Image,
    number: usize,
    progress: &dyn Progress,
) -> Result<Vec<u8>, ArtifactError> {
    let mut bytes = Vec::new();
    let mut blob = Stoppable::new(artifact.open_layer(number)?, progress);
    blob.read_to_end(&mut bytes).map_err(ImageError::from_read)?;
    Ok(bytes)
}
