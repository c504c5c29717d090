//! The registry, as a build asks it: what was pushed is what is there.

use super::failure::ImageFailure;
use super::work::Work;
use crate::api::Secret;
use crate::builder::engine::Architecture;
use crate::image::{
    Digest, Image, ImageReference, Platform, RegistryReference, RepositoryTokens,
    TransportSettings, Transports,
};
use crate::progress::Progress;

/// The tag that images of releases have.
pub(super) const TAG: &str = "latest";

impl Work {
    /// A way to registries with this token for `location`, and no credentials but those that are given.
    pub(super) fn transports(
        &self,
        location: &str,
        token: &Secret,
        change: impl FnOnce(&mut TransportSettings),
    ) -> Result<Transports, ImageFailure> {
        let installation = &self.service.settings.installation;
        let settings = TransportSettings::default().changed(|settings| {
            let mut tokens = RepositoryTokens::default();
            let (host, repository) = split(location);
            tokens.add(host, &[repository.to_owned()], token.reveal());
            settings.tokens = tokens;
            settings.only_given = true;
            settings.ca_file = installation.ca_file.clone();
            settings.plain_http = installation.plain_http;
            change(settings);
        });
        Ok(Transports::new(settings)?)
    }
}

/// The image that a registry has at `location` now; of an index that for these devices.
pub(super) fn pushed(
    transports: &Transports,
    location: &str,
    architecture: Architecture,
    progress: &dyn Progress,
) -> Result<(Image, Digest), ImageFailure> {
    let platform = platform(architecture)?;
    let image = transports.open_sole(&reference(location)?, Some(&platform), progress)?;
    let digest = image.manifest().map(|manifest| manifest.digest());
    let digest = digest.ok_or_else(|| refused("the registry has no manifest of the image"))?;
    Ok((image, digest))
}

/// The image at `location` with the tag of releases.
pub(super) fn reference(location: &str) -> Result<ImageReference, ImageFailure> {
    let (host, repository) = split(location);
    let reference = RegistryReference::in_registry(host, &format!("{repository}:{TAG}"));
    let reference = reference.map_err(|error| refused(&error.to_string()))?;
    Ok(ImageReference::Registry(reference))
}

/// The platform of a fleet's devices.
pub(super) fn platform(architecture: Architecture) -> Result<Platform, ImageFailure> {
    architecture.platform().parse().map_err(|_| refused("the architecture has no platform"))
}

/// Registry and repository.
pub(super) fn split(location: &str) -> (&str, &str) {
    location.split_once('/').unwrap_or((location, ""))
}

pub(super) fn refused(reason: &str) -> ImageFailure {
    ImageFailure::Refused(reason.to_owned())
}
