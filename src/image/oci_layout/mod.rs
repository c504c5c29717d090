//! A folder in the OCI image layout (OCI image spec, "Image Layout"), and what an archive of one has
//! in common with it.

mod folder;
mod journal;
mod select;
mod write;

use std::path::Path;
use std::sync::Arc;

pub(super) use folder::{INDEX, LAYOUT, LAYOUT_MARK, blob_name};
pub(super) use write::{index_with, probe, write};

use self::folder::{Layout, REF_NAME};
use self::select::{called, one_image, select, with_digest};
use super::oci_image::{self, BlobSource};
use super::{
    Descriptor, Digest, Image, ImageError, ImageReference, Index, LayoutName, ManifestDocument,
    ManifestError, Mismatch, Platform, PlatformImage, every_platform, media_type, parse_manifest,
};
use crate::progress::Silent;

/// Opens the image called `name`, or the only one.
pub(super) fn open(
    reference: &ImageReference,
    dir: &Path,
    name: Option<&LayoutName>,
    platform: &Platform,
) -> Result<Image, ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let index = index_of(reference, &layout)?;
    open_layout(reference, Arc::new(layout), &index, name, platform)
}

/// Opens an image of the layout that `source` holds the blobs of and `index_json` lists the images of.
pub(super) fn open_layout(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    index_json: &[u8],
    name: Option<&LayoutName>,
    platform: &Platform,
) -> Result<Image, ImageError> {
    let top = find(reference, source.as_ref(), index_json, name)?;
    oci_image::open(reference, source, top, platform, &Silent)
}

/// The manifest or index called `name`, or the only one.
fn find(
    reference: &ImageReference,
    source: &dyn BlobSource,
    index_json: &[u8],
    name: Option<&LayoutName>,
) -> Result<ManifestDocument, ImageError> {
    let index = parse_index(index_json)
        .map_err(|source| ImageError::Manifest { reference: reference.to_string(), source })?;
    match name {
        Some(LayoutName::Digest(digest)) => with_digest(reference, index, *digest, source),
        Some(LayoutName::Tag(tag)) => select(reference, index, Some(tag), source),
        None => select(reference, index, None, source),
    }
}

/// The layout's index, which must be there.
fn index_of(reference: &ImageReference, layout: &Layout) -> Result<Vec<u8>, ImageError> {
    if layout.dir.is_file() {
        let (reference, mismatch) = (reference.to_string(), Mismatch::FileForLayout);
        return Err(ImageError::OtherKind { reference, mismatch });
    }
    layout
        .index_json()?
        .ok_or_else(|| ImageError::NotFound { reference: reference.to_string(), names: Vec::new() })
}

/// Opens the image called `name`, or the only one, for every platform that it has.
pub(super) fn open_all(
    reference: &ImageReference,
    dir: &Path,
    name: Option<&LayoutName>,
) -> Result<Vec<PlatformImage>, ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let index = index_of(reference, &layout)?;
    open_all_in_layout(reference, Arc::new(layout), &index, name)
}

/// The same of the layout that `source` holds the blobs of.
pub(super) fn open_all_in_layout(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    index_json: &[u8],
    name: Option<&LayoutName>,
) -> Result<Vec<PlatformImage>, ImageError> {
    let top = find(reference, source.as_ref(), index_json, name)?;
    every_platform::open_all(reference, source, top, &Silent)
}

/// Opens, for every platform, the image of exactly the name `tag`, or the one without a name; gives none if the
/// layout has none.
pub(super) fn open_exactly(
    reference: &ImageReference,
    dir: &Path,
    tag: Option<&str>,
) -> Result<Vec<PlatformImage>, ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let Some(index) = layout.index_json()? else { return Ok(Vec::new()) };
    let (exact, _) = split(reference, &index, tag)?;
    open_entries(reference, Arc::new(layout), exact)
}

/// Whether the layout has an image of exactly the name `tag`, or one without a name, that is the one with
/// `digest`, if there is one.
pub(super) fn names(dir: &Path, tag: Option<&str>, digest: Option<Digest>) -> bool {
    let layout = Layout { dir: dir.to_owned() };
    let index = layout.index_json().ok().flatten().and_then(|index| parse_index(&index).ok());
    let is_meant = |entry: &Descriptor| {
        entry.annotation(REF_NAME) == tag && digest.is_none_or(|digest| digest == entry.digest)
    };
    index.is_some_and(|index| index.manifests.iter().any(is_meant))
}

/// Opens, for every platform, the image of exactly the name `tag`, or the one without a name, if there is no
/// other.
pub(super) fn open_alone(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    index_json: &[u8],
    tag: Option<&str>,
) -> Result<Vec<PlatformImage>, ImageError> {
    let (exact, others) = split(reference, index_json, tag)?;
    let names = called(&others);
    let not_found = || ImageError::NotFound { reference: reference.to_string(), names };
    match others.is_empty() && !exact.is_empty() {
        true => open_entries(reference, source, exact),
        false => Err(not_found()),
    }
}

/// The entries of exactly the name `tag`, and all others.
fn split(
    reference: &ImageReference,
    index_json: &[u8],
    tag: Option<&str>,
) -> Result<(Vec<Descriptor>, Vec<Descriptor>), ImageError> {
    let index = parse_index(index_json)
        .map_err(|source| ImageError::Manifest { reference: reference.to_string(), source })?;
    Ok(index.manifests.into_iter().partition(|entry| entry.annotation(REF_NAME) == tag))
}

fn open_entries(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    entries: Vec<Descriptor>,
) -> Result<Vec<PlatformImage>, ImageError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let top = one_image(reference, entries, Vec::new(), true, source.as_ref())?;
    every_platform::open_all(reference, source, top, &Silent)
}

fn parse_index(bytes: &[u8]) -> Result<Index, ManifestError> {
    match parse_manifest(bytes, Some(media_type::OCI_INDEX))? {
        ManifestDocument::Index(index) => Ok(index),
        ManifestDocument::Image(_) => Err(ManifestError::Shape),
    }
}
