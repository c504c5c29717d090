//! When to try again: pauses that double, spread at random so that many clients do not come back
//! together, or what the registry asks for.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::limits::MAX_PAUSE;

/// How often and how fast to try again.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy {
    /// Attempts in all; at least one.
    pub(super) max_attempts: u32,
    /// The pause after the first failure.
    pub(super) first_pause: Duration,
}

impl RetryPolicy {
    /// The pause after `failures` failures in a row; `None` when it is time to give up. `asked` is
    /// what the registry wants the pause to be at least.
    pub(super) fn pause(&self, failures: u32, asked: Option<Duration>) -> Option<Duration> {
        if failures >= self.max_attempts {
            return None;
        }
        let doubled = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let spread = 0.75 + 0.25 * random_fraction();
        Some(doubled.min(MAX_PAUSE).mul_f64(spread).max(asked.unwrap_or_default()))
    }
}

/// Between 0 and 1. The standard library's hash keys are the randomness at hand.
fn random_fraction() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let policy = RetryPolicy { max_attempts: 9, first_pause: Duration::from_secs(1) };
        for (failures, seconds) in [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (8, 30.0)] {
            let pause = policy.pause(failures, None).expect("another attempt").as_secs_f64();
            assert!((0.75 * seconds..=seconds).contains(&pause), "{failures}: {pause}");
        }
        assert_eq!(policy.pause(9, None), None);
        let asked = Duration::from_secs(100);
        assert_eq!(policy.pause(1, Some(asked)), Some(asked));
        assert!(RetryPolicy { max_attempts: 100, ..policy }.pause(99, None).is_some());
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let parse = |text: &str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect(text))]))
        };
        assert_eq!(parse("7"), Some(Duration::from_secs(7)));
        assert_eq!(parse("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(
            parse("Fri, 31 Dec 9999 23:59:59 GMT")
                .is_some_and(|pause| pause > Duration::from_secs(1000))
        );
        assert_eq!(parse("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
