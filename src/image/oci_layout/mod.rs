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
use self::select::{one_image, select, with_digest};
use super::oci_image::{self, BlobSource};
use super::{
    Descriptor, Digest, Image, ImageError, ImageReference, Index, LayoutName, ManifestDocument,
    ManifestError, Platform, media_type, parse_manifest,
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
    let index = layout.index_json()?.ok_or_else(|| ImageError::NotFound {
        reference: reference.to_string(),
        names: Vec::new(),
    })?;
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
    let index = parse_index(index_json)
        .map_err(|source| ImageError::Manifest { reference: reference.to_string(), source })?;
    let top = match name {
        Some(LayoutName::Digest(digest)) => {
            with_digest(reference, index, *digest, source.as_ref())?
        }
        Some(LayoutName::Tag(tag)) => select(reference, index, Some(tag), source.as_ref())?,
        None => select(reference, index, None, source.as_ref())?,
    };
    oci_image::open(reference, source, top, platform, &Silent)
}

/// Opens the image of exactly the name `tag`, or the one without a name; `None` if the layout has none.
pub(super) fn open_exactly(
    reference: &ImageReference,
    dir: &Path,
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Option<Image>, ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let Some(index) = layout.index_json()? else { return Ok(None) };
    let (exact, _) = split(reference, &index, tag)?;
    open_entries(reference, Arc::new(layout), exact, platform)
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

/// Opens the image of exactly the name `tag`, or the one without a name, if there is no other.
pub(super) fn open_alone(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    index_json: &[u8],
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Image, ImageError> {
    let (exact, others) = split(reference, index_json, tag)?;
    let names = others.iter().filter_map(|other| other.annotation(REF_NAME));
    let names = names.map(str::to_owned).collect();
    let not_found = || ImageError::NotFound { reference: reference.to_string(), names };
    match others.is_empty() {
        true => open_entries(reference, source, exact, platform)?.ok_or_else(not_found),
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
    platform: &Platform,
) -> Result<Option<Image>, ImageError> {
    if entries.is_empty() {
        return Ok(None);
    }
    let top = one_image(reference, entries, Vec::new(), true, source.as_ref())?;
    oci_image::open(reference, source, top, platform, &Silent).map(Some)
}

fn parse_index(bytes: &[u8]) -> Result<Index, ManifestError> {
    match parse_manifest(bytes, Some(media_type::OCI_INDEX))? {
        ManifestDocument::Index(index) => Ok(index),
        ManifestDocument::Image(_) => Err(ManifestError::Shape),
    }
}
