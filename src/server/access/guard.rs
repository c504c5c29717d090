//! The door itself: who asks, may they, and not too often.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use http::HeaderMap;

use super::credential::{BuilderSecret, Credential};
use super::networks::Networks;
use super::rate::{Asker, RateLimit};
use super::token::{Claims, TokenError, Verifier};
use super::{AccessError, AccessSettings, Caller, Denied};

/// Decides who may. Cheap enough for an async thread: a signature check, and once a second a `stat`
/// of the key files.
pub(crate) struct Guard {
    /// `None`: there is none, everybody may.
    lock: Option<Lock>,
}

struct Lock {
    tokens: Verifier,
    builder: Option<BuilderSecret>,
    rate: Option<RateLimit>,
    empty_access: Networks,
    proxies: Networks,
}

impl Guard {
    /// A guard that lets in whom the settings say. Reads the key files, and refuses to be built
    /// without a key.
    pub(crate) fn new(settings: AccessSettings) -> Result<Guard, AccessError> {
        let builder = settings.builder_token.as_deref().map(BuilderSecret::new);
        let lock = Lock {
            tokens: Verifier::new(&settings.tokens)?,
            builder: builder.transpose()?,
            rate: settings.rate.map(RateLimit::new),
            empty_access: Networks::new(settings.empty_access_networks),
            proxies: Networks::new(settings.trusted_proxies),
        };
        Ok(Guard { lock: Some(lock) })
    }

    /// A guard that lets in everybody, as often as they like (`--insecure-no-auth`).
    pub(crate) fn open() -> Guard {
        Guard { lock: None }
    }

    /// Whether this caller may have what these repositories hold: the bearer of a token with `pull`
    /// on all of them. `peer` is the other end of the connection.
    pub(crate) fn authorize(
        &self,
        headers: &HeaderMap,
        peer: SocketAddr,
        repositories: &[&str],
    ) -> Result<Caller, Denied> {
        let Some(lock) = &self.lock else { return Ok(Caller::Anybody) };
        match lock.verified(headers) {
            Ok((token, claims)) => {
                lock.count(Asker::Token(token))?;
                lock.permit(claims, lock.proxies.client(peer.ip(), headers), repositories)
            }
            Err(error) => Err(lock.stranger(error, headers, peer)),
        }
    }

    /// Whether this caller may give the server work ahead of time: the bearer of the builder
    /// credential, as `Basic builder:<secret>` or `Bearer <secret>`.
    pub(crate) fn authorize_builder(
        &self,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<Caller, Denied> {
        let Some(lock) = &self.lock else { return Ok(Caller::Anybody) };
        let Some(builder) = &lock.builder else {
            return Err(Denied::Forbidden("this server has no builder credential".to_owned()));
        };
        if builder.sent(headers) {
            return Ok(Caller::Builder);
        }
        Err(lock.stranger(TokenError::NotBuilder, headers, peer))
    }

    /// Whether this caller may see how these repositories' deltas come along: the builder, or whoever
    /// may have them.
    pub(crate) fn authorize_watcher(
        &self,
        headers: &HeaderMap,
        peer: SocketAddr,
        repositories: &[&str],
    ) -> Result<Caller, Denied> {
        let builder = self.lock.as_ref().and_then(|lock| lock.builder.as_ref());
        if builder.is_some_and(|builder| builder.sent(headers)) {
            return Ok(Caller::Builder);
        }
        self.authorize(headers, peer, repositories)
    }
}

impl Lock {
    fn verified<'a>(&self, headers: &'a HeaderMap) -> Result<(&'a str, Claims), TokenError> {
        match Credential::of(headers)? {
            Credential::Bearer(token) => Ok((token, self.tokens.verify(token, SystemTime::now())?)),
            Credential::Basic(_) => Err(TokenError::NotBearer),
        }
    }

    fn permit(
        &self,
        claims: Claims,
        client: Option<IpAddr>,
        repositories: &[&str],
    ) -> Result<Caller, Denied> {
        if claims.allow_pull(repositories) {
            return Ok(Caller::Token { subject: claims.subject });
        }
        let trusted = client.is_some_and(|client| self.empty_access.contain(client));
        if claims.are_empty() && trusted {
            return Ok(Caller::TrustedNetwork);
        }
        let needed = repositories.join(" and ");
        Err(Denied::Forbidden(format!("the token does not permit to pull from {needed}")))
    }

    /// What somebody hears who has shown no valid credential. Counted by address: their tokens may
    /// be different every time.
    fn stranger(&self, error: TokenError, headers: &HeaderMap, peer: SocketAddr) -> Denied {
        let address = self.proxies.client(peer.ip(), headers).unwrap_or(peer.ip());
        match self.count(Asker::Address(address)) {
            Ok(()) => Denied::Unauthenticated(error),
            Err(too_many) => too_many,
        }
    }

    fn count(&self, asker: Asker<'_>) -> Result<(), Denied> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.count(asker).map_err(|retry_after| Denied::TooMany { retry_after })
    }
}

#[cfg(test)]
mod tests;
