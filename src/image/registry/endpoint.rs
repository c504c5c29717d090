//! One registry: where it is, and what is known about getting in.

use std::sync::Arc;

use reqwest::Url;
use tokio::sync::OnceCell;

use super::RegistryError;
use super::authorization::Authorizer;
use super::error::{is_passing, speaks_no_tls, tls_error};
use super::http_client::{HttpClient, not_silent};
use super::limits::{REACH_TIME, SILENCE_TIME};

/// A registry by the name that references use.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) http: Arc<HttpClient>,
    pub(super) authorizer: Authorizer,
    base: OnceCell<Url>,
}

impl Host {
    pub(super) fn new(name: &str, http: Arc<HttpClient>) -> Self {
        let authorizer = Authorizer::new(name);
        Host { name: name.to_owned(), http, authorizer, base: OnceCell::new() }
    }

    /// The URL that everything is below.
    pub(super) async fn base(&self) -> Result<&Url, RegistryError> {
        self.base.get_or_try_init(|| self.find_base()).await
    }

    /// Asks for nothing but a sign of life (OCI distribution spec, "Determining Support").
    pub(super) async fn reach(&self) -> Result<(), RegistryError> {
        let base = self.base().await?;
        let request = self.http.for_url(base)?.get(base.clone()).send();
        let answer = tokio::time::timeout(REACH_TIME, not_silent(&self.name, None, request)).await;
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
        let request = self.http.for_url(url)?.head(url.clone()).send();
        match tokio::time::timeout(SILENCE_TIME, request).await {
            Ok(Err(error)) if error.is_connect() => {
                Ok(tls_error(&error).is_some_and(|error| !speaks_no_tls(error)))
            }
            _ => Ok(true),
        }
    }
}
