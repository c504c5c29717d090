//! How a server is reached. The reasons for the defaults are the command line's matter.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// How the server is reached.
#[derive(Debug, Clone)]
pub struct ListenSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it answers `/metrics` alone, in plain HTTP; `None`: where it answers everything.
    pub metrics: Option<SocketAddr>,
    /// With these it speaks TLS, otherwise plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The URL that devices reach it by, for absolute URLs; otherwise a request's own words are taken.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections that there may be; `None`: as many as the limit on open files leaves room for.
    pub max_connections: Option<usize>,
    /// Connections without a request in progress that one network may have; trusted proxies any number.
    pub max_quiet_connections: usize,
    /// How long a stop may take before what still runs is cut off.
    pub stop_within: Duration,
    /// How long requests are answered at least after a stop began: balancers need time to notice. Never longer
    /// than a stop may take.
    pub stop_delay: Duration,
}

/// A certificate chain and its key, both PEM. Read again when they change.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate and those that it hangs on.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}
