//! The HTTP client all registries share: TLS, redirects, time limits, and where plain HTTP may go.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, ClientBuilder, Url};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use super::RegistryError;
use super::certificates::{CertificateFolders, HostCertificates};
use super::limits::{CONNECT_TIME, MAX_REDIRECTS};
use super::retry::RetryPolicy;
use crate::image::limits::MAX_CA_FILE_BYTES;
use crate::image::{ImageError, Mismatch, RegistryLogin, RepositoryTokens, TransportSettings};
use crate::small_file::read_small_file;
use crate::tls::{self, Trust, certificates};

/// What a registry sees of us.
const USER_AGENT: &str = concat!("remora/", env!("CARGO_PKG_VERSION"));

/// Settings and connections.
#[derive(Debug)]
pub(super) struct HttpClient {
    pub(super) authfile: Option<PathBuf>,
    pub(super) login: Option<RegistryLogin>,
    pub(super) only_given: bool,
    pub(super) tokens: RepositoryTokens,
    pub(super) retry: RetryPolicy,
    /// How long a connection may be silent.
    pub(super) silence: Duration,
    /// The longest pause that is waited for.
    pub(super) longest_pause: Duration,
    plain_http: bool,
    verify: bool,
    authorities: Vec<CertificateDer<'static>>,
    folders: CertificateFolders,
    /// By the folder with certificates that counts. Made when first needed: loading the system's
    /// certificates takes a while.
    clients: Mutex<HashMap<Option<PathBuf>, Clients>>,
}

#[derive(Debug, Clone)]
struct Clients {
    /// Through the proxies that the environment names.
    outward: Client,
    /// For loopback addresses, which no proxy can reach for us.
    loopback: Client,
}

impl HttpClient {
    pub(super) fn new(settings: &TransportSettings) -> Result<Self, ImageError> {
        let authorities = match &settings.ca_file {
            None => Vec::new(),
            Some(path) => {
                let pem = read_small_file(path, MAX_CA_FILE_BYTES)
                    .map_err(ImageError::file("read", path))?;
                certificates(&pem).ok_or_else(|| ImageError::OtherKind {
                    reference: path.display().to_string(),
                    mismatch: Mismatch::NoCertificates,
                })?
            }
        };
        Ok(HttpClient {
            authfile: settings.authfile.clone(),
            login: settings.login.clone(),
            only_given: settings.only_given,
            tokens: settings.tokens.clone(),
            retry: RetryPolicy {
                max_attempts: settings.max_attempts.max(1),
                first_pause: settings.retry_pause,
            },
            silence: settings.silence,
            longest_pause: settings.longest_pause,
            // Whoever may be anybody may as well be spoken to in the open.
            plain_http: settings.plain_http || !settings.tls_verify,
            verify: settings.tls_verify,
            authorities,
            folders: CertificateFolders::new(settings.cert_dir.clone()),
            clients: Mutex::default(),
        })
    }

    /// The client for requests to `url`, to which the registry `host` led. If no certificates are kept
    /// for the URL's own host, those of the registry count.
    pub(super) fn for_url(&self, url: &Url, host: &str) -> Result<Client, RegistryError> {
        let names = [names(url), vec![host.to_owned()]].concat();
        let folder = self.folders.of_host(&names);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = match clients.get(&folder) {
            Some(made) => made.clone(),
            None => {
                let made = self.connect(folder.as_deref())?;
                clients.entry(folder).or_insert(made).clone()
            }
        };
        Ok(if is_loopback(url) { clients.loopback } else { clients.outward })
    }

    /// Whether plain HTTP may be spoken to `host` (`host[:port]`).
    pub(super) fn allows_plain(&self, host: &str) -> bool {
        let url = Url::parse(&format!("http://{host}/"));
        self.plain_http || url.is_ok_and(|url| is_loopback(&url))
    }

    /// Whether a registry at `from` may send us to `to`. Plain HTTP is not for other hosts to choose.
    pub(super) fn may_follow(&self, from: &Url, to: &Url) -> bool {
        may_follow(self.plain_http, from, to)
    }

    fn connect(&self, folder: Option<&Path>) -> Result<Clients, RegistryError> {
        let kept = folder.map(HostCertificates::read).transpose()?;
        let identity = kept.as_ref().and_then(|kept| kept.identity.clone());
        let kept = kept.into_iter().flat_map(|kept| kept.authorities);
        let authorities: Vec<_> = self.authorities.iter().cloned().chain(kept).collect();
        let trust = match self.verify {
            true => Trust::Authorities(&authorities),
            false => Trust::Anybody,
        };
        let tls = tls::client(trust, identity);
        let tls = tls.map_err(|error| RegistryError::Setup(error.to_string()))?;
        let setup = |error: reqwest::Error| RegistryError::Setup(error.without_url().to_string());
        let outward = self.builder(tls.clone()).build().map_err(setup)?;
        let loopback = self.builder(tls).no_proxy().build().map_err(setup)?;
        Ok(Clients { outward, loopback })
    }

    fn builder(&self, tls: ClientConfig) -> ClientBuilder {
        let plain_http = self.plain_http;
        Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIME.min(self.silence))
            // Where we come from is nobody's business, and upload URLs have secrets in them.
            .referer(false)
            // The Authorization header is dropped by reqwest when host, port or scheme change.
            .redirect(Policy::custom(move |attempt| follow(plain_http, attempt)))
    }
}

fn follow(plain_http: bool, attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("too many redirects");
    }
    let allowed =
        attempt.previous().last().is_some_and(|from| may_follow(plain_http, from, attempt.url()));
    if allowed { attempt.follow() } else { attempt.error("redirected to plain HTTP") }
}

fn may_follow(plain_http: bool, from: &Url, to: &Url) -> bool {
    match to.scheme() {
        "https" => true,
        "http" => plain_http || (is_loopback(from) && is_loopback(to)),
        _ => false,
    }
}

/// What the host of a URL is called, with its port if that is not the usual one, and with that too.
fn names(url: &Url) -> Vec<String> {
    let Some(host) = url.host_str() else { return Vec::new() };
    match (url.port(), url.port_or_known_default()) {
        (Some(port), _) => vec![format!("{host}:{port}")],
        (None, Some(usual)) => vec![host.to_owned(), format!("{host}:{usual}")],
        (None, None) => vec![host.to_owned()],
    }
}

/// Whether a URL leads to this very machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether requests to both URLs go to the same server, so that what one may know the other may.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    let origin = |url: &Url| {
        let host = url.host_str().map(str::to_owned);
        (url.scheme().to_owned(), host, url.port_or_known_default())
    };
    origin(a) == origin(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        let strict = HttpClient::new(&TransportSettings::default()).expect("no files");
        let settings = TransportSettings { plain_http: true, ..TransportSettings::default() };
        let lax = HttpClient::new(&settings).expect("no files");
        for host in ["localhost", "localhost:5000", "127.0.0.1:80", "127.1.2.3"] {
            assert!(strict.allows_plain(host), "{host}");
        }
        for host in ["registry.example", "127.0.0.1.example", "localhost.example:5000", "10.0.0.1"]
        {
            assert!(!strict.allows_plain(host), "{host}");
            assert!(lax.allows_plain(host), "{host}");
        }
    }

    #[test]
    fn a_redirect_leads_to_https_or_stays_on_this_machine() {
        for (from, to, allowed) in [
            ("https://r.example/", "https://s.example/", true),
            ("https://r.example/", "http://r.example/", false),
            ("https://r.example/", "http://127.0.0.1/", false),
            ("http://127.0.0.1:1/", "http://localhost:2/", true),
            ("http://[::1]:1/", "http://[::1]:2/", true),
            ("http://127.0.0.1:1/", "http://r.example/", false),
            ("https://r.example/", "ftp://r.example/", false),
        ] {
            assert_eq!(may_follow(false, &url(from), &url(to)), allowed, "{from} to {to}");
        }
        assert!(may_follow(true, &url("https://r.example/"), &url("http://s.example/")));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let base = url("https://r.example/v2/");
        for (other, same) in [
            ("https://r.example:443/x", true),
            ("https://r.example:444/", false),
            ("http://r.example:443/", false),
            ("https://r.example.evil/", false),
        ] {
            assert_eq!(same_origin(&base, &url(other)), same, "{other}");
        }
    }
}
