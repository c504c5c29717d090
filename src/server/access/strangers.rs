//! Addresses that show no valid token: how often they may, and how much work they may make.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::RateSettings;
use super::rate::{Asker, RateLimit};
use crate::serving::network_of;

/// How many times more signatures than failures an address may have checked once it failed too
/// often. A device with a new token may share the address with whoever fails, and is let in; forged
/// tokens cost no more than so many checks.
const CHECKS_FOR_A_FAILURE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// Addresses that wait; those that need not any more are forgotten when there are as many.
const MAX_BLOCKED: usize = 4_096;

/// Counts failures by address.
pub(super) struct Strangers {
    failures: RateLimit,
    checks: RateLimit,
    /// Until when an address that failed too often waits.
    blocked: Mutex<HashMap<IpAddr, Instant>>,
}

impl Strangers {
    pub(super) fn new(settings: RateSettings) -> Self {
        let more = |number: NonZeroU32| number.saturating_mul(CHECKS_FOR_A_FAILURE);
        let checks =
            RateSettings { per_minute: more(settings.per_minute), burst: more(settings.burst) };
        Strangers {
            failures: RateLimit::new(settings),
            checks: RateLimit::new(checks),
            blocked: Mutex::default(),
        }
    }

    /// From now on so many servers answer, this one among them.
    pub(super) fn share_with(&self, servers: NonZeroU32) {
        self.failures.share_with(servers);
        self.checks.share_with(servers);
    }

    /// Whether a signature from this address may be checked, or after how long to come again.
    pub(super) fn may_check(&self, address: IpAddr) -> Result<(), Duration> {
        let network = network_of(address);
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        match blocked.get(&network) {
            Some(until) if *until > Instant::now() => self.checks.count(Asker::Address(address)),
            Some(_) => {
                blocked.remove(&network);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a failure, or says after how long to come again.
    pub(super) fn failed(&self, address: IpAddr) -> Result<(), Duration> {
        let counted = self.failures.count(Asker::Address(address));
        if let Err(wait) = counted {
            let now = Instant::now();
            let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
            if blocked.len() >= MAX_BLOCKED {
                blocked.retain(|_, until| *until > now);
            }
            if blocked.len() < MAX_BLOCKED {
                blocked.insert(network_of(address), now + wait);
            }
        }
        counted
    }
}
