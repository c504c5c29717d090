//! An openBalena installation as one user sees it.

use std::time::Duration;

use super::api::Api;
#[cfg(feature = "server")]
use super::delta_server::DeltaMaker;
use super::delta_server::{DeltaServer, Wanted, wants_other_token};
use super::model::{Fleet, Release, ServiceImage};
use super::registry::Registry;
use super::tokens::Tokens;
use super::{ReleaseError, ReleaseName, ReleaseSettings};
use crate::api::PairStatus;

/// The largest ID that the API can look up; a longer number is the beginning of a commit.
const MAX_ID: u64 = i32::MAX as u64;
/// The shortest beginning of a commit that is looked for.
const MIN_COMMIT: usize = 6;

/// An installation. All of it blocks.
pub struct Installation {
    pub(super) api: Api,
    settings: ReleaseSettings,
    server: DeltaServer,
    tokens: Tokens,
    /// Whether the delta server wants to see the user's own tokens.
    shows_tokens: bool,
}

impl Installation {
    /// The installation that `settings` lead to. Reads the file of certificates; contacts nobody.
    ///
    /// # Errors
    /// If a URL is none, or the file of certificates cannot be read.
    pub fn new(settings: ReleaseSettings) -> Result<Self, ReleaseError> {
        if settings.api.is_empty() || settings.delta_server.is_empty() {
            return Err(ReleaseError::NoAddress);
        }
        let (server, shows_tokens) = (DeltaServer::new(&settings)?, settings.builder.is_none());
        let (api, tokens) = (Api::new(&settings)?, Tokens::default());
        Ok(Installation { api, server, settings, tokens, shows_tokens })
    }

    /// The same, with deltas made by `maker`, which needs to see no credential.
    #[cfg(feature = "server")]
    pub(crate) fn with_maker(
        settings: ReleaseSettings,
        maker: Box<dyn DeltaMaker>,
    ) -> Result<Self, ReleaseError> {
        let (api, server) = (Api::new(&settings)?, DeltaServer::of(maker));
        let tokens = Tokens::default();
        Ok(Installation { api, server, settings, tokens, shows_tokens: false })
    }

    /// The release of this name, with its images.
    pub(super) fn release(&self, name: &ReleaseName) -> Result<Release, ReleaseError> {
        let found = match name {
            ReleaseName::Digits(digits) => match self.release_with_id(digits)? {
                Some(release) => vec![release],
                None if digits.len() >= MIN_COMMIT => self.api.releases_by_commit(digits)?,
                None => Vec::new(),
            },
            ReleaseName::Commit(commit) => self.api.releases_by_commit(commit)?,
            ReleaseName::Version { fleet, version } => {
                self.api.releases_by_version(self.fleet_called(fleet)?.id, version)?
            }
            ReleaseName::Tracked { fleet } => return self.tracked(&self.fleet_called(fleet)?),
        };
        one(found, name, |release| format!("{} ({})", release.id, release.commit))
    }

    fn release_with_id(&self, digits: &str) -> Result<Option<Release>, ReleaseError> {
        match digits.parse::<u64>() {
            Ok(id) if id <= MAX_ID => {
                let found = self.api.release(&id.to_string())?;
                Ok(found.filter(Release::is_successful))
            }
            _ => Ok(None),
        }
    }

    /// The release with this ID, if devices may run it: one that failed or was invalidated is none.
    pub(super) fn good_release(&self, id: u64) -> Result<Option<Release>, ReleaseError> {
        Ok(self.api.releases(&[id])?.into_iter().next().filter(Release::is_good))
    }

    /// The release that the fleet's devices are to run.
    pub(super) fn tracked(&self, fleet: &Fleet) -> Result<Release, ReleaseError> {
        let nothing = || ReleaseError::NothingTracked(fleet.slug.clone());
        let id = fleet.tracked.ok_or_else(nothing)?;
        self.api.release(&id.to_string())?.ok_or_else(nothing)
    }

    /// The fleet of this slug or name.
    pub(super) fn fleet_called(&self, name: &str) -> Result<Fleet, ReleaseError> {
        let mut found = self.api.fleets_called(name)?;
        match found.len() {
            0 => Err(ReleaseError::NoFleet(name.to_owned())),
            1 => Ok(found.remove(0)),
            _ => Err(ReleaseError::Ambiguous {
                name: name.to_owned(),
                choices: found.into_iter().map(|fleet| fleet.slug).collect(),
            }),
        }
    }

    /// The fleet that a release is of.
    pub(super) fn fleet_of(&self, release: &Release) -> Result<Fleet, ReleaseError> {
        let fleet = self.api.fleet(release.fleet)?;
        fleet.ok_or_else(|| ReleaseError::NoFleet(release.fleet.to_string()))
    }

    /// The registry, read with tokens for these images.
    pub(super) fn registry<'a>(
        &mut self,
        sources: impl Iterator<Item = &'a ServiceImage>,
        targets: impl Iterator<Item = &'a ServiceImage>,
    ) -> Result<Registry, ReleaseError> {
        self.tokens.cover(&self.api, sources, targets)?;
        Registry::new(&self.settings, &self.tokens.by_repository)
    }

    /// Has the delta server answer within this time, or within the usual one.
    pub(super) fn answer_within(&mut self, time: Option<Duration>) {
        self.server.answer_within(time);
    }

    /// How it stands with these deltas.
    pub(super) fn status(
        &mut self,
        wanted: &[Wanted<'_>],
    ) -> Result<Vec<PairStatus>, ReleaseError> {
        self.ask(wanted, DeltaServer::status)
    }

    /// Asks for these deltas, for `fleet`.
    pub(super) fn have_made(
        &mut self,
        wanted: &[Wanted<'_>],
        fleet: &str,
    ) -> Result<Vec<PairStatus>, ReleaseError> {
        self.ask(wanted, |server, wanted| server.prepare(wanted, fleet))
    }

    /// Asks the delta server; once more with new tokens if those at hand do not hold any more.
    fn ask(
        &mut self,
        wanted: &[Wanted<'_>],
        question: impl Fn(&DeltaServer, &[Wanted<'_>]) -> Result<Vec<PairStatus>, ReleaseError>,
    ) -> Result<Vec<PairStatus>, ReleaseError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.show_tokens(wanted)?;
        match question(&self.server, wanted) {
            Err(error) if wants_other_token(&error) && self.shows_tokens => {
                self.tokens.forget();
                self.show_tokens(wanted)?;
                question(&self.server, wanted)
            }
            answer => answer,
        }
    }

    fn show_tokens(&mut self, wanted: &[Wanted<'_>]) -> Result<(), ReleaseError> {
        if !self.shows_tokens {
            return Ok(());
        }
        let sources = wanted.iter().map(|pair| pair.source);
        self.tokens.cover(&self.api, sources, wanted.iter().map(|pair| pair.target))?;
        self.server.show(self.tokens.secrets.clone());
        Ok(())
    }
}

/// The one that a name stands for.
fn one(
    mut found: Vec<Release>,
    name: &ReleaseName,
    described: impl Fn(&Release) -> String,
) -> Result<Release, ReleaseError> {
    match found.len() {
        0 => Err(ReleaseError::NoRelease(name.to_string())),
        1 => Ok(found.remove(0)),
        _ => {
            let choices = found.iter().map(described).collect();
            Err(ReleaseError::Ambiguous { name: name.to_string(), choices })
        }
    }
}

impl std::fmt::Debug for Installation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Installation").field("settings", &self.settings).finish_non_exhaustive()
    }
}
