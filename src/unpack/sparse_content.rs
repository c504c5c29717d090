//! The content of a file with holes, compared with what lies between the holes.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;

use crate::rootfs::{SparseMap, Stretch};
use crate::store::FileContent;

/// Bytes of a file that are compared at a time.
const COMPARED: usize = 64 << 10;

/// Returns whether `file` has `data` between the holes of `map`. What is in the holes is not looked at: there may be more
/// of them than anybody has time for.
pub(super) fn has_data(file: &File, map: &SparseMap, data: FileContent<'_>) -> io::Result<bool> {
    let (mut offset, mut read) = (0, 0);
    for stretch in map.stretches() {
        match stretch {
            Stretch::Hole(len) => offset += len,
            Stretch::Data(len) => {
                let mut comparing = Comparing { file, at: offset, is_same: true };
                data.copy(read..read + len, &mut comparing)?;
                if !comparing.is_same {
                    return Ok(false);
                }
                (offset, read) = (offset + len, read + len);
            }
        }
    }
    Ok(true)
}

/// Compares what is written with what is in a file from a place on.
struct Comparing<'f> {
    file: &'f File,
    at: u64,
    is_same: bool,
}

impl Write for Comparing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut found = [0; COMPARED];
        let len = bytes.len().min(COMPARED);
        self.file.read_exact_at(&mut found[..len], self.at)?;
        self.is_same &= found[..len] == bytes[..len];
        self.at += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
