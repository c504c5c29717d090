//! Asking a registry which manifests may be deltas to an image: those that refer to it, and those behind tags that begin
//! as tags of deltas do. Whoever looks for deltas asks here, so that one rule and one bound hold for all.

use super::ApplyError;
use super::deadline::{Deadline, PATIENCE};
use crate::Cause;
use crate::dialect::{Dialect, TAG_PREFIX};
use crate::image::{Descriptor, Digest, Image, ImageError, RegistryReference, Transports};
use crate::progress::Progress;

/// Candidates that are looked at at most for each way to find them, if deltas from certain bases are wanted: each takes two
/// questions.
const MAX_LOOKED_AT: usize = 64;

/// The same, if all deltas are wanted: a repository may well have some hundreds.
const MAX_LISTED: usize = 512;

/// Manifests that may be deltas to the target.
#[derive(Default)]
pub(crate) struct Candidates {
    pub(crate) names: Vec<RegistryReference>,
    /// How many more there are.
    pub(crate) left_out: usize,
    /// Why the registry did not answer the question.
    pub(super) unanswered: Option<ImageError>,
}

impl Candidates {
    pub(crate) fn all(names: Vec<RegistryReference>) -> Self {
        Candidates { names, ..Candidates::default() }
    }

    /// Leaves out what is more than `most`.
    pub(crate) fn limit(&mut self, most: usize) {
        self.left_out += self.names.len().saturating_sub(most);
        self.names.truncate(most);
    }
}

/// The questions to the target's registry.
pub(crate) struct Questions<'a> {
    pub(crate) target: &'a RegistryReference,
    /// The images that deltas are wanted from; if none are given, deltas from any.
    pub(crate) bases: Option<&'a [&'a Image]>,
    pub(crate) transports: &'a Transports,
    pub(crate) progress: &'a dyn Progress,
}

impl Questions<'_> {
    /// How many candidates are looked at for each way to find them.
    pub(crate) fn most(&self) -> usize {
        if self.bases.is_some() { MAX_LOOKED_AT } else { MAX_LISTED }
    }

    /// What the registry answers to a `question`, or why it does not, which is told of; an error if the work is to stop.
    fn ask<T>(
        &self,
        question: impl FnOnce(&dyn Progress) -> Result<Vec<T>, ImageError>,
    ) -> Result<Result<Vec<T>, ImageError>, ApplyError> {
        let deadline = Deadline::after(PATIENCE, self.progress);
        let error = match question(&deadline) {
            Err(_) if deadline.is_over() => Deadline::missed_by(self.target.host()),
            Err(error) if error.cause() != Cause::Cancelled => error,
            answer => return Ok(Ok(answer?)),
        };
        self.progress.note(&format!("looking for deltas elsewhere, or going on without: {error}"));
        Ok(Err(error))
    }

    /// What refers to `image` and may be a delta from one of the bases, those first that say so.
    pub(crate) fn referrers(&self, image: &Image) -> Result<Candidates, ApplyError> {
        let Some(manifest) = image.manifest() else { return Ok(Candidates::default()) };
        let ask = |progress: &dyn Progress| {
            self.transports.referrers(self.target, manifest.digest(), progress)
        };
        let (mut referrers, unanswered) = parts(self.ask(ask)?);
        referrers.retain(|referrer| self.may_fit(referrer));
        referrers.sort_by_key(|referrer| (base_of(referrer).is_none(), rank(referrer)));
        let named = referrers.iter().map(|referrer| self.named(&format!("@{}", referrer.digest)));
        Ok(Candidates { names: named.collect::<Result<_, _>>()?, left_out: 0, unanswered })
    }

    fn may_fit(&self, referrer: &Descriptor) -> bool {
        let of_type = referrer.artifact_type.is_none() || dialect_of(referrer).is_some();
        let is_wanted = |base: &str| match self.bases {
            Some(bases) => bases.iter().any(|known| known.id().to_string() == base),
            None => true,
        };
        of_type && base_of(referrer).is_none_or(is_wanted)
    }

    /// The tags that begin as those of deltas do. Of too many, only those that deltas from the bases to `image` have.
    pub(crate) fn tags(&self, image: &Image) -> Result<Candidates, ApplyError> {
        let ask = |progress: &dyn Progress| self.transports.tags(self.target, progress);
        let (mut tags, unanswered) = parts(self.ask(ask)?);
        tags.retain(|tag| tag.starts_with(TAG_PREFIX));
        let all = tags.len();
        if all > self.most()
            && let (Some(bases), Some(target)) = (self.bases, image.manifest())
        {
            let expected = expected_tags(bases, target.digest());
            tags.retain(|tag| expected.contains(tag));
        }
        let left_out = all - tags.len();
        // A tag that breaks the rules for tags can't be asked for.
        let names = tags.iter().filter_map(|tag| self.named(&format!(":{tag}")).ok()).collect();
        Ok(Candidates { names, left_out, unanswered })
    }

    fn named(&self, name: &str) -> Result<RegistryReference, ImageError> {
        let name = format!("{}{name}", self.target.repository());
        Ok(RegistryReference::in_registry(self.target.host(), &name)?)
    }

    /// Tells of `count` candidates that were left out.
    pub(crate) fn tell_left_out(&self, count: usize) {
        let (target, s) = (self.target, if count == 1 { "" } else { "s" });
        self.progress.note(&format!(
            "{count} candidate{s} beside {target} could not be looked at; a delta that is known can be named itself"
        ));
    }
}

fn parts<T>(answer: Result<Vec<T>, ImageError>) -> (Vec<T>, Option<ImageError>) {
    match answer {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(error)),
    }
}

fn expected_tags(bases: &[&Image], target: Digest) -> Vec<String> {
    let in_registries = bases.iter().filter_map(|base| {
        let reference = base.reference().registry()?;
        Some((reference.repository(), base.manifest()?.digest()))
    });
    let mut tags = Vec::new();
    for (repository, digest) in in_registries {
        tags.extend(
            Dialect::beside_images().flat_map(|it| it.delta_tags(repository, digest, target)),
        );
    }
    tags
}

/// The dialect that a referrer says it is of.
fn dialect_of(referrer: &Descriptor) -> Option<Dialect> {
    Dialect::of_media_type(referrer.artifact_type.as_deref()?)
}

/// The image ID of the base, as a referrer says it.
fn base_of(referrer: &Descriptor) -> Option<&str> {
    let dialect = dialect_of(referrer).unwrap_or_default();
    referrer.annotation(dialect.base_annotation())
}

/// Which referrers are looked at first: those whose dialect makes the smallest deltas.
fn rank(referrer: &Descriptor) -> u8 {
    match dialect_of(referrer) {
        Some(Dialect::Remora) => 0,
        Some(Dialect::OciDelta) => 1,
        _ => 2,
    }
}
