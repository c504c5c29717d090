//! Images on behalf of the server: what a reference means at this moment, whether a delta is still
//! where it was put, and the making of deltas out of the registry and back into it.
//!
//! Door: [`Images`] answers questions while requests wait; [`RegistryBuilder`] makes deltas, which
//! blocks. Both talk to the configured registry and to no other.
//!
//! Not here: which deltas are made when (the jobs), and what a request may ask for (access, query).

mod builder;
mod cause;
mod lookup;
mod opened;
mod tag;

pub(crate) use builder::RegistryBuilder;
pub(crate) use lookup::RegistryAway;

use std::time::Duration;

use self::lookup::Lookup;
use super::pair::PinnedImage;
use super::query::{ImageVersion, NamedImage};
use super::settings::RegistrySettings;
use crate::image::{
    Digest, ImageError, RegistryLogin, RegistryReference, TransportSettings, Transports,
};

/// Attempts at a question that a request waits for; the device asks again anyway.
const QUESTION_ATTEMPTS: u32 = 2;
const QUESTION_PAUSE: Duration = Duration::from_millis(200);

/// Answers about images in the registry.
pub(crate) struct Images {
    host: String,
    lookup: Lookup,
}

impl Images {
    /// Reads the CA file, if there is one; contacts nobody.
    pub(crate) fn new(settings: &RegistrySettings) -> Result<Self, ImageError> {
        let transports = Transports::new(TransportSettings {
            max_attempts: QUESTION_ATTEMPTS,
            retry_pause: QUESTION_PAUSE,
            ..transport_settings(settings)
        })?;
        Ok(Images { host: settings.host.clone(), lookup: Lookup::new(transports) })
    }

    /// The image that `image` means: its own digest, or what its tag stood for in the last few
    /// seconds. `None` if there is no such tag. Whether there is an image of a digest is left to find
    /// out to whoever opens it.
    pub(crate) async fn pin(
        &self,
        image: &NamedImage,
    ) -> Result<Option<PinnedImage>, RegistryAway> {
        let repository = image.repository.clone();
        let digest = match &image.version {
            ImageVersion::Digest(digest) => Some(*digest),
            ImageVersion::Tag(tag) => {
                self.lookup.find_recent(&self.tag_of(&repository, tag)?).await?
            }
        };
        Ok(digest.map(|digest| PinnedImage { repository, digest }))
    }

    /// The digest that `tag` stands for in `repository` at this moment.
    pub(crate) async fn tagged(
        &self,
        repository: &str,
        tag: &str,
    ) -> Result<Option<Digest>, RegistryAway> {
        self.lookup.find(&self.tag_of(repository, tag)?).await
    }

    /// How devices name `tag` of `repository`.
    pub(crate) fn name(&self, repository: &str, tag: &str) -> String {
        format!("{}/{repository}:{tag}", self.host)
    }

    fn tag_of(&self, repository: &str, tag: &str) -> Result<RegistryReference, RegistryAway> {
        let image = RegistryReference::in_registry(&self.host, &format!("{repository}:{tag}"));
        image.map_err(|error| RegistryAway(error.to_string()))
    }

    /// Whether the registry gives a sign of life.
    pub(crate) async fn reach(&self) -> Result<(), RegistryAway> {
        self.lookup.reach(&self.host).await
    }
}

/// The way to the registry, with the server's own credentials.
fn transport_settings(settings: &RegistrySettings) -> TransportSettings {
    let login = settings.password.as_ref().map(|password| RegistryLogin {
        host: settings.host.clone(),
        user: settings.user.clone(),
        password: password.reveal().to_owned(),
    });
    TransportSettings {
        login,
        plain_http: settings.plain_http,
        ca_file: settings.ca_file.clone(),
        ..TransportSettings::default()
    }
}
