//! One registry: where it is, and what is known about getting in.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode, Url};
use tokio::sync::OnceCell;

use super::RegistryError;
use super::error::is_passing;
use super::http_client::HttpClient;
use super::limits::{LONGEST_REST, NOTICE_TIME, REACH_TIME};
use super::network_cause::{NetworkCause, tls_failure};

/// A registry by the name that references use.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) http: Arc<HttpClient>,
    base: OnceCell<Url>,
    /// Until when the registry asked to be left alone, and with which status.
    busy: Mutex<Option<(Instant, StatusCode)>>,
    /// When a long silence was last told.
    noticed: Mutex<Option<Instant>>,
}

impl Host {
    pub(super) fn new(name: &str, http: Arc<HttpClient>) -> Self {
        Host {
            name: name.to_owned(),
            http,
            base: OnceCell::new(),
            busy: Mutex::default(),
            noticed: Mutex::default(),
        }
    }

    /// The registry and one of its repositories, or none (`""`), as errors name them.
    pub(super) fn place(&self, repository: &str) -> String {
        match repository {
            "" => self.name.clone(),
            repository => format!("{}/{repository}", self.name),
        }
    }

    /// The URL that everything is below.
    pub(super) async fn base(&self) -> Result<&Url, RegistryError> {
        self.base.get_or_try_init(|| self.find_base()).await
    }

    /// The client for a request to `url`, which this registry is, or named.
    pub(super) fn client(&self, url: &Url) -> Result<Client, RegistryError> {
        self.http.for_url(url, &self.name)
    }

    /// A URL that the registry gave, with its own scheme if the host is its own: behind a proxy many a
    /// registry does not know how it is spoken to. Another port is another server's.
    pub(super) async fn in_own_scheme(&self, mut url: Url) -> Result<Url, RegistryError> {
        let base = self.base().await?;
        let same_port = url.port().is_none() || url.port() == base.port();
        if url.host_str() == base.host_str() && url.scheme() != base.scheme() && same_port {
            // Both schemes are HTTP's, between which a URL may change, and the port is the base's.
            let changed = url.set_scheme(base.scheme()).and_then(|()| url.set_port(base.port()));
            changed.map_err(|()| self.protocol("a URL that it gave makes no sense"))?;
        }
        Ok(url)
    }

    /// Asks for nothing but a sign of life (OCI distribution spec, "Determining Support").
    pub(super) async fn reach(&self) -> Result<(), RegistryError> {
        let base = self.base().await?;
        let request = self.client(base)?.get(base.clone()).send();
        let answer = tokio::time::timeout(REACH_TIME, self.wait(None, request)).await;
        let silence = |_| Err(RegistryError::silence(&self.name, REACH_TIME));
        let response = answer.unwrap_or_else(silence)?;
        if !is_passing(response.status()) {
            return Ok(());
        }
        Err(RegistryError::Status {
            place: self.name.clone(),
            status: response.status().as_u16(),
            action: "a request for a sign of life",
            message: String::new(),
        })
    }

    /// Waits for `future`, but not for a registry that is silent: `activity` is a count that moves
    /// while there is something going on, for instance an upload.
    pub(super) async fn wait<T>(
        &self,
        activity: Option<&AtomicU64>,
        future: impl Future<Output = Result<T, reqwest::Error>>,
    ) -> Result<T, RegistryError> {
        let silence = self.http.silence;
        let count = || activity.map_or(0, |activity| activity.load(Ordering::Relaxed));
        let mut future = pin!(future);
        let (mut before, mut since) = (count(), Instant::now());
        loop {
            let step = NOTICE_TIME.min(silence);
            if let Ok(result) = tokio::time::timeout(step, &mut future).await {
                return result.map_err(|error| RegistryError::network(&self.name, error));
            }
            match count() {
                now if now != before => (before, since) = (now, Instant::now()),
                _ if since.elapsed() >= silence => {
                    return Err(RegistryError::silence(&self.name, silence));
                }
                _ => self.notice(since.elapsed()),
            }
        }
    }

    /// Tells a person that nothing comes, not for each of many requests.
    fn notice(&self, silence: Duration) {
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        if noticed.is_none_or(|noticed| noticed.elapsed() >= NOTICE_TIME) {
            *noticed = Some(Instant::now());
            let seconds = silence.as_secs();
            tracing::warn!(host = self.name, "waiting: no sign of life for {seconds} s");
        }
    }

    /// Keeps to the pause that the registry asked for with `status`; nobody else asks meanwhile.
    pub(super) fn leave_alone(&self, status: StatusCode, pause: Duration) {
        let until = Instant::now().checked_add(pause.min(LONGEST_REST));
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        *busy = until.map(|until| (until, status)).max(*busy);
    }

    /// Waits until the registry may be asked.
    ///
    /// # Errors
    /// [`RegistryError::Busy`] where that takes longer than is waited for.
    pub(super) async fn until_free(&self) -> Result<(), RegistryError> {
        let busy = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((until, status)) = busy else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left <= self.http.longest_pause {
            tokio::time::sleep(left).await;
            return Ok(());
        }
        Err(RegistryError::Busy {
            host: self.name.clone(),
            status: status.as_u16(),
            seconds: left.as_secs_f64().ceil() as u64,
        })
    }

    /// The error of a registry, or its token server, that does not keep to the protocol.
    pub(super) fn protocol(&self, problem: &str) -> RegistryError {
        RegistryError::Protocol { place: self.name.clone(), problem: problem.to_owned() }
    }

    async fn find_base(&self) -> Result<Url, RegistryError> {
        // The Hub's API is not where its name says.
        let address = if self.name == "docker.io" { "registry-1.docker.io" } else { &self.name };
        let base = |scheme: &str| {
            Url::parse(&format!("{scheme}://{address}/v2/")).map_err(|error| {
                RegistryError::Protocol {
                    place: self.name.clone(),
                    problem: format!("its name is no address: {error}"),
                }
            })
        };
        let secure = base("https")?;
        if self.http.allows_plain(address) && !self.speaks_tls(&secure).await? {
            return base("http");
        }
        Ok(secure)
    }

    /// Whether the registry answers in TLS, with a good certificate or a bad one. One that is silent
    /// has at least shaken hands.
    async fn speaks_tls(&self, url: &Url) -> Result<bool, RegistryError> {
        let request = self.client(url)?.head(url.clone()).send();
        match tokio::time::timeout(self.http.silence, request).await {
            Ok(Err(error)) if error.is_connect() => {
                Ok(tls_failure(&error).is_some_and(NetworkCause::is_tls))
            }
            _ => Ok(true),
        }
    }
}
