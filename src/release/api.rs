//! openBalena's API: questions, answered in the types of [`model`](super::model). Blocks.
//!
//! Version 7 is spoken, or 6 where the API is older than that. Whoever asks is made sure of first: the API
//! answers a wrong token with empty lists, which look like "no such release".

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::account::Account;
use super::model::{Change, Device, Fleet, FleetVariable, Release, Rows, Variable};
use super::odata::Query;
use super::{ReleaseError, ReleaseSettings, query, session_token};
use crate::api::{Connection, ConnectionError, Reply, RequestDraft, Secret};

/// How long one answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Bytes of an answer: a page of a thousand devices has some 300 KB.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// How often a question is asked that may be answered a while later.
const ATTEMPTS: u32 = 5;
/// The pause after the first attempt; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that the API may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Releases asked for in one question, which keeps its URL below 4 KiB.
const RELEASES_AT_ONCE: usize = 60;
/// Fleets whose changes are asked for in one question.
const FLEETS_AT_ONCE: usize = 200;
/// Rows of one kind that are read: more than any fleet known has devices.
const MAX_ROWS: usize = 1_000_000;

/// The API of one installation, asked by one user.
#[derive(Debug)]
pub(super) struct Api {
    connection: Connection,
    token: Secret,
    version: OnceLock<&'static str>,
    /// When no more is to be asked.
    end: Mutex<Option<Instant>>,
    /// Set when the API has taken the token.
    known: OnceLock<()>,
}

const NEWEST: &str = "v7";
const OLDER: &str = "v6";

impl Api {
    /// Reads the CA file, if there is one; contacts nobody.
    pub(super) fn new(settings: &ReleaseSettings) -> Result<Self, ReleaseError> {
        let connection = Connection::new(&settings.api, settings.ca_file.as_deref())?;
        let token = settings.token.clone();
        Ok(Api {
            connection,
            token,
            version: OnceLock::new(),
            end: Mutex::default(),
            known: OnceLock::new(),
        })
    }

    /// Makes sure that the API takes the token, once.
    pub(super) fn log_in(&self) -> Result<(), ReleaseError> {
        match self.known.get() {
            Some(()) => Ok(()),
            None => self.check_token().map(drop),
        }
    }

    /// Makes sure that the API takes the token now: one that was taken back is answered with empty lists. Returns the
    /// user's name, as far as the API says it.
    pub(super) fn check_token(&self) -> Result<String, ReleaseError> {
        let mut reply = self.ask(|| self.connection.get("actor/v1/whoami"))?;
        if reply.status == 404 {
            reply = self.ask(|| self.connection.get("user/v1/whoami"))?;
        }
        let account = match reply.status {
            200 => self.read::<Account>(&reply)?.check()?,
            401 => return Err(ReleaseError::TokenRefused { api: self.connection.name() }),
            _ => return Err(self.refused(&reply)),
        };
        let _ = self.known.set(());
        Ok(account.name())
    }

    /// The release with this ID.
    pub(super) fn release(&self, id: &str) -> Result<Option<Release>, ReleaseError> {
        let found: Option<Release> = self.rows(&query::release(id))?.into_iter().next();
        match found {
            Some(other) if other.id.to_string() != id => Err(self.nonsense("another release")),
            found => Ok(found),
        }
    }

    /// The releases whose commit begins so.
    pub(super) fn releases_by_commit(&self, start: &str) -> Result<Vec<Release>, ReleaseError> {
        self.rows(&query::releases_by_commit(start))
    }

    /// The releases of a fleet with this version.
    pub(super) fn releases_by_version(
        &self,
        fleet: u64,
        version: &str,
    ) -> Result<Vec<Release>, ReleaseError> {
        self.rows(&query::releases_by_version(fleet, version))
    }

    /// These releases, as far as they are there.
    pub(super) fn releases(&self, ids: &[u64]) -> Result<Vec<Release>, ReleaseError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(RELEASES_AT_ONCE) {
            found.extend(self.rows::<Release>(&query::releases(ids))?);
        }
        Ok(found)
    }

    /// The fleet with this ID.
    pub(super) fn fleet(&self, id: u64) -> Result<Option<Fleet>, ReleaseError> {
        Ok(self.rows(&query::fleet(id))?.into_iter().next())
    }

    /// The fleets of this slug or, where it is no slug, of this name.
    pub(super) fn fleets_called(&self, name: &str) -> Result<Vec<Fleet>, ReleaseError> {
        match name.contains('/') {
            true => self.rows(&query::fleet_by_slug(&name.to_lowercase())),
            false => self.rows(&query::fleets_by_name(name)),
        }
    }

    /// All fleets that this user sees.
    pub(super) fn fleets(&self) -> Result<Vec<Fleet>, ReleaseError> {
        self.pages(query::fleets, |fleet: &Fleet| fleet.id)
    }

    /// The link rates that fleets are set to, by the fleets' IDs.
    pub(super) fn link_rates(&self) -> Result<Vec<FleetVariable>, ReleaseError> {
        self.pages(query::link_rates, |rate: &FleetVariable| rate.fleet)
    }

    /// A fleet's last releases, the newest first.
    pub(super) fn recent(&self, fleet: u64) -> Result<Vec<Change>, ReleaseError> {
        self.rows(&query::recent(fleet))
    }

    /// Releases of these fleets that have changed since `time` (RFC 3339).
    pub(super) fn changed(&self, fleets: &[u64], time: &str) -> Result<Vec<Change>, ReleaseError> {
        let mut changed: Vec<Change> = Vec::new();
        for fleets in fleets.chunks(FLEETS_AT_ONCE) {
            let query = |after| query::changed(fleets, time, after);
            changed.extend(self.pages(query, |change: &Change| change.id)?);
        }
        Ok(changed)
    }

    /// All devices of a fleet.
    pub(super) fn devices(&self, fleet: u64) -> Result<Vec<Device>, ReleaseError> {
        let query = |after| query::devices(fleet, after, self.version() == NEWEST);
        let mut devices = self.pages(query, |device: &Device| device.id)?;
        if self.version() != NEWEST {
            // Version 6 calls the pin so, and has no other word for it.
            devices.iter_mut().for_each(|device| device.pinned = device.wanted);
        }
        Ok(devices)
    }

    /// The version of deltas that a fleet's devices ask for, as the fleet is set.
    pub(super) fn fleet_delta_version(&self, fleet: u64) -> Result<Option<String>, ReleaseError> {
        let set: Vec<Variable> = self.rows(&query::fleet_delta_version(fleet))?;
        Ok(set.into_iter().next().map(|variable| variable.value))
    }

    /// Makes a draft final. A release that is final already stays so. The API answers the same where there
    /// is no such release or this user may not change it: look at the release afterwards.
    pub(super) fn finalize(&self, release: u64) -> Result<(), ReleaseError> {
        let path = format!("{}/release({release})", self.version());
        let body = r#"{"is_final":true}"#;
        let reply = self.ask(|| self.connection.patch(&path, body.to_owned()))?;
        match reply.status {
            200..300 => Ok(()),
            _ => Err(self.refused(&reply)),
        }
    }

    /// A token for the registry `service` with these scopes.
    pub(super) fn registry_token(
        &self,
        service: &str,
        scopes: &[String],
    ) -> Result<Secret, ReleaseError> {
        let scopes = scopes.iter().map(|scope| ("scope", scope.as_str()));
        let fields: Vec<(&str, &str)> = [("service", service)].into_iter().chain(scopes).collect();
        let reply = self.ask(|| self.connection.get("auth/v1/token").query(&fields))?;
        if reply.status != 200 {
            return Err(self.refused(&reply));
        }
        let answer: Value = self.read(&reply)?;
        match answer["token"].as_str() {
            Some(token) => Ok(Secret::new(token)),
            None => Err(self.nonsense("no token")),
        }
    }

    /// The rows of all pages of a query, which is made anew with the `id` of the last row before.
    fn pages<T: DeserializeOwned>(
        &self,
        query: impl Fn(u64) -> Query,
        id: impl Fn(&T) -> u64,
    ) -> Result<Vec<T>, ReleaseError> {
        let mut rows: Vec<T> = Vec::new();
        loop {
            let after = rows.last().map_or(0, &id);
            let page: Vec<T> = self.rows(&query(after))?;
            let more =
                page.len() == query::PAGE && page.last().is_some_and(|last| id(last) > after);
            rows.extend(page);
            if !more || rows.len() > MAX_ROWS {
                return Ok(rows);
            }
        }
    }

    /// The rows that a query finds. An API that is older than version 7 answers its path with 404.
    pub(super) fn rows<T: DeserializeOwned>(&self, query: &Query) -> Result<Vec<T>, ReleaseError> {
        self.log_in()?;
        let mut reply = self.query(query)?;
        if reply.status == 404 && self.version.get().is_none() {
            let _ = self.version.set(OLDER);
            reply = self.query(query)?;
        }
        if reply.status != 200 {
            return Err(self.refused(&reply));
        }
        let _ = self.version.set(self.version());
        Ok(self.read::<Rows<T>>(&reply)?.d)
    }

    fn query(&self, query: &Query) -> Result<Reply, ReleaseError> {
        let path = format!("{}/{}", self.version(), query.url());
        self.ask(|| self.connection.get(&path))
    }

    /// The version that the API speaks, as far as it is known.
    pub(super) fn version(&self) -> &'static str {
        self.version.get().copied().unwrap_or(NEWEST)
    }

    /// Takes over what another one of the same user has learned: that the token is good, and the version.
    #[cfg(feature = "builder")]
    pub(super) fn knows(&self, version: &'static str) {
        let _ = self.version.set(version);
        let _ = self.known.set(());
    }

    /// Whether the API speaks the newest version that is known here.
    #[cfg(feature = "builder")]
    pub(super) fn is_newest(&self) -> bool {
        self.version() == NEWEST
    }

    #[cfg(feature = "builder")]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// From now on asks nothing for longer than until then, apart from a last question.
    pub(super) fn end_by(&self, end: Option<Instant>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// The time that is left for questions, if there is an end.
    fn left(&self) -> Option<Duration> {
        let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        end.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Sends one request, as this user.
    pub(super) fn ask_once(&self, request: RequestDraft) -> Result<Reply, ConnectionError> {
        let time = self.left().map_or(ANSWER_TIME, |left| left.clamp(FIRST_PAUSE, ANSWER_TIME));
        let request = request.timeout(time).bearer_auth(self.token.reveal());
        self.connection.ask(request, MAX_ANSWER_BYTES)
    }

    /// Asks until there is an answer that will not change by asking again.
    fn ask(&self, request: impl Fn() -> RequestDraft) -> Result<Reply, ReleaseError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            // To a token that has ended the API answers with empty lists, also in the middle of a long wait.
            if session_token::is_over(&self.token) {
                return Err(ReleaseError::SessionOver);
            }
            let answer = self.ask_once(request());
            let (wanted, reason) = match &answer {
                Ok(reply) if !matches!(reply.status, 429 | 502..=504) => return Ok(answer?),
                // An answer that makes no sense makes none the next time.
                Err(ConnectionError::Nonsense { .. }) => return Ok(answer?),
                Ok(reply) => (reply.retry_after, format!("it answered {}", reply.status)),
                Err(ConnectionError::Unreachable { reason, .. }) => (None, reason.clone()),
                Err(_) => return Ok(answer?),
            };
            let is_over = self.left().is_some_and(|left| left.is_zero());
            if attempt == ATTEMPTS || is_over {
                return answer
                    .map_err(ReleaseError::from)
                    .and_then(|reply| Err(self.refused(&reply)));
            }
            let next = wanted.unwrap_or(pause).min(LONGEST_PAUSE);
            let next = self.left().map_or(next, |left| next.min(left));
            tracing::warn!(reason, seconds = next.as_secs(), "openBalena's API is asked again");
            sleep(next);
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, ReleaseError> {
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.nonsense(&format!("what was not asked for ({error})")))
    }

    fn nonsense(&self, has: &str) -> ReleaseError {
        self.connection.nonsense(has).into()
    }

    pub(super) fn refused(&self, reply: &Reply) -> ReleaseError {
        let (api, status) = (self.connection.name(), reply.status);
        ReleaseError::Answer { api, status, reason: reply.reason() }
    }
}
