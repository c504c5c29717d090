//! A folder in the OCI image layout (OCI image spec, "Image Layout"), and what an archive of one has
//! in common with it.

mod folder;
mod journal;
mod write;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

pub(super) use folder::{INDEX, LAYOUT, LAYOUT_MARK, blob_name};
pub(super) use write::{index_with, probe, write};

use self::folder::{Layout, REF_NAME};
use super::oci_image::{self, BlobSource};
use super::{
    Descriptor, Image, ImageError, ImageReference, Index, ManifestDocument, ManifestError,
    Platform, media_type, parse_manifest,
};
use crate::progress::Silent;

/// Opens the image named `tag`, or the only one.
pub(super) fn open(
    reference: &ImageReference,
    dir: &Path,
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Image, ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let index = layout.index_json()?.ok_or_else(|| ImageError::NotFound {
        reference: reference.to_string(),
        names: Vec::new(),
    })?;
    open_layout(reference, Arc::new(layout), &index, tag, platform)
}

/// Opens an image of the layout that `source` holds the blobs of and `index_json` lists the images of.
pub(super) fn open_layout(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    index_json: &[u8],
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Image, ImageError> {
    let index = parse_index(index_json)
        .map_err(|source| ImageError::Manifest { reference: reference.to_string(), source })?;
    let top = select(reference, index, tag, source.as_ref())?;
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

/// Whether the layout has an image of exactly the name `tag`, or one without a name.
pub(super) fn names(dir: &Path, tag: Option<&str>) -> bool {
    let layout = Layout { dir: dir.to_owned() };
    let index = layout.index_json().ok().flatten().and_then(|index| parse_index(&index).ok());
    let is_named = |index: Index| index.manifests.iter().any(|it| it.annotation(REF_NAME) == tag);
    index.is_some_and(is_named)
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

/// What the index offers under `tag`. Several entries of the same name or without one, each for a
/// platform of its own, are one image.
fn select(
    reference: &ImageReference,
    index: Index,
    tag: Option<&str>,
    source: &dyn BlobSource,
) -> Result<ManifestDocument, ImageError> {
    let named = index.manifests.iter().filter_map(|entry| entry.annotation(REF_NAME));
    let mut names: Vec<String> = named.map(str::to_owned).collect();
    names.dedup();
    let wanted = |entry: &Descriptor| tag.is_none() || entry.annotation(REF_NAME) == tag;
    let entries: Vec<Descriptor> = index.manifests.into_iter().filter(wanted).collect();
    let may_be_one = tag.is_some() || names.is_empty();
    one_image(reference, entries, names, may_be_one, source)
}

/// What `entries` are together, out of a layout in which there are `names`. Several are one image if
/// they `may_be_one` and each is for a platform of its own; the same entry twice is one.
fn one_image(
    reference: &ImageReference,
    entries: Vec<Descriptor>,
    names: Vec<String>,
    may_be_one: bool,
    source: &dyn BlobSource,
) -> Result<ManifestDocument, ImageError> {
    let mut seen = HashSet::new();
    let mut is_new = |entry: &Descriptor| {
        seen.insert((entry.annotation(REF_NAME).map(str::to_owned), entry.digest))
    };
    let entries: Vec<Descriptor> = entries.into_iter().filter(|entry| is_new(entry)).collect();
    match entries.as_slice() {
        [] => Err(ImageError::NotFound { reference: reference.to_string(), names }),
        [only] => oci_image::read_manifest(reference, source, only, &Silent),
        many if may_be_one && many.iter().all(|entry| entry.platform.is_some()) => {
            Ok(ManifestDocument::Index(Index { manifests: entries }))
        }
        _ => Err(ImageError::Ambiguous { reference: reference.to_string(), names }),
    }
}
