//! Finding the deltas that a registry has for an image.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::candidates::{Candidates, Questions};
use super::look::{Look, look_at};
use super::{ApplyError, LayerDeltas};
use crate::Dialect;
use crate::image::{Digest, Image, ImageId, Platform, RegistryReference, Transports};
use crate::progress::Progress;

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
/// smaller ones first; if `from` is given, those from that image alone. Found among the manifests that refer to the image's, and behind tags that begin with
/// `delta-`, others not: a repository may have thousands; of an index of deltas the one for the image's platform counts. `opened` is `image`, opened.
/// A question that the registry does not answer, and candidates that were not looked at, are told of.
///
/// # Errors
/// If the registry answers neither of the questions, or `progress` stops the work. A manifest that is no delta, or is gone, is passed over.
pub fn find_deltas(
    transports: &Transports,
    image: &RegistryReference,
    opened: &Image,
    from: Option<&Image>,
    progress: &dyn Progress,
) -> Result<Vec<FoundDelta>, ApplyError> {
    let from = from.map(|base| [base]);
    let bases = from.as_ref().map(|base| &base[..]);
    let questions = Questions { target: image, bases, transports, progress };
    let Candidates { names, mut left_out, .. } = candidates(&questions, opened)?;
    let platform = opened.platform().unwrap_or_else(Platform::host);
    let looks = look_at(&names, transports, &platform, progress)?;
    let mut found = Vec::new();
    for (name, look) in names.iter().zip(looks) {
        match look {
            Look::Delta(delta) => found.extend(described(name, &delta)),
            Look::PassedOver => {}
            Look::Failed => left_out += 1,
        }
    }
    if left_out > 0 {
        questions.tell_left_out(left_out);
    }
    Ok(in_order(found, opened.id()))
}

/// What may be a delta, tags first so that a delta is known by a name that people can read.
fn candidates(questions: &Questions<'_>, opened: &Image) -> Result<Candidates, ApplyError> {
    let (mut all, mut referrers) = (questions.tags(opened)?, questions.referrers(opened)?);
    if let (Some(error), Some(_)) = (referrers.unanswered.take(), &all.unanswered) {
        return Err(error.into());
    }
    all.limit(questions.most());
    referrers.limit(questions.most());
    all.names.extend(referrers.names);
    all.left_out += referrers.left_out;
    Ok(all)
}

fn described(name: &RegistryReference, delta: &LayerDeltas) -> Option<FoundDelta> {
    Some(FoundDelta {
        reference: name.clone(),
        format: delta.dialect(),
        digest: delta.image().manifest()?.digest(),
        base_id: delta.base(),
        target_id: delta.target().id(),
        delta_bytes: delta.bytes(),
    })
}

/// The deltas of `found` that are about the image `id`, none twice: those that make it first, and smaller ones first.
fn in_order(mut found: Vec<FoundDelta>, id: ImageId) -> Vec<FoundDelta> {
    let mut seen = BTreeSet::new();
    found.retain(|it| [it.base_id, it.target_id].contains(&id) && seen.insert(it.digest));
    found.sort_by_key(|delta| (delta.target_id != id, delta.delta_bytes, delta.digest));
    found
}
