//! How many bytes of a delta are compressed hard.

/// One in how many bytes of the images an [`Allowance`] is, beyond so many bytes: small images are soon
/// read and compared, and compressing would take longer than all else.
const ALLOWANCE_SHARE: u64 = 16;
const ALLOWANCE_FROM: u64 = 64 << 20;

/// How many more raw bytes of a delta may be compressed as hard as the effort says, where time counts
/// too. The rest gets the quick level, so that compressing takes a bounded share of what reading and
/// comparing the images takes, however much of them changed.
pub(crate) struct Allowance(u64);

impl Allowance {
    /// For a delta between images of `bytes` in all.
    pub(crate) fn of_images(bytes: u64) -> Self {
        Allowance(bytes.saturating_sub(ALLOWANCE_FROM) / ALLOWANCE_SHARE)
    }

    /// Takes `bytes` of it, or what is left.
    pub(super) fn spend(&mut self, bytes: u64) -> u64 {
        let spent = bytes.min(self.0);
        self.0 -= spent;
        spent
    }
}
