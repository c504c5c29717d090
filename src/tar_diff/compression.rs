//! How a stream is compressed: as small as effort and memory allow.

use std::io::{self, Write};

use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;

use super::format::WINDOW_LOG;
use crate::delta::Effort;

/// Zstandard's parameters for a stream of known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Compression {
    level: i32,
    /// Powers of two: how far repeats reach, and how large the tables are that find them.
    window_log: u32,
    chain_log: u32,
    hash_log: u32,
    /// Repeats of so many bytes are taken without weighing them against others.
    target_length: u32,
    /// Whether repeats that are far and long are looked for in a table of their own.
    has_far_repeats: bool,
}

/// By effort. Tables are those of the level, if these are not too large for any memory. A tar header with the padding around it
/// is about 512 bytes alike, more than a level 19 weighs; repeats of programs are farther than its tree remembers.
const BY_EFFORT: [Compression; 10] = [
    quick(3, 16, 17, 1),
    quick(3, 16, 17, 1),
    quick(6, 18, 19, 4),
    quick(9, 20, 21, 16),
    quick(12, 22, 23, 32),
    thorough(19, 22, 384),
    thorough(19, 22, 384),
    thorough(19, 22, 512),
    thorough(19, 22, 512),
    thorough(22, 23, 999),
];

/// The smallest window and tables of Zstandard's, as a power of two.
const LOG_MIN: u32 = 10;
/// A slot of a table has so many bytes, as a power of two.
const SLOT_LOG: u32 = 2;
/// The table for far repeats has one slot of eight bytes for so many bytes of the window, as powers of two,
const FAR_STEP_LOG: u32 = 4;
const FAR_SLOT_LOG: u32 = 3;
/// and no more slots than this.
const FAR_LOG_MAX: u32 = 22;
/// What coding takes beside window and tables: blocks, their repeats and statistics, and buffers.
const WORK_BYTES: u64 = 4 << 20;

const fn quick(level: i32, chain_log: u32, hash_log: u32, target_length: u32) -> Compression {
    let (window_log, has_far_repeats) = (WINDOW_LOG, false);
    Compression { level, window_log, chain_log, hash_log, target_length, has_far_repeats }
}

const fn thorough(level: i32, hash_log: u32, target_length: u32) -> Compression {
    let (window_log, chain_log, has_far_repeats) = (WINDOW_LOG, 25, true);
    Compression { level, window_log, chain_log, hash_log, target_length, has_far_repeats }
}

impl Compression {
    /// The parameters for `len` bytes, which take at most `memory` bytes, if that is no less than the least.
    pub(super) fn of(len: u64, effort: Effort, memory: u64) -> Self {
        let mut fitting = BY_EFFORT[usize::from(effort.level())];
        let len_log = u64::BITS - len.saturating_sub(1).leading_zeros();
        fitting.window_log = len_log.clamp(LOG_MIN, WINDOW_LOG);
        fitting.chain_log = fitting.chain_log.min(fitting.window_log + 1);
        fitting.hash_log = fitting.hash_log.min(fitting.window_log + 1);
        while fitting.bytes() > memory && fitting.make_smaller() {}
        fitting
    }

    /// Halves the largest of window and tables; returns whether that can be done.
    fn make_smaller(&mut self) -> bool {
        let Compression { window_log, chain_log, hash_log, .. } = self;
        let largest = match (*chain_log).max(*hash_log) + SLOT_LOG >= *window_log {
            true if *chain_log >= *hash_log => chain_log,
            true => hash_log,
            false => window_log,
        };
        *largest -= 1;
        *largest > LOG_MIN
    }

    /// How many bytes coding takes.
    fn bytes(&self) -> u64 {
        let tables = (1 << (self.chain_log + SLOT_LOG)) + (1 << (self.hash_log + SLOT_LOG));
        let far = u64::from(self.has_far_repeats) << (self.far_log() + FAR_SLOT_LOG);
        WORK_BYTES + (1 << self.window_log) + tables + far
    }

    fn far_log(&self) -> u32 {
        (self.window_log - FAR_STEP_LOG).min(FAR_LOG_MAX)
    }

    /// Returns an encoder of `len` bytes into `out`.
    pub(super) fn encoder<W: Write>(&self, len: u64, out: W) -> io::Result<Encoder<'static, W>> {
        let mut encoder = Encoder::new(out, self.level)?;
        encoder.set_pledged_src_size(Some(len))?;
        encoder.set_parameter(CParameter::WindowLog(self.window_log))?;
        encoder.set_parameter(CParameter::ChainLog(self.chain_log))?;
        encoder.set_parameter(CParameter::HashLog(self.hash_log))?;
        encoder.set_parameter(CParameter::TargetLength(self.target_length))?;
        encoder.set_parameter(CParameter::EnableLongDistanceMatching(self.has_far_repeats))?;
        if self.has_far_repeats {
            encoder.set_parameter(CParameter::LdmHashLog(self.far_log()))?;
        }
        Ok(encoder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_coding_takes_fits_the_memory_and_the_window_fits_the_stream(
            len in 0u64..1 << 40,
            level in 1u8..=9,
            memory in 16u64 << 20..1 << 40,
        ) {
            let effort = Effort::new(level).expect("a level");
            let compression = Compression::of(len, effort, memory);
            prop_assert!(compression.bytes() <= memory);
            prop_assert!(1 << compression.window_log.saturating_sub(1) < len.max(1 << LOG_MIN));
            prop_assert!(compression.window_log <= WINDOW_LOG);
        }
    }

    #[test]
    fn the_default_memory_has_room_for_the_largest_window() {
        let effort = Effort::default();
        assert_eq!(Compression::of(1 << 40, effort, 256 << 20).window_log, WINDOW_LOG);
    }
}
