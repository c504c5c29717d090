//! Where engines are, as `DOCKER_HOST` and its like say it.

use std::fmt;
use std::path::PathBuf;

use crate::quote::quoted;

/// The port of an engine that speaks plain HTTP, and of one that speaks TLS (Docker's registration with IANA).
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// The longest path of a socket that the system takes.
const MAX_SOCKET_PATH: usize = 107;

/// A text that names no engine, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address of an engine {} {reason}", quoted(text))]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// The problem with it.
    pub reason: &'static str,
}

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EngineAddress {
    /// A host and port, with the way to speak to it.
    Host {
        /// Name or address; an address of version 6 stands without its brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether TLS is spoken.
        tls: bool,
    },
    /// A socket of this machine.
    Socket(PathBuf),
}

impl EngineAddress {
    /// Reads a list with commas between addresses; `tls` says that `tcp://` means TLS.
    ///
    /// # Errors
    /// If an address is none.
    pub fn list(text: &str, tls: bool) -> Result<Vec<Self>, AddressError> {
        let addresses = text.split(',').map(str::trim).filter(|address| !address.is_empty());
        let mut found = Vec::new();
        for address in addresses {
            let address = Self::parse(address, tls)?;
            if !found.contains(&address) {
                found.push(address);
            }
        }
        Ok(found)
    }

    /// Reads one address.
    ///
    /// # Errors
    /// If `text` is none.
    pub fn parse(text: &str, tls: bool) -> Result<Self, AddressError> {
        let no = |reason| AddressError { text: text.to_owned(), reason };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(no("does not begin with tcp://, https://, http:// or unix://"));
        };
        match scheme {
            "unix" => socket(rest).map_err(no),
            "tcp" => host(rest, tls).map_err(no),
            "https" => host(rest, true).map_err(no),
            "http" => host(rest, false).map_err(no),
            _ => Err(no("does not begin with tcp://, https://, http:// or unix://")),
        }
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        matches!(self, EngineAddress::Host { tls: true, .. })
    }

    /// Returns what the header `Host` says.
    pub(crate) fn authority(&self) -> String {
        match self {
            EngineAddress::Host { host, port, .. } if host.contains(':') => {
                format!("[{host}]:{port}")
            }
            EngineAddress::Host { host, port, .. } => format!("{host}:{port}"),
            EngineAddress::Socket(_) => "docker".to_owned(),
        }
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineAddress::Socket(path) => write!(formatter, "unix://{}", path.display()),
            EngineAddress::Host { tls, .. } => {
                let scheme = if *tls { "https" } else { "tcp" };
                write!(formatter, "{scheme}://{}", self.authority())
            }
        }
    }
}

fn socket(path: &str) -> Result<EngineAddress, &'static str> {
    if !path.starts_with('/') {
        return Err("names no absolute path");
    }
    if path.len() > MAX_SOCKET_PATH {
        return Err("is longer than paths of sockets may be");
    }
    Ok(EngineAddress::Socket(path.into()))
}

fn host(rest: &str, tls: bool) -> Result<EngineAddress, &'static str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err("holds a user name, which engines don't know");
    }
    if rest.contains(['/', '?', '#']) {
        return Err("has more than a host and a port");
    }
    let (host, port) = parts(rest)?;
    let usual = if tls { TLS_PORT } else { PLAIN_PORT };
    let port = match port {
        None => usual,
        Some(port) => {
            port.parse().ok().filter(|port| *port > 0).ok_or("has a port that is none")?
        }
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
    if host.is_empty() || !host.chars().all(is_name) {
        return Err("has no host name");
    }
    Ok(EngineAddress::Host { host: host.to_owned(), port, tls })
}

/// Splits host and port; an address of version 6 stands in brackets.
fn parts(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("lacks a closing bracket")?;
        return match rest {
            "" => Ok((host, None)),
            _ => Ok((host, Some(rest.strip_prefix(':').ok_or("has no port after its bracket")?))),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err("needs brackets around its host"),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}
