//! The way to a bucket. object_store's own needs cryptography that is installed for the whole process.

use std::error::Error;
use std::time::Duration;

use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientConfigKey, ClientOptions};
use reqwest::{ClientBuilder, NoProxy, Proxy};

use crate::tls::{self, Trust};

/// The options of object_store's clients that this one has too.
const HONOURED: [ClientConfigKey; 10] = [
    ClientConfigKey::AllowHttp,
    ClientConfigKey::ConnectTimeout,
    ClientConfigKey::DefaultContentType,
    ClientConfigKey::PoolIdleTimeout,
    ClientConfigKey::PoolMaxIdlePerHost,
    ClientConfigKey::ProxyExcludes,
    ClientConfigKey::ProxyUrl,
    ClientConfigKey::ReadTimeout,
    ClientConfigKey::Timeout,
    ClientConfigKey::UserAgent,
];

type Failed = Box<dyn Error + Send + Sync>;

/// Whether the option changes something here.
pub(super) fn is_honoured(key: &ClientConfigKey) -> bool {
    HONOURED.contains(key)
}

/// Makes the HTTP client of a bucket.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = client(options);
        let client =
            client.map_err(|source| object_store::Error::Generic { store: "S3", source })?;
        Ok(HttpClient::new(client))
    }
}

fn client(options: &ClientOptions) -> Result<reqwest::Client, Failed> {
    let value = |key: ClientConfigKey| options.get_config_value(&key);
    let tls = tls::client(Trust::Authorities(&[]), None)?;
    // A machine's own credentials come in plain HTTP, whatever the bucket does.
    let allows_http = value(ClientConfigKey::AllowHttp).is_some_and(|value| is_true(&value));
    let mut client =
        reqwest::Client::builder().tls_backend_preconfigured(tls).https_only(!allows_http);
    for (key, set) in [
        (ClientConfigKey::ConnectTimeout, ClientBuilder::connect_timeout as Setter),
        (ClientConfigKey::ReadTimeout, ClientBuilder::read_timeout),
        (ClientConfigKey::Timeout, ClientBuilder::timeout),
        (ClientConfigKey::PoolIdleTimeout, ClientBuilder::pool_idle_timeout),
    ] {
        if let Some(value) = value(key) {
            client = set(client, humantime::parse_duration(&value)?);
        }
    }
    if let Some(most) = value(ClientConfigKey::PoolMaxIdlePerHost) {
        client = client.pool_max_idle_per_host(most.parse()?);
    }
    if let Some(agent) = value(ClientConfigKey::UserAgent) {
        client = client.user_agent(agent);
    }
    if let Some(url) = value(ClientConfigKey::ProxyUrl) {
        let excludes = value(ClientConfigKey::ProxyExcludes);
        let excludes = excludes.and_then(|excludes| NoProxy::from_string(&excludes));
        client = client.proxy(Proxy::all(url)?.no_proxy(excludes));
    }
    Ok(client.build()?)
}

type Setter = fn(ClientBuilder, Duration) -> ClientBuilder;

/// Whether object_store takes the text for yes.
pub(super) fn is_true(text: &str) -> bool {
    ["1", "true", "on", "yes", "y"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}
