//! Finding the deltas that a registry has for an image.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::{ApplyError, LayerDeltas};
use crate::dialect::TAG_PREFIX;
use crate::image::{
    Descriptor, Digest, Image, ImageError, ImageId, ImageReference, Platform, RegistryReference,
    Transports,
};
use crate::progress::Progress;
use crate::store::in_threads;
use crate::{Dialect, ErrorKind};

/// A delta that a repository has.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FoundDelta {
    /// A name of it: with its tag if one begins with `delta-`, or else with its digest.
    #[serde(serialize_with = "as_text")]
    pub reference: RegistryReference,
    /// The dialect.
    pub format: Dialect,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The image that it applies to.
    pub base_id: ImageId,
    /// The image that it makes.
    pub target_id: ImageId,
    /// Bytes of its blobs, config included; of an artifact those that make layers.
    pub delta_bytes: u64,
}

fn as_text<S: Serializer>(reference: &RegistryReference, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(reference)
}

/// Returns the deltas in the repository of `image` that make it or apply to it, those that make it first and
/// smaller ones first. Found among the manifests that refer to the image's, and behind tags that begin with
/// `delta-`, others not: a repository may have thousands; of an index of deltas the one for the image's platform counts. `opened` is `image`, opened.
///
/// # Errors
/// If the registry does not answer, or `progress` stops the work. A manifest that is no delta, or is gone, is passed over.
pub fn find_deltas(
    transports: &Transports,
    image: &RegistryReference,
    opened: &Image,
    progress: &dyn Progress,
) -> Result<Vec<FoundDelta>, ApplyError> {
    let platform = opened.platform().unwrap_or_else(Platform::host);
    let candidates = candidates(transports, image, opened, progress)?;
    let looked = in_threads(&candidates, |it| look(transports, it, &platform, progress))?;
    let (id, mut seen) = (opened.id(), BTreeSet::new());
    let mut found: Vec<FoundDelta> = looked.into_iter().flatten().collect();
    found.retain(|it| [it.base_id, it.target_id].contains(&id) && seen.insert(it.digest));
    found.sort_by_key(|delta| (delta.target_id != id, delta.delta_bytes, delta.digest));
    Ok(found)
}

/// What may be a delta, tags first so that a delta is known by a name that people can read.
fn candidates(
    transports: &Transports,
    image: &RegistryReference,
    opened: &Image,
    progress: &dyn Progress,
) -> Result<Vec<RegistryReference>, ApplyError> {
    let mut names: Vec<String> = Vec::new();
    let tags = transports.tags(image, progress)?;
    names
        .extend(tags.iter().filter(|tag| tag.starts_with(TAG_PREFIX)).map(|tag| format!(":{tag}")));
    if let Some(manifest) = opened.manifest() {
        let mut referrers = transports.referrers(image, manifest.digest(), progress)?;
        referrers.retain(may_be_delta);
        names.extend(referrers.iter().map(|referrer| format!("@{}", referrer.digest)));
    }
    let named = |name: &String| {
        RegistryReference::in_registry(image.host(), &format!("{}{name}", image.repository()))
    };
    // A tag that breaks the rules for tags can't be asked for.
    Ok(names.iter().filter_map(|name| named(name).ok()).collect())
}

/// Whether a referrer is worth a look: it says of no type, as images do, or of a delta's.
fn may_be_delta(referrer: &Descriptor) -> bool {
    let known = referrer.artifact_type.as_deref();
    known.is_none_or(|known| Dialect::of_media_type(known).is_some())
}

fn look(
    transports: &Transports,
    reference: &RegistryReference,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Option<FoundDelta>, ApplyError> {
    let opened = transports
        .open_any(&ImageReference::Registry(reference.clone()), platform, progress)
        .map_err(ApplyError::from)
        .and_then(|opened| LayerDeltas::of(opened, progress));
    let delta = match opened {
        Ok(opened) => opened,
        Err(ApplyError::Image(error)) if matches!(*error, ImageError::NotFound { .. }) => {
            return Ok(None);
        }
        Err(error) if error.kind() == ErrorKind::Content => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(manifest) = delta.image().manifest() else { return Ok(None) };
    Ok(Some(FoundDelta {
        reference: reference.clone(),
        format: delta.dialect(),
        digest: manifest.digest(),
        base_id: delta.base(),
        target_id: delta.target().id(),
        delta_bytes: delta.bytes(),
    }))
}
