//! The door itself: who asks, may they, and not too often.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use super::claims::Claims;
use super::credential::{BuilderSecret, Credential};
use super::networks::Networks;
use super::rate::{Asker, RateLimit};
use super::strangers::Strangers;
use super::token::{TokenError, Verifier};
use super::{AccessError, AccessSettings, Caller, Denied, Permits, SignedIn};
use crate::serving::network_of;

/// Decides who may. Cheap enough for an async thread: a signature check for each new token, and once
/// a second a `stat` of the key files. Notes the caller in the current span, so that all that is
/// logged about a request says who asked.
pub(crate) struct Guard {
    /// `None`: there is none, everybody may.
    lock: Option<Lock>,
}

struct Lock {
    tokens: Verifier,
    builder: Option<BuilderSecret>,
    rate: Option<RateLimit>,
    strangers: Option<Strangers>,
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
            strangers: settings.rate.map(Strangers::new),
            empty_access: Networks::new(settings.empty_access_networks),
            proxies: Networks::new(settings.trusted_proxies),
        };
        Ok(Guard { lock: Some(lock) })
    }

    /// A guard that lets in everybody, as often as they like (`--insecure-no-auth`).
    pub(crate) fn open() -> Guard {
        Guard { lock: None }
    }

    /// From now on so many servers answer, this one among them: each allows its share of the limits.
    pub(crate) fn share_with(&self, servers: usize) {
        let Some(lock) = &self.lock else { return };
        let servers = u32::try_from(servers).unwrap_or(u32::MAX);
        let servers = NonZeroU32::new(servers).unwrap_or(NonZeroU32::MIN);
        if let Some(rate) = &lock.rate {
            rate.share_with(servers);
        }
        if let Some(strangers) = &lock.strangers {
            strangers.share_with(servers);
        }
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
        let client = lock.proxies.client(peer.ip(), headers);
        let claims = lock.verified(headers, client.unwrap_or(peer.ip()))?;
        let caller = lock.caller(&claims, client, peer.ip());
        lock.count_caller(&caller)?;
        permit(&claims, caller, repositories)
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
            return Ok(noted(Caller::Builder));
        }
        let client = lock.proxies.client(peer.ip(), headers).unwrap_or(peer.ip());
        Err(lock.stranger(TokenError::NotBuilder, client))
    }

    /// Lets in whoever asks about many pairs: the builder, or the bearer of a token that permits anything.
    /// Which pairs those may be, the permits say.
    pub(crate) fn admit(&self, headers: &HeaderMap, peer: SocketAddr) -> Result<Permits, Denied> {
        let Some(lock) = &self.lock else { return Ok(Permits::of(Caller::Anybody)) };
        if lock.builder.as_ref().is_some_and(|builder| builder.sent(headers)) {
            return Ok(Permits::of(noted(Caller::Builder)));
        }
        let client = lock.proxies.client(peer.ip(), headers);
        let address = client.unwrap_or(peer.ip());
        if matches!(Credential::of(headers), Ok(Credential::Basic(_))) {
            return Err(lock.stranger(TokenError::NotBuilder, address));
        }
        let claims = lock.verified(headers, address)?;
        let caller = noted(lock.caller(&claims, client, peer.ip()));
        lock.count_caller(&caller)?;
        match claims.are_empty() && caller != Caller::TrustedNetwork {
            true => Err(Denied::Forbidden("the token permits nothing".to_owned())),
            false => Ok(Permits::with(caller, claims)),
        }
    }

    /// Adds what further tokens permit, each of which must hold.
    pub(crate) fn admit_more(
        &self,
        permits: &mut Permits,
        tokens: &[String],
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<(), Denied> {
        let Some(lock) = &self.lock else { return Ok(()) };
        let client = lock.proxies.client(peer.ip(), headers).unwrap_or(peer.ip());
        for token in tokens {
            permits.add(lock.verified_token(token, client)?);
        }
        Ok(())
    }

    /// Whether anybody may do anything.
    pub(crate) fn is_open(&self) -> bool {
        self.lock.is_none()
    }

    /// Lets somebody in who typed a credential into the page: the builder's, or a token that permits to pull
    /// from at least one repository. A credential that does not hold counts like a request without a valid
    /// token.
    pub(crate) fn sign_in(
        &self,
        credential: &str,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<SignedIn, Denied> {
        let Some(lock) = &self.lock else { return Ok(SignedIn::of(Caller::Anybody)) };
        if lock.builder.as_ref().is_some_and(|builder| builder.is_secret(credential)) {
            return Ok(SignedIn::of(noted(Caller::Builder)));
        }
        let client = lock.proxies.client(peer.ip(), headers);
        let claims = lock.verified_token(credential, client.unwrap_or(peer.ip()))?;
        let caller = match claims.subject.as_str() {
            "" => Caller::Unnamed { network: network_of(client.unwrap_or(peer.ip())) },
            subject => Caller::Token { subject: subject.to_owned() },
        };
        let caller = noted(caller);
        lock.count_caller(&caller)?;
        let pulls: Vec<String> = claims.pulls().map(str::to_owned).collect();
        match pulls.is_empty() {
            true => {
                Err(Denied::Forbidden("the token permits to pull from no repository".to_owned()))
            }
            false => Ok(SignedIn { caller, pulls, ends: Some(claims.ends) }),
        }
    }

    /// Counts a request of somebody who signed in before with a token that names `subject`.
    pub(crate) fn count_visit(
        &self,
        subject: &str,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<(), Denied> {
        let Some(lock) = &self.lock else { return Ok(()) };
        let caller = match subject {
            "" => {
                let client = lock.proxies.client(peer.ip(), headers).unwrap_or(peer.ip());
                Caller::Unnamed { network: network_of(client) }
            }
            subject => Caller::Token { subject: subject.to_owned() },
        };
        lock.count_caller(&noted(caller))
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
            return Ok(noted(Caller::Builder));
        }
        self.authorize(headers, peer, repositories)
    }
}

impl Lock {
    /// What the token of a request says. An address that failed too often has few new tokens checked.
    fn verified(&self, headers: &HeaderMap, client: IpAddr) -> Result<Arc<Claims>, Denied> {
        let token = match Credential::of(headers) {
            Ok(Credential::Bearer(token)) => token,
            Ok(Credential::Basic(_)) => return Err(self.stranger(TokenError::NotBearer, client)),
            Err(error) => return Err(self.stranger(error, client)),
        };
        self.verified_token(token, client)
    }

    fn verified_token(&self, token: &str, client: IpAddr) -> Result<Arc<Claims>, Denied> {
        let now = SystemTime::now();
        if let Some(claims) = self.tokens.seen(token, now) {
            return Ok(claims);
        }
        if let Some(strangers) = &self.strangers {
            let checked = strangers.may_check(client);
            checked.map_err(|retry_after| Denied::TooMany { retry_after })?;
        }
        self.tokens.verify(token, now).map_err(|error| self.stranger(error, client))
    }

    /// Who shows a valid token. A builder in a trusted network asks for whole releases, with tokens
    /// that permit nothing: it is not counted.
    fn caller(&self, claims: &Claims, client: Option<IpAddr>, peer: IpAddr) -> Caller {
        let trusted = client.is_some_and(|client| self.empty_access.contain(client));
        match claims.subject.as_str() {
            _ if trusted && claims.are_empty() => Caller::TrustedNetwork,
            "" => Caller::Unnamed { network: network_of(client.unwrap_or(peer)) },
            subject => Caller::Token { subject: subject.to_owned() },
        }
    }

    /// What somebody hears who has shown no valid credential. Counted by address: their tokens may
    /// be different every time.
    fn stranger(&self, error: TokenError, client: IpAddr) -> Denied {
        let Some(strangers) = &self.strangers else { return Denied::Unauthenticated(error) };
        match strangers.failed(client) {
            Ok(()) => Denied::Unauthenticated(error),
            Err(retry_after) => Denied::TooMany { retry_after },
        }
    }

    fn count_caller(&self, caller: &Caller) -> Result<(), Denied> {
        match caller {
            Caller::Token { subject } => self.count(Asker::Subject(subject)),
            Caller::Unnamed { network } => self.count(Asker::Address(*network)),
            Caller::Anybody | Caller::TrustedNetwork | Caller::Builder => Ok(()),
        }
    }

    fn count(&self, asker: Asker<'_>) -> Result<(), Denied> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.count(asker).map_err(|retry_after| Denied::TooMany { retry_after })
    }
}

fn permit(claims: &Claims, caller: Caller, repositories: &[&str]) -> Result<Caller, Denied> {
    let caller = noted(caller);
    if caller == Caller::TrustedNetwork || claims.allow_pull(repositories) {
        return Ok(caller);
    }
    let mut needed = repositories.to_vec();
    needed.dedup();
    let needed = needed.join(" and ");
    Err(Denied::Forbidden(format!("the token does not permit to pull from {needed}")))
}

/// Notes who asks for the log lines of the request.
fn noted(caller: Caller) -> Caller {
    tracing::Span::current().record("caller", tracing::field::display(&caller));
    caller
}

#[cfg(test)]
mod tests;
