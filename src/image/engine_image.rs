//! Names of images in a Docker Engine, as skopeo writes them (`docker-daemon:` in containers-transports(5)).

use std::fmt;
use std::str::FromStr;

use super::reference_error::ReferenceError;
use super::registry_reference::RegistryReference;
use super::{Digest, ImageId};

/// What short names of images leave out.
const HUB_LIBRARY: &str = "docker.io/library/";
const HUB: &str = "docker.io/";

/// An image of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EngineImage {
    /// By its name, with a tag or a digest.
    Named(RegistryReference),
    /// By its ID.
    Id(ImageId),
}

impl FromStr for EngineImage {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Ok(digest) = text.parse::<Digest>() {
            return Ok(EngineImage::Id(ImageId(digest)));
        }
        let refuse = |reason: &str| ReferenceError::Registry {
            text: text.chars().take(300).collect(),
            reason: reason.to_owned(),
        };
        let image: RegistryReference = text.parse()?;
        let last = text.rsplit('/').next().unwrap_or_default();
        if !last.contains([':', '@']) {
            return Err(refuse("an engine's image is named with a tag, by a digest or by its ID"));
        }
        // Such a name would look like an ID.
        if short(&image).starts_with("sha256:") {
            return Err(refuse("it is neither an ID nor a name"));
        }
        Ok(EngineImage::Named(image))
    }
}

impl fmt::Display for EngineImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineImage::Named(image) => formatter.write_str(&short(image)),
            EngineImage::Id(id) => id.0.fmt(formatter),
        }
    }
}

/// The name as engines show it.
fn short(image: &RegistryReference) -> String {
    let name = image.to_string();
    let stripped = name.strip_prefix(HUB_LIBRARY).or_else(|| name.strip_prefix(HUB));
    // A first part that looks like a host must stand behind one.
    let is_same = |short: &&str| short.parse().is_ok_and(|it: RegistryReference| it == *image);
    stripped.filter(is_same).map_or_else(|| name.clone(), str::to_owned)
}
