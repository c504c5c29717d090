//! The user's own tokens for the registry: few, each for many repositories.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ReleaseError;
use super::api::Api;
use super::model::ServiceImage;
use crate::api::Secret;
use crate::image::RepositoryTokens;

/// Repositories of one token: the header with it stays below 8 KiB, which proxies take.
const REPOSITORIES_AT_ONCE: usize = 60;
/// How long tokens are used. The API's hold for four hours.
const LIFETIME: Duration = Duration::from_secs(3 * 3600);

/// Tokens that permit what was last asked for.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    wanted: Wanted,
    got: Option<Instant>,
    pub(super) secrets: Vec<Secret>,
    pub(super) by_repository: RepositoryTokens,
}

/// By registry, the repositories and whether they are to be written to.
type Wanted = BTreeMap<String, BTreeMap<String, bool>>;

impl Tokens {
    /// Makes sure that there are tokens to read these images, and to put deltas beside those that are
    /// `targets`.
    pub(super) fn cover<'a>(
        &mut self,
        api: &Api,
        sources: impl Iterator<Item = &'a ServiceImage>,
        targets: impl Iterator<Item = &'a ServiceImage>,
    ) -> Result<(), ReleaseError> {
        let mut wanted = Wanted::new();
        let sources = sources.map(|image| (image, false));
        for (image, written) in sources.chain(targets.map(|image| (image, true))) {
            let (host, repository) = image.place();
            let repositories = wanted.entry(host.to_owned()).or_default();
            *repositories.entry(repository.to_owned()).or_default() |= written;
        }
        let fresh = self.got.is_some_and(|got| got.elapsed() < LIFETIME);
        match fresh && self.wanted == wanted {
            true => Ok(()),
            false => self.fetch(api, wanted),
        }
    }

    /// Forgets the tokens: a server no longer takes one.
    pub(super) fn forget(&mut self) {
        self.got = None;
    }

    fn fetch(&mut self, api: &Api, wanted: Wanted) -> Result<(), ReleaseError> {
        let mut tokens = Tokens { got: Some(Instant::now()), ..Tokens::default() };
        for (host, repositories) in &wanted {
            let repositories: Vec<(&String, &bool)> = repositories.iter().collect();
            for some in repositories.chunks(REPOSITORIES_AT_ONCE) {
                let scopes: Vec<String> =
                    some.iter().map(|(name, written)| scope(name, **written)).collect();
                let token = api.registry_token(host, &scopes)?;
                let names: Vec<String> = some.iter().map(|(name, _)| (*name).clone()).collect();
                tokens.by_repository.add(host, &names, token.reveal());
                tokens.secrets.push(token);
            }
        }
        tokens.wanted = wanted;
        *self = tokens;
        Ok(())
    }
}

fn scope(repository: &str, written: bool) -> String {
    format!("repository:{repository}:pull{}", if written { ",push" } else { "" })
}
