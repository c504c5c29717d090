//! Finding the deltas that lead from a base at hand to the target: among what refers to the target, behind the
//! tags that deltas of these bases have, and at a delta server.

use super::FetchError;
use super::bases::BaseImage;
use super::options::PullOptions;
#[cfg(feature = "api")]
use super::server;
use crate::Cause;
use crate::apply::{ApplyError, LayerDeltas};
use crate::dialect::{Dialect, TAG_PREFIX};
use crate::image::{
    Descriptor, Image, ImageError, ImageId, ImageReference, Platform, RegistryReference, Transports,
};
use crate::progress::Progress;

/// Deltas that are opened at most: each takes two questions.
const MAX_OPENED: usize = 16;

/// A delta, and the base that it applies to.
#[derive(Debug)]
pub(super) struct FoundDelta {
    pub(super) delta: LayerDeltas,
    /// Number of the base.
    pub(super) base: usize,
}

/// The deltas in the repository of `target` that make `image` from one of `bases`. A registry that does not answer these
/// questions is told of, and keeps nobody from the image: it may come without.
pub(super) fn find(
    target: &RegistryReference,
    image: &Image,
    bases: &[BaseImage],
    options: &PullOptions,
    transports: &Transports,
    progress: &dyn Progress,
) -> Result<Vec<FoundDelta>, FetchError> {
    let platform = image.platform().unwrap_or_else(Platform::host);
    let search = Search { target, image: image.id(), platform, bases, transports, progress };
    if bases.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = search.open_all(search.or_none(search.referrers(image))?)?;
    if found.is_empty() {
        found = search.open_all(search.or_none(search.tags())?)?;
    }
    // No server has smaller ones than Remora's own, and it may hold the question until it has made one.
    if found.iter().all(|found| found.delta.dialect() != Dialect::Remora) {
        let named = named_by_server(target, image, bases, options, progress);
        found.extend(search.open_all(named)?);
    }
    Ok(found)
}

#[cfg(feature = "api")]
fn named_by_server(
    target: &RegistryReference,
    image: &Image,
    bases: &[BaseImage],
    options: &PullOptions,
    progress: &dyn Progress,
) -> Vec<RegistryReference> {
    let asked = options.delta_server.as_ref();
    let ask = |server| server::ask(server, options.make_delta, target, image, bases, progress);
    asked.map(ask).unwrap_or_default()
}

#[cfg(not(feature = "api"))]
fn named_by_server(
    _target: &RegistryReference,
    _image: &Image,
    _bases: &[BaseImage],
    _options: &PullOptions,
    _progress: &dyn Progress,
) -> Vec<RegistryReference> {
    Vec::new()
}

struct Search<'a> {
    target: &'a RegistryReference,
    image: ImageId,
    platform: Platform,
    bases: &'a [BaseImage],
    transports: &'a Transports,
    progress: &'a dyn Progress,
}

impl Search<'_> {
    /// What was found; nothing if the question failed, unless because the work is to stop.
    fn or_none(
        &self,
        found: Result<Vec<RegistryReference>, FetchError>,
    ) -> Result<Vec<RegistryReference>, FetchError> {
        match found {
            Err(error) if error.cause() != Cause::Cancelled => {
                self.progress
                    .note(&format!("looking for deltas elsewhere, or going on without: {error}"));
                Ok(Vec::new())
            }
            found => found,
        }
    }

    /// What refers to the target and may be a delta from a base at hand, those first that say so.
    fn referrers(&self, image: &Image) -> Result<Vec<RegistryReference>, FetchError> {
        let Some(manifest) = image.manifest() else { return Ok(Vec::new()) };
        let mut referrers = self.transports.referrers(self.target, manifest.digest())?;
        referrers.retain(|referrer| self.may_fit(referrer));
        referrers.sort_by_key(|referrer| (base_of(referrer).is_none(), rank(referrer)));
        let named = referrers.iter().map(|referrer| self.named(&format!("@{}", referrer.digest)));
        Ok(named.collect::<Result<_, _>>()?)
    }

    fn may_fit(&self, referrer: &Descriptor) -> bool {
        let of_type = referrer.artifact_type.is_none() || dialect_of(referrer).is_some();
        let is_here = |base| self.bases.iter().any(|known| known.id().to_string() == base);
        of_type && base_of(referrer).is_none_or(is_here)
    }

    /// The tags that begin as those of deltas do. Of many, only those that deltas from the bases have.
    fn tags(&self) -> Result<Vec<RegistryReference>, FetchError> {
        let mut tags = self.transports.tags(self.target)?;
        tags.retain(|tag| tag.starts_with(TAG_PREFIX));
        if tags.len() > MAX_OPENED {
            let expected = self.expected_tags();
            tags.retain(|tag| expected.contains(tag));
        }
        // A tag that breaks the rules for tags can't be asked for.
        Ok(tags.iter().filter_map(|tag| self.named(&format!(":{tag}")).ok()).collect())
    }

    fn expected_tags(&self) -> Vec<String> {
        let in_registries = self.bases.iter().filter_map(|base| {
            let ImageReference::Registry(reference) = base.image.reference() else { return None };
            Some((reference.repository(), base.image.manifest()?.digest()))
        });
        let mut tags = Vec::new();
        for (repository, digest) in in_registries {
            tags.extend(Dialect::beside_images().flat_map(|it| it.delta_tags(repository, digest)));
        }
        tags
    }

    fn named(&self, name: &str) -> Result<RegistryReference, ImageError> {
        let name = format!("{}{name}", self.target.repository());
        Ok(RegistryReference::in_registry(self.target.host(), &name)?)
    }

    fn open_all(&self, named: Vec<RegistryReference>) -> Result<Vec<FoundDelta>, FetchError> {
        let mut found = Vec::new();
        for reference in named.into_iter().take(MAX_OPENED) {
            found.extend(self.open(ImageReference::Registry(reference))?);
        }
        Ok(found)
    }

    /// Opens what may be a delta. What is none, is another's or has gone is passed over.
    fn open(&self, reference: ImageReference) -> Result<Option<FoundDelta>, FetchError> {
        let opened = self.transports.open_any(&reference, &self.platform, self.progress);
        let read = |opened| LayerDeltas::of(opened, self.progress);
        let delta = match opened.map_err(ApplyError::from).and_then(read) {
            Ok(delta) => delta,
            Err(error) if error.cause() == Cause::Cancelled => return Err(error.into()),
            Err(error) => {
                tracing::info!("{reference} is passed over: {error}");
                return Ok(None);
            }
        };
        let base = self.bases.iter().position(|base| base.id() == delta.base());
        let makes_target = delta.target().id() == self.image;
        Ok(base.filter(|_| makes_target).map(|base| FoundDelta { delta, base }))
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
