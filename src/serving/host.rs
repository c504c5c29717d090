//! Requests say once which host they are for.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version};

/// The fault of a request that names no host, or several; 400 is the answer (RFC 9112, section 3.2). A proxy and the
/// server may not take the same one for the right one.
pub(crate) fn host_problem(request: &Request) -> Option<&'static str> {
    problem(request.version(), request.headers())
}

fn problem(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => Some("the request has no Host header"),
        (None, _) => None,
        (Some(host), None) => (!is_host(host)).then_some("the Host header names no host"),
        (Some(_), Some(_)) => Some("the request has more than one Host header"),
    }
}

/// Whether this is a host with or without port; empty if the target has none.
fn is_host(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    bytes.is_empty() || Authority::try_from(bytes).is_ok() && !bytes.contains(&b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_named_and_no_more() {
        for (version, hosts, refused) in [
            (Version::HTTP_11, &["delta.example"][..], false),
            (Version::HTTP_11, &["delta.example:81"], false),
            (Version::HTTP_11, &["[::1]:81"], false),
            (Version::HTTP_11, &[""], false),
            (Version::HTTP_11, &[], true),
            (Version::HTTP_11, &["a", "a"], true),
            (Version::HTTP_11, &["a", "b"], true),
            (Version::HTTP_11, &["a, b"], true),
            (Version::HTTP_11, &["a/b"], true),
            (Version::HTTP_11, &["user@a"], true),
            (Version::HTTP_10, &[], false),
            (Version::HTTP_10, &["a", "b"], true),
            (Version::HTTP_2, &[], false),
            (Version::HTTP_2, &["a"], false),
            (Version::HTTP_2, &["a", "b"], true),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, HeaderValue::from_str(host).expect("a header"));
            }
            assert_eq!(problem(version, &headers).is_some(), refused, "{version:?} {hosts:?}");
        }
    }
}
