//! A bucket of an S3-compatible service, and the way to it.
//!
//! Door: [`Bucket`], opened for whoever waits for the service, or for whoever has another way. [`send`] puts a stream into
//! an object, [`reason`] says why something can't be done.
//!
//! Not here: what the objects are, when they go, and what is told to clients.

mod connector;
mod reason;
mod send;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

pub(crate) use self::reason::reason;
pub(crate) use self::send::{SendError, send};

use self::connector::{Connector, is_honoured, is_true};

/// How long whoever has another way waits for a connection.
const SHORT_CONNECT_TIME: &str = "2s";
/// How long a transfer may take for whoever looks after its rate.
const LONG_TRANSFER_TIME: &str = "3h";

/// A bucket and how to get at it.
#[derive(Clone)]
pub(crate) struct Bucket {
    /// `s3://bucket/prefix`.
    pub(crate) url: String,
    /// Credentials, region and service, by the names that the usual `AWS_…` variables have.
    pub(crate) variables: Vec<(String, String)>,
    /// Whether the service may be reached in plain HTTP.
    pub(crate) allow_http: bool,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bucket").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Opens the folder with this name below the URL's prefix. What fails is tried again for minutes.
    pub(crate) fn open(&self, folder: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
        let builder = self.builder()?;
        Ok(Arc::new(PrefixStore::new(builder.build()?, self.prefix().join(folder))))
    }

    /// Opens what is below the URL's prefix, for whoever has another way: nothing is tried again.
    pub(crate) fn open_impatient(&self) -> object_store::Result<Arc<dyn ObjectStore>> {
        let retry =
            RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() };
        let option = AmazonS3ConfigKey::Client;
        let builder = self.builder()?.with_retry(retry);
        let builder =
            builder.with_config(option(ClientConfigKey::ConnectTimeout), SHORT_CONNECT_TIME);
        let builder = builder.with_config(option(ClientConfigKey::Timeout), LONG_TRANSFER_TIME);
        Ok(Arc::new(PrefixStore::new(builder.build()?, self.prefix())))
    }

    fn builder(&self) -> object_store::Result<AmazonS3Builder> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &self.variables {
            // Other programs have variables of their own.
            let Ok(key) = name.to_ascii_lowercase().parse() else { continue };
            refuse_ignored(name, &key)?;
            builder = builder.with_config(key, value);
        }
        if self.allow_http {
            builder = builder.with_allow_http(true);
        }
        refuse_plain_http(&builder)?;
        Ok(builder.with_url(&self.url).with_http_connector(Connector))
    }

    /// Returns the part of the URL that follows the bucket's name.
    fn prefix(&self) -> ObjectPath {
        let rest = self.url.split_once("://").map_or(&*self.url, |(_, rest)| rest);
        ObjectPath::from(rest.split_once('/').map_or("", |(_, prefix)| prefix))
    }
}

/// Refuses a service in plain HTTP where that is not allowed: nothing would ever come from it.
fn refuse_plain_http(builder: &AmazonS3Builder) -> object_store::Result<()> {
    let value = |key| builder.get_config_value(&key).unwrap_or_default();
    let allowed = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    if !value(AmazonS3ConfigKey::Endpoint).starts_with("http:") || is_true(&allowed) {
        return Ok(());
    }
    let source = "AWS_ENDPOINT_URL is plain HTTP, which has to be allowed: set \
                  REMORA_ARTIFACTS_PLAIN_HTTP or REMORA_LAYER_CACHE_PLAIN_HTTP, whichever it is for";
    Err(object_store::Error::Generic { store: "S3", source: source.into() })
}

/// Refuses a variable that would have no effect though it has a meaning.
fn refuse_ignored(name: &str, key: &AmazonS3ConfigKey) -> object_store::Result<()> {
    match key {
        AmazonS3ConfigKey::Client(option) if !is_honoured(option) => {
            let source = format!("the variable {name} is not supported: unset it").into();
            Err(object_store::Error::Generic { store: "S3", source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(endpoint: &str, allow_http: bool, more: &[(&str, &str)]) -> Bucket {
        let usual = [("AWS_ENDPOINT_URL", endpoint), ("AWS_REGION", "here")];
        let variables = usual.iter().chain(more);
        let variables = variables.map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Bucket { url: "s3://bucket/prefix".to_owned(), variables: variables.collect(), allow_http }
    }

    #[test]
    fn plain_http_is_refused_at_once_unless_it_is_allowed() {
        let plain = "http://127.0.0.1:9";
        let refused = bucket(plain, false, &[]).open("folder").expect_err("not allowed");
        assert!(reason(&refused).contains("REMORA_ARTIFACTS_PLAIN_HTTP"), "{}", reason(&refused));
        assert!(bucket(plain, false, &[]).open_impatient().is_err());
        assert!(bucket(plain, true, &[]).open("folder").is_ok());
        assert!(bucket(plain, false, &[("AWS_ALLOW_HTTP", "true")]).open("folder").is_ok());
        assert!(bucket("https://127.0.0.1:9", false, &[]).open("folder").is_ok());
    }
}
