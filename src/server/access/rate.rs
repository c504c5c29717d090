//! How often one device may ask, and how often one address may fail to prove who it is.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::RateSettings;
use crate::serving::network_of;

/// Whoever is counted falls into one of this many slots, at about 40 bytes each. Two of ten thousand
/// active tokens share one with a chance of 1 %, and then their allowance; nobody can choose to share
/// another's, since the hash is seeded.
const SLOTS: u64 = 1 << 20;
/// Slots that are as good as new are given up every so many requests.
const SHED_EVERY: u32 = 1 << 16;

/// Counts requests. Where several servers answer, each allows its share of the limit: clients that go
/// round all of them get all of it.
pub(super) struct RateLimit<C: Clock = DefaultClock> {
    limiter: RateLimiter<u32, DashMapStateStore<u32>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    hasher: RandomState,
    requests: AtomicU32,
    /// Requests that one request counts as: the number of servers, as far as the limit has room for it.
    cost: AtomicU32,
    burst: NonZeroU32,
}

/// Who is counted.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) enum Asker<'a> {
    /// Whom a verified token names, however many tokens they have.
    Subject(&'a str),
    /// An address that showed no valid token, or one that names nobody.
    Address(IpAddr),
}

impl RateLimit {
    pub(super) fn new(settings: RateSettings) -> Self {
        RateLimit::with_clock(settings, DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimit<C> {
    fn with_clock(settings: RateSettings, clock: C) -> Self {
        let quota = Quota::per_minute(settings.per_minute).allow_burst(settings.burst);
        RateLimit {
            limiter: RateLimiter::dashmap_with_clock(quota, clock.clone()),
            clock,
            hasher: RandomState::new(),
            requests: AtomicU32::new(0),
            cost: AtomicU32::new(1),
            burst: settings.burst,
        }
    }

    /// From now on so many servers answer, this one among them.
    pub(super) fn share_with(&self, servers: NonZeroU32) {
        self.cost.store(servers.min(self.burst).get(), Ordering::Relaxed);
    }

    /// Counts one more request, or says after how many whole seconds to come again.
    pub(super) fn count(&self, asker: Asker<'_>) -> Result<(), Duration> {
        if self.requests.fetch_add(1, Ordering::Relaxed) % SHED_EVERY == SHED_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let cost = NonZeroU32::new(self.cost.load(Ordering::Relaxed)).unwrap_or(NonZeroU32::MIN);
        // The cost is never more than the burst, which is all that a limiter refuses for ever.
        let counted = self.limiter.check_key_n(&self.slot(asker), cost).unwrap_or(Ok(()));
        counted.map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Duration::from_secs((wait.as_millis().div_ceil(1000) as u64).max(1))
        })
    }

    fn slot(&self, asker: Asker<'_>) -> u32 {
        (self.hasher.hash_one(asker.by_network()) % SLOTS) as u32
    }
}

impl Asker<'_> {
    /// One customer has at least a /64 of IPv6 addresses (RFC 6177), which counts as one.
    fn by_network(self) -> Self {
        match self {
            Asker::Address(address) => Asker::Address(network_of(address)),
            other @ Asker::Subject(_) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limit(per_minute: u32, burst: u32) -> (RateLimit<FakeRelativeClock>, FakeRelativeClock) {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        let settings = RateSettings { per_minute: number(per_minute), burst: number(burst) };
        let clock = FakeRelativeClock::default();
        (RateLimit::with_clock(settings, clock.clone()), clock)
    }

    #[test]
    fn a_token_may_ask_so_often_and_then_hears_when() {
        let (limit, clock) = limit(6, 3);
        let token = Asker::Subject("a");
        for _ in 0..3 {
            assert_eq!(limit.count(token), Ok(()));
        }
        assert_eq!(limit.count(token), Err(Duration::from_secs(10)));
        clock.advance(Duration::from_millis(9001));
        assert_eq!(limit.count(token), Err(Duration::from_secs(1)));
        clock.advance(Duration::from_millis(999));
        assert_eq!(limit.count(token), Ok(()));
        assert_eq!(limit.count(token), Err(Duration::from_secs(10)));
    }

    #[test]
    fn of_several_servers_each_allows_its_share() {
        let (limit, clock) = limit(6, 4);
        let servers = |count| NonZeroU32::new(count).expect("not zero");
        limit.share_with(servers(2));
        let token = Asker::Subject("a");
        assert_eq!([limit.count(token), limit.count(token)], [Ok(()), Ok(())]);
        assert_eq!(limit.count(token), Err(Duration::from_secs(20)));
        clock.advance(Duration::from_secs(20));
        assert_eq!(limit.count(token), Ok(()));
        // However many there are, each lets somebody in now and then.
        limit.share_with(servers(1000));
        clock.advance(Duration::from_secs(60));
        assert_eq!(limit.count(token), Ok(()));
        assert!(limit.count(token).is_err());
        limit.share_with(servers(1));
        clock.advance(Duration::from_secs(10));
        assert_eq!(limit.count(token), Ok(()));
    }

    #[test]
    fn who_is_not_limited_does_not_suffer() {
        let (limit, _) = limit(1, 1);
        let address = |text: &str| Asker::Address(text.parse().expect("an address"));
        assert_eq!(limit.count(Asker::Subject("a")), Ok(()));
        assert!(limit.count(Asker::Subject("a")).is_err());
        assert_eq!(limit.count(address("192.0.2.1")), Ok(()));
        assert_eq!(limit.count(address("2001:db8::1")), Ok(()));
        assert!(limit.count(address("2001:db8::2")).is_err());
        assert_eq!(limit.count(address("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn memory_does_not_grow_with_tokens() {
        let (limit, clock) = limit(60, 1);
        for number in 0..SHED_EVERY {
            if number == SHED_EVERY - 1 {
                clock.advance(Duration::from_secs(3));
            }
            let _ = limit.count(Asker::Subject(&number.to_string()));
        }
        assert_eq!(limit.limiter.len(), 1, "all slots but the last one's were as good as new");
    }

    #[test]
    fn slots_are_few() {
        let (limit, _) = limit(1, 1);
        let slots = (0..10_000).map(|number| limit.slot(Asker::Subject(&number.to_string())));
        assert!(slots.max() < Some(SLOTS as u32));
    }
}
