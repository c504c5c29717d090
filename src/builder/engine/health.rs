//! Whether an engine is there, and which version of its API it speaks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use serde::Deserialize;

use super::client::{Client, call};
use super::error::EngineError;

/// The newest version of the API that this client speaks, as (major, minor): that of Docker 27.
const NEWEST: (u32, u32) = (1, 47);
/// The oldest version that can do all that is asked for: that of Docker 18.09, the first with BuildKit.
const OLDEST: (u32, u32) = (1, 39);
/// How long an engine that answered is taken to be there.
const FRESH: Duration = Duration::from_secs(5);
/// How long an engine that is away is left alone at first, and at most; the time doubles with each try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What an engine says of itself.
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    /// The version of the API as paths begin with it.
    pub(super) version: String,
    /// The processors that it runs on, as images name them.
    pub(super) architecture: Option<String>,
}

/// What is known of an engine.
#[derive(Debug, Clone)]
enum State {
    Unknown,
    Present { spoken: Spoken, seen: Instant },
    Away { reason: String, tries: u32, again: Instant },
}

/// What is known of an engine, with the time of the knowledge.
#[derive(Debug)]
pub(super) struct Health(Mutex<State>);

impl Health {
    pub(super) fn new() -> Self {
        Health(Mutex::new(State::Unknown))
    }

    /// Asks the engine unless the last answer is young; one that is away is left alone for a while, unless
    /// `is_urgent`.
    pub(super) async fn look(&self, client: &Client, is_urgent: bool) -> Result<Spoken, String> {
        let known = self.state().clone();
        let tries = match known {
            State::Present { spoken, seen } if seen.elapsed() < FRESH => return Ok(spoken),
            State::Away { reason, again, .. } if !is_urgent && Instant::now() < again => {
                return Err(reason);
            }
            State::Away { tries, .. } => tries,
            _ => 0,
        };
        match spoken(client).await {
            Ok(spoken) => {
                *self.state() = State::Present { spoken: spoken.clone(), seen: Instant::now() };
                Ok(spoken)
            }
            Err(error) => Err(self.lost(reason(&error), tries)),
        }
    }

    /// The engine failed in some work: nothing is known of it any more.
    pub(super) fn doubt(&self) {
        *self.state() = State::Unknown;
    }

    /// Why the engine is away; `None` if it is there or was not looked for.
    pub(super) fn reason(&self) -> Option<String> {
        match &*self.state() {
            State::Away { reason, .. } => Some(reason.clone()),
            _ => None,
        }
    }

    /// When the engine is to be looked for again, if it is away.
    pub(super) fn again(&self) -> Option<Instant> {
        match &*self.state() {
            State::Away { again, .. } => Some(*again),
            _ => None,
        }
    }

    fn lost(&self, reason: String, tries: u32) -> String {
        let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
        let again = Instant::now() + pause;
        *self.state() = State::Away { reason: reason.clone(), tries: tries + 1, again };
        reason
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason alone, where the engine is named beside it.
fn reason(error: &EngineError) -> String {
    match error {
        EngineError::Unreachable { reason, .. }
        | EngineError::Tls { reason, .. }
        | EngineError::Lost { reason, .. }
        | EngineError::Protocol { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    api_version: String,
    #[serde(default, rename = "MinAPIVersion")]
    oldest: Option<String>,
    #[serde(default)]
    arch: Option<String>,
}

/// Asks which versions the engine speaks, and takes the newest that both do.
async fn spoken(client: &Client) -> Result<Spoken, EngineError> {
    let versions: Versions = client.ask(call(Method::GET, "/version")).await?;
    let version = chosen(&versions).map_err(|reason| client.nonsense(&reason))?;
    Ok(Spoken { version, architecture: versions.arch })
}

fn chosen(versions: &Versions) -> Result<String, String> {
    let newest = parsed(&versions.api_version).ok_or("a version that is none")?;
    let oldest = versions.oldest.as_deref().and_then(parsed).unwrap_or(OLDEST);
    let version = newest.min(NEWEST);
    if version < oldest || version < OLDEST {
        let (major, minor) = version;
        return Err(format!("its API has no version that is spoken here, such as {major}.{minor}"));
    }
    Ok(format!("/v{}.{}", version.0, version.1))
}

fn parsed(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_both_speak_is_chosen() {
        let versions = |newest: &str, oldest: Option<&str>| {
            let oldest = oldest.map(str::to_owned);
            chosen(&Versions { api_version: newest.to_owned(), oldest, arch: None })
        };
        assert_eq!(versions("1.41", Some("1.12")).as_deref(), Ok("/v1.41"));
        assert_eq!(versions("1.52", Some("1.44")).as_deref(), Ok("/v1.47"));
        assert_eq!(versions("1.40", None).as_deref(), Ok("/v1.40"));
        for (newest, oldest) in [("1.60", Some("1.50")), ("1.30", None), ("x", None), ("", None)] {
            assert!(versions(newest, oldest).is_err(), "{newest}");
        }
    }
}
