//! Who asks for a page, and whether a form may be taken from them.

use std::time::SystemTime;

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;

use super::answer::{denied, refuse};
use super::session::Session;
use crate::server::routes::{Asked, Service};

/// A cookie of this name is taken from this very host alone, and over TLS (RFC 6265bis, section 4.1.3.2).
const SECURE_COOKIE: &str = "__Host-remora";
/// Its name where there is no TLS.
const PLAIN_COOKIE: &str = "remora";
/// Cookies that are tried: a browser may send one of another path of the same host.
const MAX_COOKIES: usize = 8;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the client came by TLS, as the server saw it or a trusted proxy says.
pub(super) fn is_secure(service: &Service, asked: &Asked) -> bool {
    let listen = &service.settings.listen;
    let origin = asked.origin(listen.tls.is_some(), &listen.trusted_proxies);
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

/// The session of whoever asks. `Ok(None)`: nobody signed in. An error is the answer to somebody who asks too
/// often.
pub(super) fn session(service: &Service, asked: &Asked) -> Result<Option<Session>, Box<Response>> {
    if service.guard.is_open() {
        return Ok(Some(Session::of_anybody()));
    }
    let name = if is_secure(service, asked) { SECURE_COOKIE } else { PLAIN_COOKIE };
    let now = SystemTime::now();
    let mut sealed = cookies(&asked.headers, name).take(MAX_COOKIES);
    let Some(session) = sealed.find_map(|value| service.session_key.open(value, now)) else {
        return Ok(None);
    };
    if let Some(token) = &session.token {
        let counted = service.guard.count_visit(&token.subject, &asked.headers, asked.peer);
        counted.map_err(|reason| Box::new(denied(&reason)))?;
    }
    Ok(Some(session))
}

/// The header that begins or, without a value, ends a session.
pub(super) fn cookie(secure: bool, value: Option<(&str, u64)>) -> String {
    let name = if secure { SECURE_COOKIE } else { PLAIN_COOKIE };
    let (value, seconds) = value.unwrap_or(("", 0));
    let only_tls = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{only_tls}")
}

/// Refuses a form that comes from another site's page. Browsers say where a form comes from; who does not say
/// it is refused too.
pub(super) fn same_site(service: &Service, asked: &Asked) -> Result<(), Box<Response>> {
    let header = |name: &HeaderName| asked.headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    let listen = &service.settings.listen;
    let own = asked.origin(listen.tls.is_some(), &listen.trusted_proxies);
    let hosts = [own.as_deref().and_then(host), header(&HOST)];
    let fetched = header(&FETCH_SITE);
    let sent = header(&ORIGIN);
    let is_own = |origin: &str| host(origin).is_some_and(|it| hosts.contains(&Some(it)));
    let allowed = match (fetched, sent) {
        (Some(site), None) => site == "same-origin",
        (None, Some(origin)) => is_own(origin),
        (Some(site), Some(origin)) => site == "same-origin" && is_own(origin),
        (None, None) => false,
    };
    let refused = || {
        Box::new(refuse(StatusCode::FORBIDDEN, "this form does not come from this server's page"))
    };
    if allowed { Ok(()) } else { Err(refused()) }
}

/// The host and port of `scheme://host:port`. Whoever ends TLS in front of a server that does not trust it
/// changes the scheme.
fn host(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, host)| host)
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let each = lines.flat_map(|line| line.split(';')).map(str::trim);
    each.filter_map(move |cookie| cookie.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; remora=one;remora2=x"));
        headers.append(COOKIE, HeaderValue::from_static("xremora=y; remora=two.three=; remora"));
        let found: Vec<&str> = cookies(&headers, PLAIN_COOKIE).collect();
        assert_eq!(found, ["one", "two.three="]);
        assert_eq!(cookies(&headers, SECURE_COOKIE).count(), 0);
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        assert_eq!(
            cookie(true, Some(("x.y", 60))),
            "__Host-remora=x.y; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(cookie(false, None), "remora=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    }
}
