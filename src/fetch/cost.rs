//! What a way to an image costs: bytes, and the time that a link and a machine take for them.

/// Bytes a second that a layer's blob is unpacked at, as it is stored: gzip on a small machine.
const UNPACKED_RATE: f64 = 40e6;
/// Bytes a second of a delta that are applied. Deltas are small, and what they copy is read from the page cache.
const APPLIED_RATE: f64 = 20e6;
/// Bits of a byte.
const BITS: f64 = 8.0;

/// The link to where images are.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// Bits a second.
    pub bits_per_second: f64,
}

impl Link {
    /// A link of so many bits a second.
    pub fn of(bits_per_second: f64) -> Self {
        Link { bits_per_second }
    }
}

impl Default for Link {
    /// 100 Mbit/s.
    fn default() -> Self {
        Link::of(100e6)
    }
}

/// Bytes of one way, by what is to be done with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Bytes of blobs that are unpacked.
    pub(super) blobs: u64,
    /// Bytes of deltas that are applied.
    pub(super) deltas: u64,
}

impl Cost {
    /// Bytes over the network.
    pub(super) fn bytes(self) -> u64 {
        self.blobs.saturating_add(self.deltas)
    }

    /// Seconds that it takes over `link`. Transfer and work go side by side, so that the slower one counts.
    pub(super) fn seconds(self, link: Link) -> f64 {
        let transfer = self.bytes() as f64 * BITS / link.bits_per_second.max(1.0);
        let work = self.blobs as f64 / UNPACKED_RATE + self.deltas as f64 / APPLIED_RATE;
        transfer.max(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_link_makes_bytes_count_and_a_fast_one_the_work() {
        let cost = Cost { blobs: 40_000_000, deltas: 20_000_000 };
        assert_eq!(cost.seconds(Link::of(48e6)), 10.0);
        assert_eq!(cost.seconds(Link::of(48e9)), 2.0);
        assert_eq!(Cost::default().seconds(Link::default()), 0.0);
    }
}
