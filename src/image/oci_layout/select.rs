//! Which image of a layout is meant, by its name or its digest.

use std::collections::HashSet;

use super::folder::REF_NAME;
use crate::image::blob_source::{BlobSource, read_manifest};
use crate::image::digest::Digest;
use crate::image::error::ImageError;
use crate::image::index_choice::Lookup;
use crate::image::limits::{MAX_INDEX_DEPTH, MAX_INDEXES_SEARCHED};
use crate::image::manifest::{Descriptor, Index, ManifestDocument, media_type};
use crate::image::reference::ImageReference;
use crate::progress::Silent;

/// What the index offers under `tag`. Several entries of the same name or without one, each for a
/// platform of its own, are one image.
pub(super) fn select(
    reference: &ImageReference,
    index: Index,
    tag: Option<&str>,
    source: &dyn BlobSource,
) -> Result<ManifestDocument, ImageError> {
    let names = called(&index.manifests);
    let nameless = index.manifests.iter().all(|entry| entry.annotation(REF_NAME).is_none());
    let wanted = |entry: &Descriptor| tag.is_none() || entry.annotation(REF_NAME) == tag;
    let entries: Vec<Descriptor> = index.manifests.into_iter().filter(wanted).collect();
    let may_be_one = tag.is_some() || nameless;
    one_image(reference, entries, names, may_be_one, source)
}

/// What the entries can be asked for by: the names, each once, and the digests of those without one.
pub(super) fn called(entries: &[Descriptor]) -> Vec<String> {
    let mut seen = HashSet::new();
    let name = |entry: &Descriptor| match entry.annotation(REF_NAME) {
        Some(name) => name.to_owned(),
        None => format!("@{}", entry.digest),
    };
    entries.iter().map(name).filter(|name| seen.insert(name.clone())).collect()
}

/// What `entries` are together, out of a layout in which there are `names`. Several are one image if
/// they `may_be_one` and each is for a platform of its own; the same entry twice is one.
pub(super) fn one_image(
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
        [only] => read_manifest(reference, source, only, &Silent),
        many => match may_be_one.then(|| platforms(reference, many, source)).transpose()? {
            Some(Some(manifests)) => Ok(ManifestDocument::Index(Index { manifests, digest: None })),
            _ => Err(ImageError::Ambiguous {
                reference: reference.to_string(),
                // One name for all of them tells none from the others.
                names: if may_be_one { digests(many) } else { names },
            }),
        },
    }
}

/// The entries with what each is for, if each is for a platform of its own.
fn platforms(
    reference: &ImageReference,
    entries: &[Descriptor],
    source: &dyn BlobSource,
) -> Result<Option<Vec<Descriptor>>, ImageError> {
    if entries.iter().all(|entry| entry.platform.is_some()) {
        return Ok(Some(entries.to_vec()));
    }
    let mut lookup = Lookup::new(reference, source, &Silent);
    let (mut known, mut seen) = (Vec::new(), HashSet::new());
    for entry in entries {
        let found = lookup.platforms(entry, 0)?;
        let [platform] = found.as_slice() else { return Ok(None) };
        if !seen.insert(platform.clone()) {
            return Ok(None);
        }
        known.push(Descriptor { platform: Some(platform.clone()), ..entry.clone() });
    }
    Ok(Some(known))
}

/// The manifest or index with the digest, in the layout's index or in those that are in that one.
pub(super) fn with_digest(
    reference: &ImageReference,
    index: Index,
    digest: Digest,
    source: &dyn BlobSource,
) -> Result<ManifestDocument, ImageError> {
    let names = digests(&index.manifests);
    let mut level = index.manifests;
    let mut left = MAX_INDEXES_SEARCHED;
    for _ in 0..=MAX_INDEX_DEPTH {
        if let Some(found) = level.iter().find(|entry| entry.digest == digest) {
            return read_manifest(reference, source, found, &Silent);
        }
        let indexes = level.iter().filter(|entry| is_index(entry)).take(left);
        let mut below = Vec::new();
        for entry in indexes {
            left -= 1;
            if let ManifestDocument::Index(index) =
                read_manifest(reference, source, entry, &Silent)?
            {
                below.extend(index.manifests);
            }
        }
        level = below;
    }
    Err(ImageError::NotFound { reference: reference.to_string(), names })
}

fn is_index(entry: &Descriptor) -> bool {
    [media_type::OCI_INDEX, media_type::DOCKER_LIST].contains(&entry.media_type.as_str())
}

fn digests(entries: &[Descriptor]) -> Vec<String> {
    entries.iter().map(|entry| format!("@{}", entry.digest)).collect()
}
