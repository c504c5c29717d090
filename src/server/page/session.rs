//! Who signed in, sealed into a cookie: all that servers know of a session comes back with each request.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::server::access::{Caller, SignedIn};
use crate::server::pair::Pair;

/// Keeps these signatures apart from those of download URLs, which are made with the same secret.
const PURPOSE: &[u8] = b"remora page session 1\n";
/// How long a session lasts at most: a day's work.
pub(super) const LIFETIME: Duration = Duration::from_secs(8 * 3600);
/// Bytes of a cookie that all browsers keep are 4,096, its name and attributes among them.
const MAX_VALUE: usize = 3_800;
/// Bytes that a sealed session unpacks to, at most: more than any that fits.
const MAX_UNPACKED: u64 = 1 << 18;

/// Somebody who signed in, and what they may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// `None`: all repositories, and to have failures tried again.
    #[serde(rename = "t")]
    pub(super) token: Option<TokenSession>,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "e")]
    ends: u64,
}

/// The session of somebody with a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TokenSession {
    /// Whom the token names; may be empty.
    #[serde(rename = "s")]
    pub(super) subject: String,
    /// The repositories that may be seen.
    #[serde(rename = "r")]
    pub(super) repositories: Vec<String>,
    /// How many more the token permits, which no cookie has room for.
    #[serde(rename = "m")]
    pub(super) left_out: usize,
}

impl Session {
    /// The session of somebody who signed in just now.
    pub(super) fn begin(signed_in: SignedIn, now: SystemTime) -> Self {
        let latest = now + LIFETIME;
        let ends = signed_in.ends.map_or(latest, |ends| ends.min(latest));
        let subject = match signed_in.caller {
            Caller::Anybody | Caller::Builder => None,
            Caller::Token { subject } => Some(subject),
            Caller::Unnamed { .. } | Caller::TrustedNetwork => Some(String::new()),
        };
        let token = subject.map(|subject| {
            let mut repositories = signed_in.pulls;
            repositories.sort_unstable();
            repositories.dedup();
            TokenSession { subject, repositories, left_out: 0 }
        });
        Session { token, ends: seconds(ends) }
    }

    /// The session of anybody, where there is no authentication.
    pub(super) fn of_anybody() -> Self {
        Session { token: None, ends: u64::MAX }
    }

    /// Whether all may be seen, and failures be tried again.
    pub(super) fn sees_all(&self) -> bool {
        self.token.is_none()
    }

    pub(super) fn sees(&self, pair: &Pair) -> bool {
        self.sees_repository(&pair.source.repository)
            && self.sees_repository(&pair.target.repository)
    }

    /// Whether what is of this repository, or of a fleet that is called so, may be seen.
    pub(super) fn sees_repository(&self, name: &str) -> bool {
        let holds = |token: &TokenSession| token.repositories.iter().any(|it| it == name);
        self.token.as_ref().is_none_or(holds)
    }

    /// The repositories that what is shown is to be between; `None`: all.
    pub(super) fn within(&self) -> Option<Arc<[String]>> {
        self.token.as_ref().map(|token| token.repositories.clone().into())
    }

    /// How long it lasts from `now` on.
    pub(super) fn left(&self, now: SystemTime) -> Duration {
        Duration::from_secs(self.ends.saturating_sub(seconds(now)))
    }
}

/// Seals sessions. Whoever has the secret of download URLs and the builder's has the same key.
#[derive(Clone)]
pub(crate) struct SessionKey(Hmac<Sha256>);

impl SessionKey {
    /// A key made of the secret of download URLs and the builder's: a change of either ends all sessions.
    pub(crate) fn derive(download_secret: &[u8], builder_secret: Option<&str>) -> Self {
        let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
        let mut derived = keyed(download_secret);
        derived.update(PURPOSE);
        derived.update(builder_secret.unwrap_or_default().as_bytes());
        SessionKey(keyed(&derived.finalize().into_bytes()))
    }

    /// A session as a cookie's value. Repositories that no cookie has room for are left out.
    pub(super) fn seal(&self, mut session: Session) -> String {
        loop {
            let sealed = self.sealed(&session);
            let Some(token) = session.token.as_mut().filter(|_| sealed.len() > MAX_VALUE) else {
                return sealed;
            };
            let excess = token.repositories.len() / 8 + 1;
            let kept = token.repositories.len().saturating_sub(excess);
            token.left_out += token.repositories.len() - kept;
            token.repositories.truncate(kept);
            if kept == 0 {
                // A name that no cookie has room for: its bearer is counted by network.
                token.subject.clear();
            }
        }
    }

    fn sealed(&self, session: &Session) -> String {
        let text = serde_json::to_vec(session).expect("plain data");
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        let packed = packed.write_all(&text).and_then(|()| packed.finish());
        let packed = packed.expect("memory takes it");
        let mac = self.0.clone().chain_update(&packed).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(packed), URL_SAFE_NO_PAD.encode(mac))
    }

    /// The session that a cookie's value holds, if this installation sealed it and it has not ended.
    pub(super) fn open(&self, value: &str, now: SystemTime) -> Option<Session> {
        let (packed, mac) = value.split_once('.')?;
        let packed = URL_SAFE_NO_PAD.decode(packed).ok()?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.0.clone().chain_update(&packed).verify_slice(&mac).ok()?;
        let mut text = Vec::new();
        DeflateDecoder::new(&*packed).take(MAX_UNPACKED).read_to_end(&mut text).ok()?;
        let session: Session = serde_json::from_slice(&text).ok()?;
        (!session.left(now).is_zero()).then_some(session)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn key() -> SessionKey {
        SessionKey::derive(SECRET, Some("builder"))
    }

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    fn of_token(repositories: usize, ends: Option<SystemTime>) -> Session {
        let pulls = (0..repositories)
            .map(|number| format!("v2/{}", &Digest::of(&number.to_le_bytes()).to_string()[7..39]));
        let caller = Caller::Token { subject: "d_0123".to_owned() };
        Session::begin(SignedIn { caller, pulls: pulls.collect(), ends }, noon())
    }

    use crate::image::Digest;

    #[test]
    fn a_session_comes_back_as_it_was_until_it_ends() {
        let hour = Duration::from_secs(3600);
        for (session, life) in [
            (of_token(2, Some(noon() + hour)), hour),
            (of_token(2, Some(noon() + 100 * hour)), LIFETIME),
            (of_token(0, None), LIFETIME),
            (Session { token: None, ends: seconds(noon() + LIFETIME) }, LIFETIME),
        ] {
            let sealed = key().seal(session.clone());
            assert_eq!(session.left(noon()), life);
            assert_eq!(key().open(&sealed, noon()), Some(session.clone()));
            assert_eq!(key().open(&sealed, noon() + life - Duration::from_secs(1)), Some(session));
            assert_eq!(key().open(&sealed, noon() + life), None);
        }
    }

    #[test]
    fn a_cookie_has_room_for_a_hundred_repositories_and_never_grows_too_large() {
        let open = |session| key().open(&key().seal(session), noon()).and_then(|it| it.token);
        let all = open(of_token(100, None)).expect("sealed");
        assert_eq!((all.repositories.len(), all.left_out), (100, 0));
        let some = open(of_token(1_000, None)).expect("sealed");
        assert_eq!(some.repositories.len() + some.left_out, 1_000);
        assert!(some.repositories.len() > 100);
        let mut odd = of_token(1, None);
        let name: String =
            (0..9_000_u32).map(|it| Digest::of(&it.to_le_bytes()).to_string()).collect();
        odd.token.as_mut().expect("a token's").subject = name;
        let sealed = key().seal(odd);
        assert!(sealed.len() <= MAX_VALUE);
        let left = key().open(&sealed, noon()).and_then(|it| it.token).expect("sealed");
        assert_eq!((left.subject.len(), left.repositories.len(), left.left_out), (0, 0, 1));
    }

    #[test]
    fn another_key_and_every_changed_bit_is_refused() {
        let sealed = key().seal(of_token(2, None));
        for other in [
            SessionKey::derive(SECRET, Some("another")),
            SessionKey::derive(SECRET, None),
            SessionKey::derive(&[1; 32], Some("builder")),
        ] {
            assert_eq!(other.open(&sealed, noon()), None);
        }
        for odd in
            ["", ".", "..", "a.b", &sealed[1..], &format!("{sealed}A"), &format!("{sealed}.")]
        {
            assert_eq!(key().open(odd, noon()), None, "{odd}");
        }
        for place in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("letters");
            // The last letter of base64 may have bits that mean nothing, which decoders refuse.
            assert_eq!(key().open(&changed, noon()), None, "{place}");
        }
    }
}
