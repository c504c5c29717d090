//! A folder in the OCI image layout (OCI image spec, "Image Layout").

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::limits::MAX_MANIFEST_BYTES;
use super::oci_image::{self, BlobSource};
use super::{
    Descriptor, Digest, Image, ImageError, ImageReference, Index, ManifestDocument, ManifestError,
    Platform, parse_manifest,
};

/// The annotation that names an image in a layout.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Opens the image named `tag`, or the only one.
pub(super) fn open(
    reference: &ImageReference,
    dir: &Path,
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Image, ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let index = layout.index(reference)?;
    let top = select(reference, index, tag, &layout)?;
    oci_image::open(reference, Arc::new(layout), top, platform)
}

/// What the layout's `index.json` offers under `tag`. Several untagged entries, each for a platform of
/// its own, are one image.
pub(super) fn select(
    reference: &ImageReference,
    index: Index,
    tag: Option<&str>,
    source: &dyn BlobSource,
) -> Result<ManifestDocument, ImageError> {
    let names: Vec<String> = index
        .manifests
        .iter()
        .filter_map(|entry| entry.annotation(REF_NAME))
        .map(str::to_owned)
        .collect();
    let wanted = |entry: &Descriptor| tag.is_none() || entry.annotation(REF_NAME) == tag;
    let entries: Vec<Descriptor> = index.manifests.into_iter().filter(wanted).collect();
    match entries.as_slice() {
        [] => Err(ImageError::NotFound { reference: reference.to_string(), names }),
        [only] => oci_image::read_manifest(reference, source, only),
        many if many.iter().all(|entry| entry.platform.is_some())
            && (tag.is_some() || names.is_empty()) =>
        {
            Ok(ManifestDocument::Index(Index { manifests: entries }))
        }
        _ => Err(ImageError::Ambiguous { reference: reference.to_string(), names }),
    }
}

/// The blobs of a layout.
pub(super) struct Layout {
    dir: PathBuf,
}

impl Layout {
    fn index(&self, reference: &ImageReference) -> Result<Index, ImageError> {
        let path = self.dir.join("index.json");
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                ImageError::NotFound { reference: reference.to_string(), names: Vec::new() }
            }
            _ => ImageError::file("open", &path)(error),
        })?;
        let read = file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(ImageError::file("read", &path))?;
        parse_layout_index(&bytes)
            .map_err(|source| ImageError::Manifest { reference: reference.to_string(), source })
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        self.dir.join("blobs").join("sha256").join(digest.hex())
    }
}

/// Reads a layout's `index.json`.
pub(super) fn parse_layout_index(bytes: &[u8]) -> Result<Index, ManifestError> {
    match parse_manifest(bytes, Some(super::media_type::OCI_INDEX))? {
        ManifestDocument::Index(index) => Ok(index),
        ManifestDocument::Image(_) => Err(ManifestError::Shape),
    }
}

impl BlobSource for Layout {
    fn open_blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let path = self.blob_path(descriptor.digest);
        let unreadable = ImageError::file("open", &path);
        match fs::metadata(&path).and_then(|metadata| {
            if metadata.is_file() { File::open(&path) } else { Err(io::ErrorKind::NotFound.into()) }
        }) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(unreadable(error)),
        }
    }
}
