//! How a server is reached, whichever it is.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use ipnet::IpNet;
use remora::server::{ListenSettings, TlsFiles};

use super::failure::Failure;
use super::units::{parse_network, parse_time};

/// How the server is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Listening")]
pub(super) struct ListenArguments {
    /// Address and port to listen on
    #[arg(long, env = "REMORA_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:80")]
    pub(super) listen: SocketAddr,
    /// Address and port for /metrics alone, in plain HTTP [default: with everything else]
    #[arg(long, env = "REMORA_METRICS_LISTEN", value_name = "ADDRESS")]
    pub(super) metrics_listen: Option<SocketAddr>,
    /// Certificate chain (PEM); with it the server speaks TLS. Read again when it changes
    #[arg(long, env = "REMORA_TLS_CERTIFICATE", value_name = "FILE")]
    pub(super) tls_certificate: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, env = "REMORA_TLS_KEY", value_name = "FILE")]
    pub(super) tls_key: Option<PathBuf>,
    /// Networks of proxies whose X-Forwarded-For, -Proto and -Host are believed
    #[arg(long, env = "REMORA_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    #[arg(value_parser = parse_network)]
    pub(super) trusted_proxies: Vec<IpNet>,
    /// Connections that there may be; beyond it 503 [default: what the limit on open files leaves room
    /// for]
    #[arg(long, env = "REMORA_MAX_CONNECTIONS", value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(super) max_connections: Option<u32>,
    // A fleet behind one address connects in bursts, and a connection that says nothing costs little.
    /// Connections without a request that one address, or IPv6 /64, may have; the oldest make room.
    /// Trusted proxies may have any number
    #[arg(long, env = "REMORA_MAX_QUIET_CONNECTIONS", value_name = "N", default_value_t = 1024)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(super) max_quiet_connections: u32,
    // docker stop kills after 10 s.
    /// How long a stop may take; what is not finished by then is cut off, or left to the next start
    #[arg(long, env = "REMORA_STOP_WITHIN", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "8s")]
    pub(super) stop_within: Duration,
}

impl ListenArguments {
    /// The settings; `public_url` is what clients reach the server by, if that has to be said.
    pub(super) fn settings(&self, public_url: Option<String>) -> Result<ListenSettings, Failure> {
        let tls = match (&self.tls_certificate, &self.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })
            }
            _ => {
                let what = "TLS takes a certificate and its key, and one of them is missing";
                return Err(Failure::usage(what, "give both --tls-certificate and --tls-key"));
            }
        };
        Ok(ListenSettings {
            address: self.listen,
            metrics: self.metrics_listen,
            max_connections: self.max_connections.map(|number| number as usize),
            max_quiet_connections: self.max_quiet_connections as usize,
            tls,
            public_url,
            trusted_proxies: self.trusted_proxies.clone(),
            stop_within: self.stop_within,
            stop_delay: Duration::ZERO,
        })
    }
}
