//! A request, as far as handlers look at it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Scheme;
use ipnet::IpNet;

/// Who asked for what.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) peer: SocketAddr,
    pub(crate) query: String,
    secure: bool,
    authority: Option<String>,
}

/// The peer where none is known, which has no rights that depend on it.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Asked {
            headers: parts.headers.clone(),
            peer: peer.map_or(NOBODY, |ConnectInfo(peer)| *peer),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            secure: parts.uri.scheme() == Some(&Scheme::HTTPS),
            authority: parts.uri.authority().map(ToString::to_string),
        })
    }
}

impl Asked {
    /// Where the client thinks that it is: `scheme://host[:port]`. A proxy that is trusted may say
    /// what the client used; `tls` is whether the server itself speaks it.
    pub(crate) fn origin(&self, tls: bool, trusted: &[IpNet]) -> Option<String> {
        let by_proxy = trusted.iter().any(|network| network.contains(&self.peer.ip()));
        let forwarded = |name| if by_proxy { self.first(name) } else { None };
        let own = if tls || self.secure { "https" } else { "http" };
        let scheme = forwarded("x-forwarded-proto").filter(|it| ["http", "https"].contains(it));
        let host = forwarded("x-forwarded-host").or_else(|| self.first(HOST.as_str()));
        let host = host.or(self.authority.as_deref())?;
        Some(format!("{}://{host}", scheme.unwrap_or(own)))
    }

    /// The first of the values in a header.
    fn first(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?.to_str().ok()?;
        value.split(',').map(str::trim).find(|part| !part.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&'static str, &'static str)]) -> Asked {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        Asked {
            headers: headers.collect(),
            peer: SocketAddr::from(([10, 0, 0, 1], 7)),
            query: String::new(),
            secure: false,
            authority: None,
        }
    }

    #[test]
    fn the_origin_is_the_clients_word_and_a_trusted_proxys() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        let host = ("host", "delta.example:81");
        let proto = ("x-forwarded-proto", "https");
        for (headers, trusted, origin) in [
            (vec![host], &trusted[..], Some("http://delta.example:81")),
            (vec![host, proto], &trusted[..], Some("https://delta.example:81")),
            (vec![host, proto], &[][..], Some("http://delta.example:81")),
            (
                vec![host, ("x-forwarded-proto", "file")],
                &trusted[..],
                Some("http://delta.example:81"),
            ),
            (
                vec![host, proto, ("x-forwarded-host", "a.example, b.example")],
                &trusted[..],
                Some("https://a.example"),
            ),
            (vec![], &trusted[..], None),
        ] {
            assert_eq!(asked(&headers).origin(false, trusted).as_deref(), origin, "{headers:?}");
        }
        assert_eq!(asked(&[host]).origin(true, &[]).as_deref(), Some("https://delta.example:81"));
    }
}
