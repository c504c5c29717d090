//! The connection to a server that speaks HTTP and JSON: whom to trust, how long to wait, how much to
//! read.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};
use rustls::pki_types::CertificateDer;
use tokio::runtime::Runtime;

use crate::quote::quoted;
use crate::small_file::read_small_file;
use crate::tls::{self, Trust, certificates};

/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// Characters of an error answer that are passed on.
const MAX_REASON_CHARS: usize = 300;
/// Bytes of a file of certificates: all authorities that browsers trust take 300 KB.
const MAX_CA_FILE_BYTES: u64 = 16 << 20;

/// A connection to one server. Redirects are not followed: credentials are for this server.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) http: reqwest::Client,
    base: Url,
    pub(super) runtime: Runtime,
}

/// Why a server could not be asked, whichever server that is.
#[derive(Debug)]
pub(crate) enum ConnectionError {
    /// The text that should be a server's URL is none.
    Url(String),
    /// The certificates to trust could not be read.
    CaFile { path: PathBuf, source: io::Error },
    /// The system refuses what a client needs.
    System(io::Error),
    /// No answer, or one that ends too early.
    Unreachable { server: String, reason: String },
    /// An answer that makes no sense, or is too long.
    Nonsense { server: String, reason: String },
}

/// A request that is being put together.
pub(crate) type RequestDraft = RequestBuilder;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The pause that the server asks for.
    pub(crate) retry_after: Option<Duration>,
    /// Where a redirect leads.
    location: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// A connection to the server at the URL `server`, which trusts the certificates in `ca_file` beside
    /// the system's. Contacts nobody.
    pub(crate) fn new(server: &str, ca_file: Option<&Path>) -> Result<Self, ConnectionError> {
        let base = Url::parse(&format!("{}/", server.trim_end_matches('/')));
        let base = base.ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let base = base.ok_or_else(|| ConnectionError::Url(server.chars().take(200).collect()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ConnectionError::System)?;
        Ok(Connection { http: http_client(ca_file)?, base, runtime })
    }

    /// A `GET` of what lies at `path` below the server's URL.
    pub(crate) fn get(&self, path: &str) -> RequestDraft {
        self.http.get(self.url(path))
    }

    /// A `POST` of a JSON document to `path` below the server's URL.
    pub(crate) fn post(&self, path: &str, json: String) -> RequestDraft {
        self.http.post(self.url(path)).header("content-type", "application/json").body(json)
    }

    /// A `PATCH` with a JSON document of what lies at `path` below the server's URL.
    pub(crate) fn patch(&self, path: &str, json: String) -> RequestDraft {
        self.http.patch(self.url(path)).header("content-type", "application/json").body(json)
    }

    /// Sends a request and reads at most `max_bytes` of its answer. Blocks.
    pub(crate) fn ask(
        &self,
        request: RequestDraft,
        max_bytes: usize,
    ) -> Result<Reply, ConnectionError> {
        self.runtime.block_on(async {
            let response = self.send(request).await?;
            let status = response.status().as_u16();
            let pause = text_of(response.headers(), RETRY_AFTER);
            let pause = pause.and_then(|seconds| seconds.trim().parse().ok());
            let location = text_of(response.headers(), LOCATION);
            let body = self.read(response, max_bytes).await?;
            Ok(Reply { status, retry_after: pause.map(Duration::from_secs), location, body })
        })
    }

    pub(super) async fn send(&self, request: RequestDraft) -> Result<Response, ConnectionError> {
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    async fn read(
        &self,
        mut response: Response,
        max_bytes: usize,
    ) -> Result<Vec<u8>, ConnectionError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + piece.len() > max_bytes {
                return Err(self.nonsense(&format!("more than {max_bytes} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// The server as errors name it: without credentials that a URL may hold.
    pub(crate) fn name(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The error of an answer that makes no sense: it `has` what it should not.
    pub(crate) fn nonsense(&self, has: &str) -> ConnectionError {
        let reason = format!("its answer has {has}; is it the right server?");
        ConnectionError::Nonsense { server: self.name(), reason }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ConnectionError {
        let reason = root_cause(error).chars().take(MAX_REASON_CHARS).collect();
        ConnectionError::Unreachable { server: self.name(), reason }
    }

    fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("a path below the server")
    }
}

impl Reply {
    /// An answer of which nothing else counts.
    pub(super) fn new(status: u16, body: Vec<u8>) -> Self {
        Reply { status, retry_after: None, location: None, body }
    }

    /// The beginning of the answer as text, for an error message.
    pub(crate) fn reason(&self) -> String {
        if let (300..400, Some(location)) = (self.status, &self.location) {
            // What a query says may be secret.
            let place = location.split('?').next().unwrap_or_default();
            return format!("a redirect to {}, which is not followed", quoted(place));
        }
        if self.body.trim_ascii_start().first() == Some(&b'<') {
            // Proxies and frameworks answer with pages of their own.
            return "with a page in HTML".to_owned();
        }
        String::from_utf8_lossy(&self.body).chars().take(MAX_REASON_CHARS).collect()
    }
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The bottom of an error: all above it says no more than that a request failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn http_client(ca_file: Option<&Path>) -> Result<reqwest::Client, ConnectionError> {
    let authorities = match ca_file {
        Some(path) => read_authorities(path)?,
        None => Vec::new(),
    };
    let system = |error| ConnectionError::System(io::Error::other(error));
    let tls = tls::client(Trust::Authorities(&authorities), None);
    let tls = tls.map_err(|error| ConnectionError::System(io::Error::other(error)))?;
    let client = reqwest::Client::builder()
        .user_agent(concat!("remora/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIME)
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none());
    client.build().map_err(system)
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    let unusable = |source| ConnectionError::CaFile { path: path.to_owned(), source };
    let pem = read_small_file(path, MAX_CA_FILE_BYTES).map_err(unusable)?;
    let none = || unusable(io::Error::other("the file has no certificates in PEM form"));
    certificates(&pem).ok_or_else(none)
}
