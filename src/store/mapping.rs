//! Files as slices. The one place with `unsafe`.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Advice, Mmap};

/// A whole file, mapped into memory read-only.
///
/// # Invariant
/// The mapped file does not change while it is mapped. The store keeps it so: a file is mapped only
/// under `layers/`, where files appear complete (rename) and read-only (mode 0400) and are never
/// written, truncated or replaced, only unlinked; an unlinked file keeps its bytes until the last
/// map of it is gone. The folder is its owner's alone (mode 0700), so nobody else can break this.
#[derive(Debug)]
pub(super) struct Mapping(Mmap);

impl Mapping {
    /// Maps `file`, which must be one that fulfils the invariant above.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the invariant above: nothing writes to or truncates the file while it is mapped.
        let map = unsafe { Mmap::map(file)? };
        Ok(Mapping(map))
    }

    /// Starts reading the file ahead of its use. Only a hint: failure changes nothing.
    pub(super) fn read_ahead(&self) {
        let _ = self.0.advise(Advice::WillNeed);
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
