//! Asking a delta server for deltas ahead. Blocks; its texts never hold the credential.

use std::path::Path;
use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use super::connection::{Connection, Reply};
use super::wire::{Listed, Pairs};
use super::{ApiError, Credential, Deltas, PairStatus, Secret, WantedPair};

/// How long an answer may take: thousands of pairs are looked up in the registry meanwhile.
const ANSWER_TIME: Duration = Duration::from_secs(300);
/// Bytes of an answer: five thousand pairs of a kilobyte each, twice over.
const MAX_ANSWER_BYTES: usize = 10 << 20;

/// How long the answer to a device's request may take: a server holds it for 25 s.
const DELTA_TIME: Duration = Duration::from_secs(60);
/// Bytes of an answer that names an image.
const MAX_NAME_BYTES: usize = 64 << 10;

/// HTTP's "service unavailable".
const BUSY: u16 = 503;

/// The answer to a device.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// A server's client.
#[derive(Debug)]
pub struct Client {
    pub(super) connection: Connection,
    credential: Credential,
    answer_time: Duration,
}

impl Client {
    /// A client of the server at the URL `server` with the builder credential `token`. `ca_file` has
    /// certificates to trust beside the system's. Contacts nobody.
    ///
    /// # Errors
    /// [`ApiError::ServerUrl`] if `server` is not an HTTP URL, [`ApiError::CaFile`] if `ca_file` cannot be
    /// read or used, [`ApiError::System`] if the system refuses what a client needs.
    pub fn new(
        server: &str,
        token: Option<Secret>,
        ca_file: Option<&Path>,
    ) -> Result<Self, ApiError> {
        let credential = token.map_or(Credential::None, Credential::Builder);
        let connection = Connection::new(server, ca_file)?;
        Ok(Client { connection, credential, answer_time: ANSWER_TIME })
    }

    /// The same client with another credential.
    pub(crate) fn show(&mut self, credential: Credential) {
        self.credential = credential;
    }

    /// From now on waits for an answer for so long at most, though never for longer than usual.
    pub(crate) fn answer_within(&mut self, time: Option<Duration>) {
        self.answer_time = time.unwrap_or(ANSWER_TIME).min(ANSWER_TIME);
    }

    /// The same client with a token that permits pulling, as devices show it.
    pub fn with_pull_token(mut self, token: Secret) -> Self {
        self.credential = Credential::RegistryTokens(vec![token]);
        self
    }

    /// Asks once, as a device does, for the delta from `source` to `target`; the server holds the request for a while
    /// if it has yet to be made. Returns the name of the image to pull, which is `target`'s where a delta is not worth
    /// it.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare); also if there is none in time, or there can be none.
    pub fn delta(&self, source: &str, target: &str) -> Result<String, ApiError> {
        let path = format!("api/v3/delta?src={source}&dest={target}");
        let request = self.credential.shown_by(self.connection.get(&path)).timeout(DELTA_TIME);
        let reply = self.connection.ask(request, MAX_NAME_BYTES)?;
        match reply.status {
            200 => match serde_json::from_slice(&reply.body) {
                Ok(Named { name }) => Ok(name),
                Err(_) => Err(self.nonsense("no name of an image")),
            },
            _ => Err(self.refused(&reply)),
        }
    }

    fn refused(&self, reply: &Reply) -> ApiError {
        let (server, reason) = (self.connection.name(), reply.reason());
        ApiError::Answer { server, status: reply.status, reason }
    }

    /// Asks once, as a host does, for the deltas from `source` to `target` that are ready; if `wait`, the server has one of
    /// Remora's own made, unless it is there, and holds the request for a while. Returns them, the smallest first; `None` if the server knows
    /// nothing of such requests.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn deltas(
        &self,
        source: &str,
        target: &str,
        wait: bool,
    ) -> Result<Option<Deltas>, ApiError> {
        let path = format!("api/deltas?src={source}&dest={target}&wait={wait}");
        let request = self.credential.shown_by(self.connection.get(&path)).timeout(DELTA_TIME);
        let reply = self.connection.ask(request, MAX_NAME_BYTES)?;
        match reply.status {
            200 => match serde_json::from_slice(&reply.body) {
                Ok(deltas) => Ok(Some(deltas)),
                Err(_) => Err(self.nonsense("no list of deltas")),
            },
            404 | 405 => Ok(None),
            _ => Err(self.refused(&reply)),
        }
    }

    /// Asks for deltas and says what has become of each, in their order; on whose turn they are made
    /// is `fleet`'s.
    ///
    /// # Errors
    /// [`ApiError::Unreachable`] if the server cannot be reached or its answer makes no sense,
    /// [`ApiError::Answer`] if the server refuses.
    pub fn prepare(
        &self,
        pairs: &[WantedPair],
        fleet: Option<&str>,
    ) -> Result<Vec<PairStatus>, ApiError> {
        self.list("api/v3/prepare", pairs, fleet)
    }

    /// Says how it stands with each of the deltas, in their order; nothing is begun.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn status(&self, pairs: &[WantedPair]) -> Result<Vec<PairStatus>, ApiError> {
        self.list("api/v3/status", pairs, None)
    }

    fn list(
        &self,
        path: &str,
        pairs: &[WantedPair],
        fleet: Option<&str>,
    ) -> Result<Vec<PairStatus>, ApiError> {
        let request = self.request(path, pairs, fleet);
        let reply = self.connection.ask(request, MAX_ANSWER_BYTES)?;
        match reply.status {
            200 => self.statuses(&reply, pairs.len()),
            _ => Err(self.refused(&reply)),
        }
    }

    /// The same request for whoever reads events meanwhile.
    pub(super) async fn post(
        &self,
        pairs: &[WantedPair],
        fleet: Option<&str>,
    ) -> Result<Vec<PairStatus>, ApiError> {
        let response = self.send(self.request("api/v3/prepare", pairs, fleet)).await?;
        let body = response.bytes().await.map_err(|_| self.nonsense("no end"))?;
        let reply = Reply::new(200, body.to_vec());
        self.statuses(&reply, pairs.len())
    }

    fn request(&self, path: &str, pairs: &[WantedPair], fleet: Option<&str>) -> RequestBuilder {
        let body = Pairs {
            pairs: pairs.to_vec(),
            fleet: fleet.map(str::to_owned),
            tokens: self.credential.further_tokens(),
        };
        let body = serde_json::to_string(&body).expect("plain data");
        self.credential.shown_by(self.connection.post(path, body)).timeout(self.answer_time)
    }

    fn statuses(&self, reply: &Reply, pairs: usize) -> Result<Vec<PairStatus>, ApiError> {
        let listed: Result<Listed, _> = serde_json::from_slice(&reply.body);
        let listed = listed.map_err(|_| self.nonsense("no list of pairs"))?;
        match listed.pairs.len() == pairs {
            true => Ok(listed.pairs),
            false => Err(self.nonsense("another number of pairs")),
        }
    }

    /// The stream of all changes.
    pub(super) async fn events(&self) -> Result<Response, ApiError> {
        self.send(self.credential.shown_by(self.connection.get("api/v3/events"))).await
    }

    /// Sends a request; an answer without success is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let response = self.connection.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => {
                let body = response.bytes().await.unwrap_or_default().to_vec();
                Err(self.refused(&Reply::new(status.as_u16(), body)))
            }
        }
    }

    /// The error of a pair that the server has no place for at the moment.
    pub(super) fn not_queued(&self, pair: &PairStatus) -> ApiError {
        let reason = pair.reason.clone().unwrap_or_default();
        ApiError::Answer { server: self.connection.name(), status: BUSY, reason }
    }

    pub(super) fn nonsense(&self, has: &str) -> ApiError {
        self.connection.nonsense(has).into()
    }
}
