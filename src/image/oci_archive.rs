//! A tar of an OCI image layout, as skopeo and podman write and read it.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use super::archive_file::{Archive, Spool};
use super::archive_output::write_archive;
use super::limits::MAX_MANIFEST_BYTES;
use super::mismatch::Mismatch;
use super::oci_image::BlobSource;
use super::oci_layout::{INDEX, LAYOUT, LAYOUT_MARK, blob_name, index_with, open_layout};
use super::tar_writer::TarWriter;
use super::transfer::CopyError;
use super::{
    ArchiveFile, Blob, Descriptor, Image, ImageError, ImageReference, LayoutName, ManifestError,
    Platform, PlatformImage, oci_layout,
};
use crate::output::Output;
use crate::progress::{Progress, Stage};

/// Opens the image called `name`, or the only one.
pub(super) fn open(
    reference: &ImageReference,
    file: &ArchiveFile,
    name: Option<&LayoutName>,
    platform: &Platform,
    spool: &Spool,
) -> Result<Image, ImageError> {
    let (layout, index) = read_layout(reference, file, spool)?;
    open_layout(reference, Arc::new(layout), &index, name, platform)
}

/// The layout in the archive, and its index.
fn read_layout(
    reference: &ImageReference,
    file: &ArchiveFile,
    spool: &Spool,
) -> Result<(ArchivedLayout, Vec<u8>), ImageError> {
    let place = reference.to_string();
    let archive = Archive::open(file, &place, spool)?;
    let layout = ArchivedLayout { archive, place };
    let index = layout.index_json()?;
    Ok((layout, index))
}

/// Opens the image called `name`, or the only one, for every platform that it has.
pub(super) fn open_all(
    reference: &ImageReference,
    file: &ArchiveFile,
    name: Option<&LayoutName>,
    spool: &Spool,
) -> Result<Vec<PlatformImage>, ImageError> {
    let (layout, index) = read_layout(reference, file, spool)?;
    oci_layout::open_all_in_layout(reference, Arc::new(layout), &index, name)
}

/// Opens, for every platform, the image of exactly the name `tag`, or the one without a name, if the archive
/// holds no other.
pub(super) fn open_alone(
    reference: &ImageReference,
    file: &ArchiveFile,
    tag: Option<&str>,
    spool: &Spool,
) -> Result<Vec<PlatformImage>, ImageError> {
    let (layout, index) = read_layout(reference, file, spool)?;
    oci_layout::open_alone(reference, Arc::new(layout), &index, tag)
}

/// Writes `blobs`, among them the manifest or index that `top` names, which is the archive's only image.
pub(super) fn write(
    output: Output,
    tag: Option<&str>,
    top: Descriptor,
    blobs: &[Blob],
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let index =
        index_with(None, top, tag).map_err(|error| ImageError::contents(error.to_string()))?;
    progress.expect(Stage::Push, blobs.iter().map(|blob| blob.size).sum());
    let done = |bytes| progress.advance(Stage::Push, bytes);
    write_archive(output, blobs, |output| {
        let mut tar = TarWriter::new(output);
        let mut add =
            |name: &str, bytes: &[u8]| tar.add(name, bytes.len() as u64, &mut { bytes }, |_| ());
        add(LAYOUT, LAYOUT_MARK)?;
        add(INDEX, &index)?;
        let mut written = HashSet::new();
        for blob in blobs {
            if written.insert(blob.digest) {
                tar.add(
                    &blob_name(blob.digest),
                    blob.size,
                    &mut blob.open().map_err(CopyError::Read)?,
                    done,
                )?;
            } else {
                done(blob.size);
            }
        }
        tar.finish()
    })
}

/// The blobs of an archived layout.
struct ArchivedLayout {
    archive: Archive,
    place: String,
}

impl ArchivedLayout {
    fn find(&self, name: &str) -> Result<(Box<dyn Read + Send>, u64), ImageError> {
        let extent = self.archive.index.file(name).ok_or_else(|| ImageError::Malformed {
            reference: self.place.clone(),
            reason: format!("the archive has no {name:?}"),
        })?;
        Ok((Box::new(self.archive.reader(extent)), extent.len))
    }

    fn index_json(&self) -> Result<Vec<u8>, ImageError> {
        if self.archive.index.file(INDEX).is_none() {
            let mismatch = Mismatch::NoOciArchive;
            return Err(ImageError::OtherKind { reference: self.place.clone(), mismatch });
        }
        let (mut file, len) = self.find(INDEX)?;
        if len > MAX_MANIFEST_BYTES {
            let source = ManifestError::TooLarge;
            return Err(ImageError::Manifest { reference: self.place.clone(), source });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(ImageError::from_read)?;
        Ok(bytes)
    }
}

impl BlobSource for ArchivedLayout {
    fn open_blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let name = blob_name(descriptor.digest);
        if self.archive.index.file(&name).is_none() {
            let (place, digest) = (self.place.clone(), descriptor.digest);
            return Err(ImageError::NoBlob { place, digest });
        }
        self.find(&name).map(|(file, _)| file)
    }
}
