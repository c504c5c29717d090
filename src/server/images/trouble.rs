//! What is known of a registry that does not answer as it should: since when, and when it is asked
//! again. Without I/O, and without a clock.
//!
//! A registry that is away, or busy, is so for every repository; an answer that makes no sense, or a
//! refusal, is kept for its repository alone.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::Cause;
use crate::image::ImageError;

/// The pause after the first trouble; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause, unless the registry asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The longest pause that a registry's `Retry-After` is believed: a mistake there would otherwise
/// keep devices from deltas until the server is started anew.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// How long the one that asks again may take before another does.
const PROBE_TIME: Duration = Duration::from_secs(60);

/// Trouble that nobody met again for so long after it was due is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// Repositories in trouble that are remembered.
const MAX_TROUBLES: usize = 4_096;

/// The key of trouble that is the whole registry's: no repository has that name.
const EVERYWHERE: &str = "";

/// The registry did not answer, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RegistryAway {
    /// What was the matter.
    pub(crate) message: String,
    /// Whether that has lasted for longer than devices are to wait.
    pub(crate) lasting: bool,
}

impl RegistryAway {
    /// What passes, as far as is known.
    pub(super) fn passing(message: impl ToString) -> Self {
        RegistryAway { message: message.to_string(), lasting: false }
    }
}

/// What whoever has a question is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Ask.
    Ask,
    /// Wait until then, or until another's question was answered.
    Wait(Instant),
    /// Do without.
    Away(RegistryAway),
}

/// All trouble there is.
#[derive(Debug)]
pub(super) struct Troubles {
    patience: Duration,
    known: HashMap<String, Trouble>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    latest: Instant,
    /// When it is asked again.
    next: Instant,
    pause: Duration,
    message: String,
}

impl Troubles {
    /// No trouble yet; such as lasts longer than `patience` is not waited for.
    pub(super) fn new(patience: Duration) -> Self {
        Troubles { patience, known: HashMap::new() }
    }

    /// How it stands with a repository. Who is told to ask has the question to himself for a time.
    pub(super) fn standing(&mut self, repository: &str, now: Instant) -> Standing {
        let key = [EVERYWHERE, repository].into_iter().find(|key| self.known.contains_key(*key));
        let Some((key, trouble)) = key.and_then(|key| Some((key, self.known.get_mut(key)?))) else {
            return Standing::Ask;
        };
        if now >= trouble.next {
            if now > trouble.next + FORGOTTEN_AFTER {
                self.known.remove(key);
            } else {
                trouble.next = now + PROBE_TIME;
            }
            return Standing::Ask;
        }
        match now - trouble.since >= self.patience {
            true => {
                Standing::Away(RegistryAway { message: trouble.message.clone(), lasting: true })
            }
            false => Standing::Wait(trouble.next),
        }
    }

    /// A question about a repository failed. Gives whether that is news.
    pub(super) fn failed(&mut self, repository: &str, error: &ImageError, now: Instant) -> bool {
        if self.known.len() >= MAX_TROUBLES {
            self.known.clear();
        }
        let key = if is_everywhere(error) { EVERYWHERE } else { repository };
        let asked = asked_pause(error);
        let new = Trouble {
            since: now,
            latest: now,
            next: now,
            pause: FIRST_PAUSE,
            message: String::new(),
        };
        let is_news = !self.known.contains_key(key);
        let trouble = self.known.entry(key.to_owned()).or_insert(new);
        // Questions that were under way at the same time count as one.
        if now - trouble.latest >= trouble.pause / 2 {
            trouble.pause = (trouble.pause * 2).min(LONGEST_PAUSE);
        }
        trouble.latest = now;
        trouble.next = now + trouble.pause.max(asked);
        trouble.message = error.to_string();
        is_news
    }

    /// A question about a repository was answered. Gives whether there was trouble.
    pub(super) fn answered(&mut self, repository: &str) -> bool {
        let everywhere = self.known.remove(EVERYWHERE).is_some();
        self.known.remove(repository).is_some() || everywhere
    }
}

/// Whether another repository would meet with the same.
fn is_everywhere(error: &ImageError) -> bool {
    matches!(error.cause(), Cause::Unreachable | Cause::Tls | Cause::RateLimited)
}

fn asked_pause(error: &ImageError) -> Duration {
    error.asked_pause().unwrap_or_default().min(LONGEST_ASKED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::RegistryError;

    const PATIENCE: Duration = Duration::from_secs(900);

    fn status(status: u16) -> ImageError {
        let (place, action) = ("r/a".to_owned(), "a request");
        RegistryError::Status { place, status, action, message: String::new() }.into()
    }

    fn busy(seconds: u64) -> ImageError {
        RegistryError::Busy { host: "r".to_owned(), status: 429, seconds }.into()
    }

    #[test]
    fn trouble_of_one_repository_is_no_other_s_and_that_of_the_registry_is() {
        let now = Instant::now();
        for (error, everywhere) in [(status(403), false), (status(500), false), (busy(9), true)] {
            let mut troubles = Troubles::new(PATIENCE);
            assert!(troubles.failed("a", &error, now));
            assert!(matches!(troubles.standing("a", now), Standing::Wait(_)));
            assert_eq!(troubles.standing("b", now) == Standing::Ask, !everywhere, "{error}");
            assert!(troubles.answered("a") && !troubles.answered("a"));
            assert_eq!(troubles.standing("a", now), Standing::Ask);
        }
    }

    #[test]
    fn one_asks_again_and_the_others_wait_longer_each_time() {
        let mut now = Instant::now();
        let mut troubles = Troubles::new(PATIENCE);
        troubles.failed("a", &status(503), now);
        let (mut asked, begun) = (0, now);
        while now - begun < Duration::from_secs(600) {
            match troubles.standing("a", now) {
                Standing::Ask => {
                    asked += 1;
                    // Of a hundred devices that look at the same time the others wait.
                    for _ in 0..100 {
                        assert!(matches!(troubles.standing("a", now), Standing::Wait(_)));
                    }
                    troubles.failed("a", &status(503), now);
                }
                Standing::Wait(until) => now = until,
                Standing::Away(away) => panic!("{away}"),
            }
        }
        assert!((40..50).contains(&asked), "{asked}");
    }

    #[test]
    fn a_registry_that_asks_for_a_pause_has_it_up_to_an_hour() {
        let now = Instant::now();
        for (seconds, pause) in [(0, FIRST_PAUSE), (600, Duration::from_secs(600))] {
            let mut troubles = Troubles::new(PATIENCE);
            troubles.failed("a", &busy(seconds), now);
            assert_eq!(troubles.standing("b", now), Standing::Wait(now + pause));
        }
        let mut troubles = Troubles::new(PATIENCE);
        troubles.failed("a", &busy(u64::MAX), now);
        assert_eq!(troubles.standing("a", now), Standing::Wait(now + LONGEST_ASKED));
    }

    #[test]
    fn after_patience_nobody_waits_and_old_trouble_is_forgotten() {
        let begun = Instant::now();
        let mut troubles = Troubles::new(Duration::from_secs(5));
        troubles.failed("a", &busy(60), begun);
        let later = begun + Duration::from_secs(6);
        let Standing::Away(away) = troubles.standing("a", later) else { panic!("no patience") };
        assert!(away.lasting);
        // It is asked again all the same.
        assert_eq!(troubles.standing("a", begun + Duration::from_secs(60)), Standing::Ask);
        let long_after = begun + Duration::from_secs(3600);
        assert_eq!(troubles.standing("a", long_after), Standing::Ask);
        assert!(troubles.failed("a", &busy(60), long_after), "that is a new one");
        assert!(matches!(troubles.standing("a", long_after), Standing::Wait(_)));
    }
}
