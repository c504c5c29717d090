//! Memory that the system may not give: how much of its address space a process has left.
//!
//! An allocation that fails ends the process, in code of our own as in libraries'. So what a piece of work
//! takes at most is compared with what is left before the work begins.

use std::collections::TryReserveError;
use std::fs;

use rustix::process::{Resource, getrlimit};

use crate::{Cause, Remedy};

/// Bytes of address space that a thread takes beside its work: its stack, and with glibc an arena of
/// 64 MiB that allocations come from.
const THREAD_BYTES: u64 = if cfg!(target_env = "gnu") { 66 << 20 } else { 3 << 20 };

/// The system does not give the memory that the work takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The limit of the process leaves too little (`RLIMIT_AS`, see getrlimit(2)).
    #[error(
        "the work takes up to {needed} bytes of address space, and {left} are left of the {limit} that the \
         process may have"
    )]
    Limit {
        /// The most that the work takes, in bytes.
        needed: u64,
        /// The rest of the limit, in bytes.
        left: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The system did not give the memory for a table.
    #[error("the system gives no memory for a table of what the base holds")]
    Table,
}

impl From<TryReserveError> for MemoryError {
    fn from(_: TryReserveError) -> Self {
        MemoryError::Table
    }
}

impl MemoryError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        Cause::Resources
    }

    /// Returns the remedy, if one is known.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(Remedy::MoreAddressSpace)
    }
}

/// Checks that the process may take so much more memory: `bytes`, and what `threads` more threads take.
///
/// # Errors
/// [`MemoryError::Limit`] if the limit of the process leaves less.
pub fn check_memory(bytes: u64, threads: usize) -> Result<(), MemoryError> {
    let Some(limit) = getrlimit(Resource::As).current else { return Ok(()) };
    let Some(used) = address_space() else { return Ok(()) };
    let left = limit.saturating_sub(used);
    let needed = bytes.saturating_add(THREAD_BYTES * threads as u64);
    if needed <= left { Ok(()) } else { Err(MemoryError::Limit { needed, left, limit }) }
}

/// Whether the process has a limit on its address space.
pub(crate) fn is_limited() -> bool {
    getrlimit(Resource::As).current.is_some()
}

/// Bytes of address space in use (proc(5), `/proc/pid/statm`); `None` if the system does not say.
fn address_space() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split_whitespace().next()?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_counts() {
        let before = address_space().expect("Linux tells");
        let block = vec![0_u8; 256 << 20];
        assert!(address_space().expect("Linux tells") >= before + (128 << 20));
        drop(block);
    }
}
