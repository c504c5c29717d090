//! The tar that `docker save` writes and `docker load` reads (Docker image spec v1.2, "Combined Image
//! JSON + Filesystem Changeset Format").

mod index;
mod write;

use std::io::Read;
use std::sync::Arc;

pub use index::DockerArchiveError;
use index::{ArchiveIndex, LIST, ListedImage};
#[cfg(feature = "registry")]
pub(super) use write::fill;
pub(super) use write::{repo_tags, write};

use super::archive_file::{Archive, Spool};
use super::mismatch::Mismatch;
use super::stored_layer::LayerSource;
use super::tar_index::{Extent, TarIndexError};
use super::{ArchiveFile, ArchivedImage, Descriptor, Image, ImageError, ImageReference};

/// Opens the image that is meant, or the only one. What comes through a pipe or is compressed as a
/// whole is spooled.
pub(super) fn open(
    reference: &ImageReference,
    file: &ArchiveFile,
    image: Option<&ArchivedImage>,
    spool: &Spool,
) -> Result<Image, ImageError> {
    open_entry(reference, file, spool, |index| index.find(image))
}

/// Opens the image that is meant if it is all the archive holds.
pub(super) fn open_alone(
    reference: &ImageReference,
    file: &ArchiveFile,
    image: Option<&ArchivedImage>,
    spool: &Spool,
) -> Result<Image, ImageError> {
    open_entry(reference, file, spool, |index| index.find_alone(image))
}

fn open_entry(
    reference: &ImageReference,
    file: &ArchiveFile,
    spool: &Spool,
    choose: impl FnOnce(&ArchiveIndex) -> Option<&ListedImage>,
) -> Result<Image, ImageError> {
    open_chosen(reference, Archive::open(file, &reference.to_string(), spool)?, choose)
}

/// Opens the only image of an archive.
#[cfg(feature = "registry")]
pub(super) fn open_only(reference: &ImageReference, archive: Archive) -> Result<Image, ImageError> {
    open_chosen(reference, archive, |index| index.find(None))
}

fn open_chosen(
    reference: &ImageReference,
    archive: Archive,
    choose: impl FnOnce(&ArchiveIndex) -> Option<&ListedImage>,
) -> Result<Image, ImageError> {
    let place = reference.to_string();
    let wrong = |error| read_error(&place, error);
    let mut contents = archive.file.as_ref();
    let index = ArchiveIndex::read(&mut contents, &archive.index).map_err(wrong)?;
    let unnamed = matches!(reference, ImageReference::DockerArchive { image: None, .. });
    let entry = choose(&index).ok_or_else(|| match unnamed && index.entries.len() > 1 {
        true => ImageError::Ambiguous { reference: place.clone(), names: index.names() },
        false => ImageError::NotFound { reference: place.clone(), names: index.names() },
    })?;
    let config = entry.config(&mut contents, &archive.index).map_err(wrong)?;
    let extents = entry.layers(&archive.index).map_err(wrong)?;
    let layers = Arc::new(ArchivedLayers { archive, extents });
    Ok(Image::known(reference.clone(), None, config, layers))
}

fn read_error(reference: &str, error: DockerArchiveError) -> ImageError {
    match error {
        DockerArchiveError::Tar(TarIndexError::Io(source)) => {
            ImageError::Stream { doing: format!("read {reference}"), source }
        }
        DockerArchiveError::Missing(name) if name == LIST => {
            let mismatch = Mismatch::NoDockerArchive;
            ImageError::OtherKind { reference: reference.to_owned(), mismatch }
        }
        error => {
            ImageError::Malformed { reference: reference.to_owned(), reason: error.to_string() }
        }
    }
}

struct ArchivedLayers {
    archive: Archive,
    extents: Vec<Extent>,
}

impl LayerSource for ArchivedLayers {
    fn count(&self) -> usize {
        self.extents.len()
    }

    fn descriptor(&self, _index: usize) -> Option<&Descriptor> {
        None
    }

    fn stored_size(&self, index: usize) -> u64 {
        self.extents[index].len
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send>, ImageError> {
        Ok(Box::new(self.archive.reader(self.extents[index])))
    }
}
