//! The archives of the base, found by path, by path without version, and by name without version.
//!
//! Paths are kept as hashes: a wrong find is a wrong guess and no more, because contents are compared.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use super::super::Base;
use crate::archives::is_archive;

/// What an archive takes here at most, in bytes.
const ENTRY_BYTES: u64 = 256;

/// Where the archives of a base are.
pub(super) struct OldArchives<'a> {
    /// Where each starts in the base stream, and its bytes.
    archives: Vec<(u64, &'a [u8])>,
    by_path: HashMap<u64, usize>,
}

impl<'a> OldArchives<'a> {
    /// Finds the archives of `base`, the first as many as `memory` bytes hold.
    pub(super) fn new(base: &Base<'a>, memory: u64) -> Self {
        let most = usize::try_from(memory / ENTRY_BYTES).unwrap_or(usize::MAX);
        let mut old = OldArchives { archives: Vec::new(), by_path: HashMap::new() };
        for slice in 0..base.slices().len() {
            for (path, range) in base.contents(slice) {
                let start = base.start_of(slice) + range.start as u64;
                let content = &base.slices()[slice][range];
                if old.archives.len() < most && is_archive(content) {
                    // Later layers win: theirs is the version the image shows.
                    let number = old.archives.len();
                    keys(&path).into_iter().for_each(|key| _ = old.by_path.insert(key, number));
                    old.archives.push((start, content));
                }
            }
        }
        old
    }

    /// The archive that one at `path` probably comes from: where it starts in the base stream, and its bytes.
    pub(super) fn partner(&self, path: &[u8]) -> Option<(u64, &'a [u8])> {
        let number = keys(path).into_iter().find_map(|key| self.by_path.get(&key))?;
        Some(self.archives[*number])
    }
}

/// What an archive at `path` is found by, the best first. The same on every machine.
fn keys(path: &[u8]) -> [u64; 3] {
    let key = |kind: u8, text: &[u8]| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(kind);
        hasher.write(text);
        hasher.finish()
    };
    let unversioned = unversioned(path);
    let name = unversioned.rsplit(|byte| *byte == b'/').next().unwrap_or(&unversioned);
    [key(0, path), key(1, &unversioned), key(2, name)]
}

/// A path with every version replaced by one `#`: a digit, and digits and dots behind it, whatever parts there are.
fn unversioned(path: &[u8]) -> Vec<u8> {
    let (mut out, mut is_inside) = (Vec::with_capacity(path.len()), false);
    for &byte in path {
        let goes_on = is_inside && byte == b'.';
        if byte.is_ascii_digit() && !is_inside {
            out.push(b'#');
        }
        is_inside = byte.is_ascii_digit() || goes_on;
        if !is_inside {
            out.push(byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::test_files::tar;
    use super::*;

    #[test]
    fn archives_are_found_whatever_their_versions_and_later_layers_win() {
        let lower =
            tar(&[("lib/tool-1.2.jar", b"PK\x03\x04 1"), ("lib/none-1.jar", b"no archive")]);
        let upper = tar(&[("lib/tool-1.10.jar", b"PK\x03\x04 2"), ("b/x.zip", b"PK\x03\x04 3")]);
        let base = Base::new(vec![&lower, &upper]);
        let old = OldArchives::new(&base, 1 << 20);
        let found = |path: &str| old.partner(path.as_bytes()).map(|(_, bytes)| bytes[5]);
        assert_eq!(found("lib/tool-1.2.jar"), Some(b'1'));
        assert_eq!(found("lib/tool-1.2.1.jar"), Some(b'2'));
        assert_eq!(found("opt/2/tool-3.jar"), Some(b'2'));
        assert_eq!(found("a/x.zip"), Some(b'3'));
        assert_eq!(found("lib/none-1.jar"), None);
        let (start, bytes) = old.partner(b"b/x.zip").expect("found");
        assert_eq!(base.tail(start)[..bytes.len()], *bytes);
        assert!(OldArchives::new(&base, 0).partner(b"b/x.zip").is_none());
    }
}
