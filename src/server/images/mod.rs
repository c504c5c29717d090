//! Images on behalf of the server: what a reference means at this moment, whether a delta is still
//! where it was put, and the making of deltas out of the registry and back into it.
//!
//! Door: [`Images`] answers questions while requests wait; [`RegistryBuilder`] makes deltas, which
//! blocks; [`Insights`] looks into deltas that were made. All talk to the configured registry and to no other.
//!
//! Not here: which deltas are made when (the jobs), and what a request may ask for (access, query).

mod blame;
mod builder;
mod insight;
mod lookup;
mod opened;
mod tag;
mod trouble;
mod watch;
mod work_error;

pub(crate) use builder::RegistryBuilder;
pub(crate) use insight::{Insight, Insights};
pub(crate) use trouble::RegistryAway;

use std::time::Duration;

use self::lookup::Lookup;
use super::build::Built;
use super::pair::{Pair, PinnedImage};
use super::settings::RegistrySettings;
use crate::api::{ImageVersion, NamedImage};
use crate::image::{
    Digest, ImageError, RegistryLogin, RegistryReference, TransportSettings, Transports,
};

/// How long a registry may be silent when a request waits for its answer.
const QUESTION_SILENCE: Duration = Duration::from_secs(10);

/// The longest pause that a registry may ask for during a build.
const BUILD_PAUSE: Duration = Duration::from_secs(5);

/// Answers about images in the registry.
pub(crate) struct Images {
    registry: RegistrySettings,
    lookup: Lookup,
}

impl Images {
    /// Reads the CA file, if there is one; contacts nobody. Trouble with the registry that lasts longer
    /// than `patience` is not waited for.
    pub(crate) fn new(settings: &RegistrySettings, patience: Duration) -> Result<Self, ImageError> {
        let transports = Transports::new(TransportSettings {
            // When to ask again is known better by who has all questions.
            max_attempts: 1,
            silence: QUESTION_SILENCE.min(settings.silence),
            longest_pause: Duration::ZERO,
            ..transport_settings(settings)
        })?;
        Ok(Images { registry: settings.clone(), lookup: Lookup::new(transports, patience) })
    }

    /// The image that `image` means: its own digest, or what its tag stood for in the last few
    /// seconds. `None` if there is no such tag. Whether there is an image of a digest
    /// is another question ([`has`](Self::has)).
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

    /// Whether `tag` stands for `digest` in `repository`, or did a moment ago.
    pub(crate) async fn is_tagged(
        &self,
        repository: &str,
        tag: &str,
        digest: Digest,
    ) -> Result<bool, RegistryAway> {
        self.lookup.is(&self.tag_of(repository, tag)?, digest).await
    }

    /// Whether the registry has an image, or had it a moment ago.
    pub(crate) async fn has(&self, image: &PinnedImage) -> Result<bool, RegistryAway> {
        let name = format!("{}@{}", image.repository, image.digest);
        let reference = RegistryReference::in_registry(&self.registry.host, &name);
        let found = self.lookup.find_recent(&reference.map_err(RegistryAway::passing)?).await?;
        Ok(found.is_some())
    }

    /// The delta image of a pair that the registry has, though no job may know of it. Only if the usual tag
    /// is taken is anything else looked at: a delta has its other tag where that one is somebody else's.
    pub(crate) async fn find_delta(&self, pair: &Pair) -> Result<Option<Built>, RegistryAway> {
        if pair.format.files_folder().is_some() {
            return Ok(None);
        }
        let [(_, usual), _] = tag::places(&self.registry, pair).map_err(RegistryAway::passing)?;
        if self.lookup.find_recent(&usual).await?.is_none() {
            return Ok(None);
        }
        let (registry, pair) = (self.registry.clone(), pair.clone());
        let find = move |transports: &Transports| tag::find(transports, &registry, &pair);
        self.lookup.ask(find).await?.map_err(RegistryAway::passing)
    }

    /// How devices name `tag` of `repository`.
    pub(crate) fn name(&self, repository: &str, tag: &str) -> String {
        format!("{}/{repository}:{tag}", self.registry.host)
    }

    fn tag_of(&self, repository: &str, tag: &str) -> Result<RegistryReference, RegistryAway> {
        let image =
            RegistryReference::in_registry(&self.registry.host, &format!("{repository}:{tag}"));
        image.map_err(RegistryAway::passing)
    }

    /// Whether the registry gives a sign of life.
    pub(crate) async fn reach(&self) -> Result<(), RegistryAway> {
        self.lookup.reach(&self.registry.host).await
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
        max_attempts: settings.retries.saturating_add(1),
        silence: settings.silence,
        longest_pause: BUILD_PAUSE,
        ..TransportSettings::default()
    }
}
