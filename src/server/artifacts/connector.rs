//! The way to a bucket. object_store's own needs cryptography that is installed for the whole process.

use std::error::Error;
use std::time::Duration;

use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientConfigKey, ClientOptions};

use crate::tls::{self, Trust};

/// How long a connection to a bucket may take to come about, and one request.
const CONNECT_TIME: Duration = Duration::from_secs(5);
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Makes the HTTP client of a bucket.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |error: Box<dyn Error + Send + Sync>| object_store::Error::Generic {
            store: "S3",
            source: error,
        };
        let tls =
            tls::client(Trust::Authorities(&[]), None).map_err(|error| failed(error.into()))?;
        // A machine's own credentials come in plain HTTP, whatever the bucket does.
        let allowed = options.get_config_value(&ClientConfigKey::AllowHttp);
        let allows_http = allowed.is_some_and(|value| value == "true");
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(!allows_http)
            .connect_timeout(CONNECT_TIME)
            .timeout(REQUEST_TIME);
        let client = client.build().map_err(|error| failed(error.into()))?;
        Ok(HttpClient::new(client))
    }
}
