//! Asking a delta server for deltas ahead. Blocks; its texts never hold the credential.

use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use tokio::runtime::Runtime;

use super::wire::{Prepare, Prepared};
use super::{ApiError, PairStatus, Secret, WantedPair};
use crate::small_file::read_small_file;
use crate::tls::{self, Trust, certificates};

/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// How long an answer may take: thousands of pairs are looked up in the registry meanwhile.
const ANSWER_TIME: Duration = Duration::from_secs(300);
/// Characters of an error answer that are passed on.
const MAX_REASON_CHARS: usize = 300;
/// Bytes of a file of certificates: all authorities that browsers trust take 300 KB.
const MAX_CA_FILE_BYTES: u64 = 16 << 20;
/// The user that a builder credential belongs to.
const USER: &str = "builder";

/// A server's client.
#[derive(Debug)]
pub struct Client {
    pub(super) http: reqwest::Client,
    base: Url,
    token: Option<Secret>,
    pub(super) runtime: Runtime,
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
        let base = Url::parse(&format!("{}/", server.trim_end_matches('/')));
        let base = base.ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let base = base.ok_or_else(|| ApiError::ServerUrl(server.chars().take(200).collect()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ApiError::System)?;
        Ok(Client { http: http_client(ca_file)?, base, token, runtime })
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
        self.runtime.block_on(self.post(pairs, fleet))
    }

    pub(super) async fn post(
        &self,
        pairs: &[WantedPair],
        fleet: Option<&str>,
    ) -> Result<Vec<PairStatus>, ApiError> {
        let body = Prepare { pairs: pairs.to_vec(), fleet: fleet.map(str::to_owned) };
        let body = serde_json::to_string(&body).expect("plain data");
        let request = self.http.post(self.url("api/v3/prepare")).timeout(ANSWER_TIME);
        let request = request.header("content-type", "application/json").body(body);
        let response = self.send(request).await?;
        let bytes = self.told(response.bytes()).await?;
        let prepared: Prepared =
            serde_json::from_slice(&bytes).map_err(|_| self.nonsense("no list of pairs"))?;
        if prepared.pairs.len() != pairs.len() {
            return Err(self.nonsense("another number of pairs"));
        }
        Ok(prepared.pairs)
    }

    /// Sends a request; an answer without success is an error.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let request = match &self.token {
            Some(token) => request.basic_auth(USER, Some(token.reveal())),
            None => request,
        };
        let response = self.told(request.send()).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => {
                let reason = response.text().await.unwrap_or_default();
                let reason = reason.chars().take(MAX_REASON_CHARS).collect();
                Err(ApiError::Answer { server: self.name(), status: status.as_u16(), reason })
            }
        }
    }

    async fn told<T>(
        &self,
        answer: impl Future<Output = Result<T, reqwest::Error>>,
    ) -> Result<T, ApiError> {
        answer.await.map_err(|error| {
            let reason = root_cause(&error).chars().take(MAX_REASON_CHARS).collect();
            ApiError::Unreachable { server: self.name(), reason }
        })
    }

    pub(super) fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("a path below the server")
    }

    /// The server as errors name it: without what a URL may hold of credentials.
    fn name(&self) -> String {
        self.base.host_str().unwrap_or_default().to_owned()
    }

    pub(super) fn nonsense(&self, what: &str) -> ApiError {
        let reason = format!("its answer has {what}; is it a delta server?");
        ApiError::Unreachable { server: self.name(), reason }
    }
}

/// What is at the bottom of an error: what is above it says no more than that a request failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn http_client(ca_file: Option<&Path>) -> Result<reqwest::Client, ApiError> {
    let authorities = match ca_file {
        Some(path) => read_authorities(path)?,
        None => Vec::new(),
    };
    let tls = tls::client(Trust::Authorities(&authorities), None);
    let tls = tls.map_err(|error| ApiError::System(io::Error::other(error)))?;
    let client = reqwest::Client::builder()
        .user_agent(concat!("remora/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIME)
        .tls_backend_preconfigured(tls)
        // The credential is for this server.
        .redirect(reqwest::redirect::Policy::none());
    client.build().map_err(|error| ApiError::System(io::Error::other(error)))
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, ApiError> {
    let unusable = |source| ApiError::CaFile { path: path.to_owned(), source };
    let pem = read_small_file(path, MAX_CA_FILE_BYTES).map_err(unusable)?;
    let none = || unusable(io::Error::other("the file has no certificates in PEM form"));
    certificates(&pem).ok_or_else(none)
}
