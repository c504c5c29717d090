//! Asking a registry which manifests may be deltas from a base at hand to the target.

use super::FetchError;
use super::bases::BaseImage;
use super::patience::{Deadline, PATIENCE};
use crate::Cause;
use crate::dialect::{Dialect, TAG_PREFIX};
use crate::image::{Descriptor, Digest, Image, ImageError, RegistryReference, Transports};
use crate::progress::Progress;

/// Candidates that are opened at most for each way to find them: each takes two questions.
pub(super) const MAX_OPENED: usize = 64;

/// Manifests that may be deltas to the target.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) names: Vec<RegistryReference>,
    /// How many more there are.
    pub(super) left_out: usize,
}

impl Candidates {
    pub(super) fn all(names: Vec<RegistryReference>) -> Self {
        Candidates { names, left_out: 0 }
    }
}

/// The questions to the target's registry.
pub(super) struct Questions<'a> {
    pub(super) target: &'a RegistryReference,
    pub(super) bases: &'a [BaseImage],
    pub(super) transports: &'a Transports,
    pub(super) progress: &'a dyn Progress,
}

impl Questions<'_> {
    /// What the registry answers to a `question`; nothing if that fails or takes too long, unless because the work is to
    /// stop.
    fn ask<T>(
        &self,
        question: impl FnOnce(&dyn Progress) -> Result<Vec<T>, ImageError>,
    ) -> Result<Vec<T>, FetchError> {
        let deadline = Deadline::after(PATIENCE, self.progress);
        let error = match question(&deadline) {
            Err(_) if deadline.is_over() => "the registry takes too long to answer".to_owned(),
            Err(error) if error.cause() != Cause::Cancelled => error.to_string(),
            answer => return Ok(answer?),
        };
        self.progress.note(&format!("looking for deltas elsewhere, or going on without: {error}"));
        Ok(Vec::new())
    }

    /// What refers to the target and may be a delta from a base at hand, those first that say so.
    pub(super) fn referrers(&self, image: &Image) -> Result<Candidates, FetchError> {
        let Some(manifest) = image.manifest() else { return Ok(Candidates::default()) };
        let ask = |progress: &dyn Progress| {
            self.transports.referrers(self.target, manifest.digest(), progress)
        };
        let mut referrers = self.ask(ask)?;
        referrers.retain(|referrer| self.may_fit(referrer));
        referrers.sort_by_key(|referrer| (base_of(referrer).is_none(), rank(referrer)));
        let named = referrers.iter().map(|referrer| self.named(&format!("@{}", referrer.digest)));
        Ok(Candidates::all(named.collect::<Result<_, _>>()?))
    }

    fn may_fit(&self, referrer: &Descriptor) -> bool {
        let of_type = referrer.artifact_type.is_none() || dialect_of(referrer).is_some();
        let is_here = |base| self.bases.iter().any(|known| known.id().to_string() == base);
        of_type && base_of(referrer).is_none_or(is_here)
    }

    /// The tags that begin as those of deltas do. Of many, only those that deltas from the bases have.
    pub(super) fn tags(&self, image: &Image) -> Result<Candidates, FetchError> {
        let mut tags = self.ask(|progress| self.transports.tags(self.target, progress))?;
        tags.retain(|tag| tag.starts_with(TAG_PREFIX));
        let all = tags.len();
        if all > MAX_OPENED {
            let expected = image
                .manifest()
                .map(|manifest| self.expected_tags(manifest.digest()))
                .unwrap_or_default();
            tags.retain(|tag| expected.contains(tag));
        }
        let left_out = all - tags.len();
        // A tag that breaks the rules for tags can't be asked for.
        let names = tags.iter().filter_map(|tag| self.named(&format!(":{tag}")).ok()).collect();
        Ok(Candidates { names, left_out })
    }

    fn expected_tags(&self, target: Digest) -> Vec<String> {
        let in_registries = self.bases.iter().filter_map(|base| {
            let reference = base.image.reference().registry()?;
            Some((reference.repository(), base.image.manifest()?.digest()))
        });
        let mut tags = Vec::new();
        for (repository, digest) in in_registries {
            tags.extend(
                Dialect::beside_images().flat_map(|it| it.delta_tags(repository, digest, target)),
            );
        }
        tags
    }

    fn named(&self, name: &str) -> Result<RegistryReference, ImageError> {
        let name = format!("{}{name}", self.target.repository());
        Ok(RegistryReference::in_registry(self.target.host(), &name)?)
    }
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

/// Which referrers are opened first: those whose dialect makes the smallest deltas.
fn rank(referrer: &Descriptor) -> u8 {
    match dialect_of(referrer) {
        Some(Dialect::Remora) => 0,
        Some(Dialect::OciDelta) => 1,
        _ => 2,
    }
}
