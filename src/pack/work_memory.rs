//! The memory that making or applying a delta takes, beside the layers and the indexes.

use crate::memory::{MemoryError, check_memory};

/// Bytes that work on the smallest images takes.
const LEAST_BYTES: u64 = 24 << 20;
/// Bytes for each thread: a compressor, and what a cell of the encoder needs.
const THREAD_BYTES: u64 = 12 << 20;
/// Bytes in work at a time at most, raw and compressed, however large the images are.
const PIECES_BYTES: u64 = 64 << 20;
/// Bytes of address space for each byte in use: what threads allocate in small pieces leaves holes in glibc.
const SPREAD: u64 = if cfg!(target_env = "gnu") { 2 } else { 1 };
/// A thread that measures, and one that tells of progress.
const WATCHERS: usize = 2;

/// Checks that there is memory for work on layers of `bytes` in all, which are mapped already, for `more`
/// bytes, and for `threads` threads that will be started.
///
/// # Errors
/// If the limit of the process leaves too little.
pub(crate) fn check_work(bytes: u64, more: u64, threads: usize) -> Result<(), MemoryError> {
    let pieces = PIECES_BYTES.min(bytes.saturating_mul(2));
    let computing = rayon::current_num_threads() as u64 * THREAD_BYTES;
    let work = (LEAST_BYTES + computing + pieces) * SPREAD;
    check_memory(work.saturating_add(more), threads + WATCHERS)
}
