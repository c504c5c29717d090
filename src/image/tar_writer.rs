//! Writing image archives: plain ustar entries, the same bytes for the same image.

use std::io::{Read, Write};

use tar::{EntryType, Header};

use super::transfer::{self, CopyError};

/// The unit of a tar (POSIX.1-2017, pax, "ustar Interchange Format").
const BLOCK: u64 = 512;

/// Writes regular files, owned by nobody in particular and of no particular time, one after another.
pub(super) struct TarWriter<W> {
    output: W,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(output: W) -> Self {
        TarWriter { output }
    }

    /// Adds a file of `size` bytes, which `contents` must give exactly. `name` has at most 100 bytes.
    pub(super) fn add(
        &mut self,
        name: &str,
        size: u64,
        contents: &mut dyn Read,
        done: impl FnMut(u64),
    ) -> Result<(), CopyError> {
        let mut header = Header::new_ustar();
        header.set_path(name).map_err(CopyError::Write)?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.output.write_all(header.as_bytes()).map_err(CopyError::Write)?;
        transfer::copy(contents, &mut self.output, done)?;
        let padding = size.next_multiple_of(BLOCK) - size;
        self.output.write_all(&[0; BLOCK as usize][..padding as usize]).map_err(CopyError::Write)
    }

    /// Writes the end mark.
    pub(super) fn finish(mut self) -> Result<(), CopyError> {
        self.output.write_all(&[0; 2 * BLOCK as usize]).map_err(CopyError::Write)
    }
}
