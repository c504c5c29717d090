//! Where the delta of a pair is in the target's repository, or is to be put.

use super::opened::{Opened, stored_bytes};
use super::work_error::WorkError;
use crate::apply::LayerDeltas;
use crate::image::{Digest, Image, ImageError, ImageReference, RegistryReference, Transports};
use crate::progress::Silent;
use crate::server::build::{Built, BuiltPlace};
use crate::server::pair::Pair;
use crate::server::settings::RegistrySettings;
use crate::{Cause, Dialect, ErrorKind};

/// The tag of a pair's delta.
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) reference: RegistryReference,
    /// The delta that is there already.
    pub(super) built: Option<Built>,
}

/// What a tag stands for.
enum TagHolder {
    Nothing,
    /// The delta of the very pair.
    Ours(Built),
    Something,
}

impl Tag {
    /// The tag under which the delta of `pair` is, or is to be put. The last resort is taken from
    /// whatever has it: its name says that it is for this pair.
    pub(super) fn choose(
        transports: &Transports,
        registry: &RegistrySettings,
        pair: &Pair,
        opened: &Opened,
    ) -> Result<Self, WorkError> {
        let [usual, exact] = places(registry, pair)?;
        let look = |(name, reference): (String, RegistryReference), last: bool| {
            let built = match state(transports, pair.format, &reference, &name, opened)? {
                TagHolder::Ours(built) => Some(built),
                TagHolder::Something if !last => return Ok(None),
                TagHolder::Something | TagHolder::Nothing => None,
            };
            Ok::<_, WorkError>(Some(Tag { name, reference, built }))
        };
        match look(usual, false)? {
            Some(tag) => Ok(tag),
            None => Ok(look(exact, true)?.expect("the last one is never refused")),
        }
    }
}

/// The delta of `pair` that the registry has, under whichever of its tags.
pub(super) fn find(
    transports: &Transports,
    registry: &RegistrySettings,
    pair: &Pair,
) -> Result<Option<Built>, WorkError> {
    let opened = Opened::open(transports, registry, pair, &Silent)?;
    for (name, reference) in places(registry, pair)? {
        if let TagHolder::Ours(built) = state(transports, pair.format, &reference, &name, &opened)?
        {
            return Ok(Some(built));
        }
    }
    Ok(None)
}

/// The tags that the delta of `pair` may have, and where they are.
pub(super) fn places(
    registry: &RegistrySettings,
    pair: &Pair,
) -> Result<[(String, RegistryReference); 2], ImageError> {
    let Pair { format, source, target } = pair;
    let [usual, exact] = format.delta_tags(&source.repository, source.digest, target.digest);
    let repository = &target.repository;
    let named =
        |tag: &str| RegistryReference::in_registry(&registry.host, &format!("{repository}:{tag}"));
    Ok([(usual.clone(), named(&usual)?), (exact.clone(), named(&exact)?)])
}

/// Finds out what the tag `name` stands for.
fn state(
    transports: &Transports,
    format: Dialect,
    reference: &RegistryReference,
    name: &str,
    opened: &Opened,
) -> Result<TagHolder, WorkError> {
    let Some(digest) = transports.find(reference)? else { return Ok(TagHolder::Nothing) };
    let named = ImageReference::Registry(reference.clone());
    let opened_there = transports.open_any_sole(&named, None, &Silent);
    let read = |image| Ok(LayerDeltas::of(image, &Silent)?);
    match opened_there.map_err(WorkError::from).and_then(read) {
        Ok(delta) if delta.dialect() == format && is_of(&delta, opened) => {
            Ok(TagHolder::Ours(reused(delta.image(), opened, name, digest)))
        }
        Ok(_) => Ok(TagHolder::Something),
        Err(error) if error.kind() == ErrorKind::Content => Ok(TagHolder::Something),
        Err(error) if error.cause() == Cause::Missing => Ok(TagHolder::Nothing),
        Err(error) => Err(error),
    }
}

/// Whether a delta says that it is the one between these two.
fn is_of(delta: &LayerDeltas, opened: &Opened) -> bool {
    (delta.base(), delta.target().id()) == (opened.base.id(), opened.target.id())
}

/// A delta that somebody made before: what it is made of cannot be seen from outside.
fn reused(delta: &Image, opened: &Opened, name: &str, digest: Digest) -> Built {
    Built {
        place: BuiltPlace::Tag { tag: name.to_owned(), digest },
        bytes: stored_bytes(delta),
        pull_bytes: opened.pull_bytes(),
        commands: 0,
        seconds: 0.0,
    }
}
