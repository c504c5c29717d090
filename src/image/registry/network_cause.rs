//! Why no request came through: what a person has to mend, and whether trying again can help.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::error_answer::printable;
use super::limits::MAX_MESSAGE_CHARS;
use crate::quote::listed;

/// The reason why a request did not come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NetworkCause {
    /// The connection did not come about, broke, or is silent. This may pass.
    Connection,
    /// There is no host of that name.
    UnknownHost,
    /// The other side does not speak TLS.
    NoTls,
    /// Nobody who is trusted vouches for its certificate.
    UnknownAuthority,
    /// The other side's certificate is over, or does not count yet, by the clock here.
    CertificateTime,
    /// The other side's certificate is for other names.
    CertificateName,
    /// The other side wants a certificate from us, or takes another than ours.
    ClientCertificate,
    /// TLS failed for another reason.
    Tls,
}

/// How the resolver's errors begin (Rust's standard library).
const LOOKUP_FAILED: &str = "failed to lookup address information";

/// What the C libraries call a failure of the resolver that may pass.
const PASSING_LOOKUPS: [&str; 2] = ["Temporary failure", "Try again"];

/// How alerts of the other side are told, and those that are about our certificate.
const ALERT: &str = "received fatal alert: ";
const CERTIFICATE_ALERTS: [&str; 8] = [
    "CertificateRequired",
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
];

impl NetworkCause {
    /// Whether the same request may come through a moment later.
    pub(super) fn may_pass(self) -> bool {
        self == NetworkCause::Connection
    }

    /// Whether the other side has answered in TLS.
    pub(super) fn is_tls(self) -> bool {
        use NetworkCause::{Connection, NoTls, UnknownHost};
        !matches!(self, Connection | UnknownHost | NoTls)
    }
}

/// Why the request failed, and how that is told.
pub(super) fn explain(error: reqwest::Error) -> (NetworkCause, String) {
    let error = error.without_url();
    if let Some(error) = find(&error, |error| error.downcast_ref::<TlsError>()) {
        return (tls_cause(error), tls_reason(error));
    }
    let reason = root_cause(&error);
    // HTTP/2 passes on the text of an alert only, which may come after the handshake (RFC 8446, section 4.6).
    if CERTIFICATE_ALERTS.iter().any(|alert| reason.ends_with(&format!("{ALERT}{alert}"))) {
        let reason = format!("it wants another certificate from us, or one at all: {reason}");
        return (NetworkCause::ClientCertificate, reason);
    }
    let is_lookup = reason.starts_with(LOOKUP_FAILED);
    let may_pass = PASSING_LOOKUPS.iter().any(|text| reason.contains(text));
    match is_lookup {
        true if may_pass => {
            (NetworkCause::Connection, "its name can't be looked up now".to_owned())
        }
        true => (NetworkCause::UnknownHost, "there is no host of that name".to_owned()),
        false => (NetworkCause::Connection, reason),
    }
}

/// What of TLS failed, if that is what it was.
pub(super) fn tls_failure(error: &reqwest::Error) -> Option<NetworkCause> {
    find(error, |error| error.downcast_ref::<TlsError>()).map(tls_cause)
}

fn tls_cause(error: &TlsError) -> NetworkCause {
    use NetworkCause::{
        CertificateName, CertificateTime, ClientCertificate, NoTls, Tls, UnknownAuthority,
    };
    match error {
        TlsError::InvalidMessage(_) => NoTls,
        TlsError::InvalidCertificate(problem) => match problem {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => CertificateTime,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                CertificateName
            }
            // An authority of that name may be known, and be another.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => UnknownAuthority,
            // A certificate that vouches for itself and is not among those trusted.
            CertificateError::Other(_) => UnknownAuthority,
            _ => Tls,
        },
        // What servers say to a client without a certificate, or with one that they don't take.
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => ClientCertificate,
        _ => Tls,
    }
}

fn tls_reason(error: &TlsError) -> String {
    match error {
        TlsError::InvalidMessage(_) => "it does not answer in TLS".to_owned(),
        TlsError::InvalidCertificate(CertificateError::ExpiredContext { time, not_after }) => {
            let (end, now) = (date(*not_after), date(*time));
            format!("its certificate ended on {end}, and the clock here says {now}")
        }
        TlsError::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before }) => {
            let (start, now) = (date(*not_before), date(*time));
            format!("its certificate counts from {start}, and the clock here says {now}")
        }
        TlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        }) => {
            let names: Vec<String> = presented.iter().map(|name| shown_name(name)).collect();
            format!("its certificate is for other names: {}", listed(&names))
        }
        TlsError::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "nobody who is trusted here vouches for its certificate".to_owned(),
        TlsError::AlertReceived(_) if tls_cause(error) == NetworkCause::ClientCertificate => {
            format!("it wants another certificate from us, or one at all: {error}")
        }
        other => printable(&other.to_string(), MAX_MESSAGE_CHARS),
    }
}

/// A name of a certificate without what webpki writes around it: `DnsName("r.example")`.
fn shown_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    printable(inner.unwrap_or(name).trim_matches('"'), MAX_MESSAGE_CHARS)
}

fn date(time: UnixTime) -> String {
    // Later than any date that can be written here is the latest one.
    const LATEST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs().min(LATEST)))
}

/// The first error on the way to the innermost that `wanted` knows.
fn find<'a, T>(
    error: &'a (dyn StdError + 'static),
    wanted: impl Fn(&'a (dyn StdError + 'static)) -> Option<&'a T>,
) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = wanted(error) {
            return Some(found);
        }
        cause = inner(error);
    }
    None
}

/// The innermost cause, which is the one that tells; the outer ones say only "error sending request".
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = inner(cause) {
        cause = inner;
    }
    printable(&cause.to_string(), MAX_MESSAGE_CHARS)
}

/// What an error was caused by. An I/O error that wraps another hides it: its source is the wrapped
/// one's source.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_over_is_told_with_both_dates() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let error = TlsError::InvalidCertificate(CertificateError::ExpiredContext {
            time: at(86_400),
            not_after: at(0),
        });
        assert_eq!(tls_cause(&error), NetworkCause::CertificateTime);
        assert_eq!(
            tls_reason(&error),
            "its certificate ended on Thu, 01 Jan 1970 00:00:00 GMT, and the clock here says \
             Fri, 02 Jan 1970 00:00:00 GMT"
        );
        let error = TlsError::InvalidCertificate(CertificateError::NotValidYetContext {
            time: at(0),
            not_before: at(u64::MAX),
        });
        assert_eq!(tls_cause(&error), NetworkCause::CertificateTime);
        assert!(tls_reason(&error).starts_with("its certificate counts from Fri, 31 Dec 9999"));
    }

    #[test]
    fn names_of_certificates_are_shown_bare() {
        for (text, name) in [
            ("DnsName(\"r.example\")", "r.example"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("r.example", "r.example"),
        ] {
            assert_eq!(shown_name(text), name);
        }
    }
}
