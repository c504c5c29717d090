//! Writing image archives: plain files, the same bytes for the same image.

use std::io::{Read, Write};

use super::transfer::{self, CopyError};
use crate::tar::{HeaderStyle, NewFile, Writer};

/// Writes regular files, owned by nobody in particular and of no particular time, one after another.
pub(super) struct TarWriter<W> {
    tar: Writer<W>,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(output: W) -> Self {
        TarWriter { tar: Writer::new(output) }
    }

    /// Adds a file of `size` bytes, which `contents` must give exactly. `name` has at most 100 bytes.
    pub(super) fn add(
        &mut self,
        name: &str,
        size: u64,
        contents: &mut dyn Read,
        done: impl FnMut(u64),
    ) -> Result<(), CopyError> {
        let file = NewFile { name, size, style: HeaderStyle::Ustar };
        self.tar.start(&file).map_err(CopyError::Write)?;
        transfer::copy(contents, &mut self.tar, done).map(drop)
    }

    /// Writes the end mark.
    pub(super) fn finish(self) -> Result<(), CopyError> {
        self.tar.finish().map(drop).map_err(CopyError::Write)
    }
}
