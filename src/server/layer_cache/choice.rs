//! From where layers come sooner.
//!
//! Nobody knows that beforehand: it depends on both ways, on how registry and bucket are today, and on how long each
//! compression takes to undo. So what counts is measured: how many bytes of unpacked layer came into the store each
//! second, from either. What came lately counts more.

use std::time::Duration;

/// Smaller layers say more of round trips than of rates.
const LEAST_SAMPLE: u64 = 1 << 20;
/// What is left of what was measured before with each measurement.
const DECAY: f64 = 0.8;
/// One layer of so many comes from the slower one: it may have become the faster.
const TRY_EVERY: u64 = 16;

/// Where a layer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Bucket,
    Registry,
}

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Choice {
    bucket: Rate,
    registry: Rate,
    taken: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Rate {
    bytes: f64,
    seconds: f64,
}

impl Rate {
    fn note(&mut self, bytes: u64, time: Duration) {
        self.bytes = self.bytes * DECAY + bytes as f64;
        self.seconds = self.seconds * DECAY + time.as_secs_f64();
    }

    /// Bytes a second; `None` if nothing was measured.
    fn of(self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.bytes / self.seconds)
    }
}

impl Choice {
    /// Where the next layer is to come from. The bucket is tried first.
    pub(super) fn take(&mut self) -> Origin {
        self.taken += 1;
        let is_slower = match (self.bucket.of(), self.registry.of()) {
            (Some(bucket), Some(registry)) => bucket < registry,
            _ => false,
        };
        let is_trial = self.taken.is_multiple_of(TRY_EVERY);
        if is_slower == is_trial { Origin::Bucket } else { Origin::Registry }
    }

    /// So many bytes of tar came in within the time.
    pub(super) fn note(&mut self, origin: Origin, bytes: u64, time: Duration) {
        if bytes < LEAST_SAMPLE {
            return;
        }
        match origin {
            Origin::Bucket => self.bucket.note(bytes, time),
            Origin::Registry => self.registry.note(bytes, time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;
    const SECOND: Duration = Duration::from_secs(1);

    /// How many of the next 160 layers come from the bucket.
    fn from_bucket(choice: &mut Choice) -> usize {
        (0..160).filter(|_| choice.take() == Origin::Bucket).count()
    }

    #[test]
    fn the_faster_one_is_taken_and_the_other_tried_now_and_then() {
        let mut choice = Choice::default();
        assert_eq!(choice.take(), Origin::Bucket);
        choice.note(Origin::Registry, 100 * MB, SECOND);
        assert_eq!(choice.take(), Origin::Bucket, "nothing is known of the bucket");
        choice.note(Origin::Bucket, 50 * MB, SECOND);
        assert_eq!(from_bucket(&mut choice), 10);
        // The registry has become slow.
        for _ in 0..10 {
            choice.note(Origin::Registry, 10 * MB, SECOND);
        }
        assert_eq!(from_bucket(&mut choice), 150);
    }

    #[test]
    fn small_layers_say_nothing() {
        let mut choice = Choice::default();
        choice.note(Origin::Registry, 100 * MB, SECOND);
        choice.note(Origin::Bucket, MB - 1, 100 * SECOND);
        assert_eq!(from_bucket(&mut choice), 150);
    }
}
