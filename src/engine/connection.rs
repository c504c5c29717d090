//! A connection to an engine: TCP, TLS or a socket of this machine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::address::EngineAddress;

/// A host that vanishes in a silent build is noticed after 60 s and 6 tries, 10 s apart.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_PAUSE: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 6;
/// How long sent bytes may go without the other side's word that they came, in milliseconds.
const UNANSWERED: u32 = 120_000;

/// Bytes there and back.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum NoConnection {
    /// Nobody answers.
    Unreachable(io::Error),
    /// There is no trust.
    Tls(String),
}

/// Connects to `address`.
pub(crate) async fn connect(
    address: &EngineAddress,
    tls: Option<&Arc<ClientConfig>>,
    limit: Duration,
) -> Result<Box<dyn Pipe>, NoConnection> {
    let connected = tokio::time::timeout(limit, open(address, tls)).await;
    connected.unwrap_or_else(|_| {
        let text = format!("no connection within {} s", limit.as_secs());
        Err(NoConnection::Unreachable(io::Error::new(io::ErrorKind::TimedOut, text)))
    })
}

async fn open(
    address: &EngineAddress,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Box<dyn Pipe>, NoConnection> {
    let unreachable = NoConnection::Unreachable;
    let (host, port) = match address {
        EngineAddress::Socket(path) => {
            return Ok(Box::new(UnixStream::connect(path).await.map_err(unreachable)?));
        }
        EngineAddress::Host { host, port, .. } => (host, *port),
    };
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
    keep_alive(&stream).map_err(unreachable)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.clone());
    let name = name.map_err(|error| NoConnection::Tls(error.to_string()))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| NoConnection::Tls(error.to_string()))?))
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_PAUSE)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_TRIES)?;
    sockopt::set_tcp_user_timeout(stream, UNANSWERED)?;
    Ok(())
}
