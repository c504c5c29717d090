//! URLs of v2 downloads carry their own permission: devices fetch them without credentials
//! (docs/openbalena.md, "v2 download"). It is an HMAC over the artifact's key and the time until
//! which it holds, in the query parameters `expires` and `signature`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::AccessError;

/// Keeps these signatures apart from anything else that might be signed with the same secret.
const PURPOSE: &[u8] = b"remora v2 download\n";
/// As long as the hash, below which an HMAC's secret is its weakest part (RFC 2104, section 3).
const MIN_SECRET: usize = 32;
/// The digits of the largest number of seconds.
const MAX_EXPIRES: usize = 20;

/// Signs download URLs and checks them.
#[derive(Clone)]
pub(crate) struct DownloadSigner {
    mac: Hmac<Sha256>,
}

/// Why a download URL does not hold. All of them are 403: a device gives up at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DownloadDenied {
    /// Without exactly one `expires` and one `signature`.
    #[error("the download URL is incomplete")]
    Incomplete,
    /// Not signed by us, or changed since.
    #[error("the signature of the download URL is wrong")]
    Signature,
    /// Signed by us, too long ago.
    #[error("the download URL has expired")]
    Expired,
}

impl DownloadSigner {
    /// Signs with this secret of at least 32 bytes. Several servers that serve each other's URLs
    /// need the same; a new secret ends all URLs given out before.
    pub(crate) fn new(secret: &[u8]) -> Result<Self, AccessError> {
        if secret.len() < MIN_SECRET {
            let what = "secret of download URLs";
            return Err(AccessError::ShortSecret { what, length: secret.len() });
        }
        let mac = Hmac::new_from_slice(secret);
        Ok(DownloadSigner { mac: mac.expect("HMAC takes secrets of any length") })
    }

    /// The query, without `?`, that permits to download `key` for `lifetime` from `now` on.
    pub(crate) fn query(&self, key: &str, now: SystemTime, lifetime: Duration) -> String {
        let expires = seconds(now).saturating_add(lifetime.as_secs()).to_string();
        let signature = self.over(key, &expires).finalize().into_bytes();
        format!("expires={expires}&signature={}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether this query permits to download `key` now. Takes the same time for every wrong
    /// signature.
    pub(crate) fn check(
        &self,
        key: &str,
        query: &str,
        now: SystemTime,
    ) -> Result<(), DownloadDenied> {
        let expires = only(query, "expires").ok_or(DownloadDenied::Incomplete)?;
        let signature = only(query, "signature").ok_or(DownloadDenied::Incomplete)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| DownloadDenied::Signature)?;
        if expires.len() > MAX_EXPIRES {
            return Err(DownloadDenied::Signature);
        }
        let signed = self.over(key, expires).verify_slice(&signature);
        signed.map_err(|_| DownloadDenied::Signature)?;
        // Signed by us, so it is the number that we wrote.
        let expires: u64 = expires.parse().map_err(|_| DownloadDenied::Signature)?;
        if seconds(now) < expires { Ok(()) } else { Err(DownloadDenied::Expired) }
    }

    /// The time comes before the key, and has no newline in what we sign: no two pairs of them give
    /// the same text.
    fn over(&self, key: &str, expires: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        for part in [PURPOSE, expires.as_bytes(), b"\n", key.as_bytes()] {
            mac.update(part);
        }
        mac
    }
}

/// The value of a parameter that is there exactly once. Taken as it is: we write no characters that
/// would need percent-encoding.
fn only<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut values = query.split('&').filter_map(|parameter| {
        let (given, value) = parameter.split_once('=')?;
        (given == name).then_some(value)
    });
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const KEY: &str = "v2/0a1b2c";
    const HOUR: Duration = Duration::from_secs(3600);

    fn signer() -> DownloadSigner {
        DownloadSigner::new(SECRET).expect("long enough")
    }

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    fn query() -> String {
        signer().query(KEY, noon(), HOUR)
    }

    #[test]
    fn a_url_holds_until_its_time_and_not_a_second_longer() {
        let check = |after| signer().check(KEY, &query(), noon() + Duration::from_secs(after));
        assert_eq!(check(0), Ok(()));
        assert_eq!(check(3599), Ok(()));
        assert_eq!(check(3600), Err(DownloadDenied::Expired));
        assert_eq!(check(1_000_000_000), Err(DownloadDenied::Expired));
    }

    #[test]
    fn the_same_url_is_given_to_everybody_in_the_same_second() {
        assert_eq!(query(), query());
        assert_eq!(
            query(),
            "expires=1790003600&signature=LnO3VNIcufbAGf386Lr1wlrkRhs4dtXzLVxq3H9nESw"
        );
    }

    #[test]
    fn a_changed_url_is_refused() {
        use DownloadDenied::{Incomplete, Signature};
        let good = query();
        let (expires, signature) = good.split_once('&').expect("two parameters");
        let other_key = signer().query("v2/0a1b2d", noon(), HOUR);
        let other_time = signer().query(KEY, noon(), 2 * HOUR);
        let (_, later) = other_time.split_once('&').expect("two parameters");
        let other_secret = DownloadSigner::new(&[7; 32]).expect("long enough");
        for (tampered, reason) in [
            (String::new(), Incomplete),
            ("&&&".to_owned(), Incomplete),
            (expires.to_owned(), Incomplete),
            (signature.to_owned(), Incomplete),
            (format!("{good}&{expires}"), Incomplete),
            (format!("{good}&{signature}"), Incomplete),
            (format!("expires=9999999999&{good}"), Incomplete),
            (good.replace("expires", "Expires"), Incomplete),
            (good.replace("expires", "%65xpires"), Incomplete),
            (good.replace("expires=17", "expires=27"), Signature),
            (good.replace("expires=", "expires=0"), Signature),
            (good.replace("expires=", "expires=+"), Signature),
            (good.replace("expires=", "expires=%31"), Signature),
            (format!("expires=&{signature}"), Signature),
            (format!("expires={}&{signature}", "9".repeat(10_000)), Signature),
            (format!("expires=-1&{signature}"), Signature),
            (format!("{expires}&signature="), Signature),
            (format!("{expires}&signature=AAAA"), Signature),
            (format!("{good}="), Signature),
            (format!("{good}AAAA"), Signature),
            (good[..good.len() - 4].to_owned(), Signature),
            (good.to_lowercase(), Signature),
            (format!("{expires}&{later}"), Signature),
            (other_key, Signature),
            (other_secret.query(KEY, noon(), HOUR), Signature),
        ] {
            assert_eq!(signer().check(KEY, &tampered, noon()), Err(reason), "{tampered}");
        }
    }

    #[test]
    fn every_single_bit_of_the_signature_counts() {
        let good = query();
        let (expires, signature) = good.split_once("&signature=").expect("signed");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let query = format!("{expires}&signature={}", URL_SAFE_NO_PAD.encode(flipped));
            assert_eq!(signer().check(KEY, &query, noon()), Err(DownloadDenied::Signature));
        }
    }

    #[test]
    fn a_url_permits_nothing_but_its_key() {
        for key in ["", "v2/0a1b2", "v2/0a1b2c/", "V2/0a1b2c", "v2/0a1b2c\n", "0\nv2/0a1b2c"] {
            assert_eq!(signer().check(key, &query(), noon()), Err(DownloadDenied::Signature));
        }
    }

    #[test]
    fn other_parameters_do_not_matter() {
        for query in [format!("a=b&{}", query()), format!("{}&&c", query())] {
            assert_eq!(signer().check(KEY, &query, noon()), Ok(()));
        }
    }

    #[test]
    fn a_short_secret_is_refused_without_being_shown() {
        let error = DownloadSigner::new(b"hunter2").err().expect("refused").to_string();
        assert_eq!(error, "the secret of download URLs is 7 bytes long, too short to be a secret");
    }
}
