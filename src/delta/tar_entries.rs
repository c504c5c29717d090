//! Where the entries of a layer tar begin and end, and what they are called: structure to match
//! by, nothing to trust. A slice that is no tar simply has no entries.
//!
//! Header layout: POSIX.1-1988 ustar, with GNU long names and PAX `path` records.

use std::ops::Range;

/// Entries begin at multiples of this.
pub(super) const BLOCK: usize = 512;

/// One entry of a tar, as ranges of the tar's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Where the entry begins: its first header block, extension headers included.
    pub start: usize,
    /// The content, without padding; empty for anything but a regular file.
    pub content: Range<usize>,
    /// The path as it is written, without a trailing slash.
    pub path: Vec<u8>,
}

impl TarEntry {
    /// Where the entry ends, padding included.
    pub fn end(&self) -> usize {
        self.content.end.next_multiple_of(BLOCK)
    }
}

/// The entries of `tar`, in order, up to its end or to the first block that is no header.
pub fn tar_entries(tar: &[u8]) -> impl Iterator<Item = TarEntry> + '_ {
    let (mut at, mut start) = (0, 0);
    let mut long_path: Option<Vec<u8>> = None;
    std::iter::from_fn(move || {
        loop {
            let header = tar.get(at..at + BLOCK)?;
            let content_start = at + BLOCK;
            let content_end = content_start.checked_add(checked_size(header)?)?;
            let content = tar.get(content_start..content_end)?;
            at = content_end.next_multiple_of(BLOCK);
            match header[156] {
                b'L' => long_path = Some(until_nul(content).to_vec()),
                b'x' => long_path = pax_path(content).or(long_path.take()),
                b'K' | b'g' => {}
                _ => {
                    let mut path = long_path.take().unwrap_or_else(|| ustar_path(header));
                    while path.last() == Some(&b'/') {
                        path.pop();
                    }
                    let entry = TarEntry { start, content: content_start..content_end, path };
                    start = at;
                    return Some(entry);
                }
            }
        }
    })
}

/// The content size that a header states, if its checksum holds. Types without content count as
/// size 0, whatever the field says.
fn checked_size(header: &[u8]) -> Option<usize> {
    let stored = octal(&header[148..156])?;
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    let actual = sum(&header[..148]) + 8 * u64::from(b' ') + sum(&header[156..]);
    if stored != actual {
        return None;
    }
    match header[156] {
        b'1'..=b'6' => Some(0),
        _ => number(&header[124..136])?.try_into().ok(),
    }
}

/// A numeric field: octal text, or base-256 where the first bit is set (GNU).
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 == 0 {
        return octal(field);
    }
    let (high, low) = field.split_at(field.len() - 8);
    let clear = high[0] == 0x80 && high[1..].iter().all(|&byte| byte == 0);
    clear.then(|| low.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = until_nul(field).trim_ascii();
    text.iter().try_fold(0u64, |value, &byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

fn until_nul(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|&byte| byte == 0).unwrap_or(field.len())]
}

fn ustar_path(header: &[u8]) -> Vec<u8> {
    let name = until_nul(&header[..100]);
    let prefix = until_nul(&header[345..500]);
    // GNU headers ("ustar  \0") use the prefix field for other things.
    if &header[257..263] != b"ustar\0" || prefix.is_empty() {
        return name.to_vec();
    }
    [prefix, b"/", name].concat()
}

/// The `path` record of a PAX extended header (POSIX.1-2001, "pax Extended Header").
fn pax_path(mut records: &[u8]) -> Option<Vec<u8>> {
    let mut path = None;
    while !records.is_empty() {
        let space = records.iter().position(|&byte| byte == b' ')?;
        let len: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        let record = records.get(space + 1..len.checked_sub(1)?)?;
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(value.to_vec());
        }
        records = records.get(len..)?;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let long = format!("deep/{}/file", "n".repeat(150));
        for (path, content) in [("a/b", &b"hello"[..]), (&long, b""), ("z", &[7; 1024])] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, content).expect("vec");
        }
        builder.into_inner().expect("vec")
    }

    #[test]
    fn entries_cover_the_tar_without_gaps_and_carry_full_paths() {
        let tar = sample();
        let entries: Vec<TarEntry> = tar_entries(&tar).collect();
        let paths: Vec<String> =
            entries.iter().map(|e| String::from_utf8_lossy(&e.path).into_owned()).collect();
        assert_eq!(paths, ["a/b".to_owned(), format!("deep/{}/file", "n".repeat(150)), "z".into()]);
        assert_eq!(entries[0].start, 0);
        assert!(entries.windows(2).all(|pair| pair[0].end() == pair[1].start));
        assert_eq!(&tar[entries[0].content.clone()], b"hello");
        assert_eq!(entries[2].end() + 1024, tar.len());
    }

    #[test]
    fn what_is_no_tar_has_no_entries_and_a_cut_tar_those_that_are_whole() {
        assert!(tar_entries(b"").next().is_none());
        assert!(tar_entries(&[0; 2048]).next().is_none());
        assert!(tar_entries(&[b'x'; 5000]).next().is_none());
        let tar = sample();
        for cut in 0..tar.len() {
            assert!(tar_entries(&tar[..cut]).all(|entry| entry.content.end <= cut));
        }
    }

    #[test]
    fn damaged_pax_records_are_passed_over() {
        assert_eq!(pax_path(b"10 path=ab\n"), None);
        assert_eq!(pax_path(b"11 path=ab\n"), Some(b"ab".to_vec()));
        assert_eq!(pax_path(b"0 path=ab\n"), None);
        assert_eq!(pax_path(b"99999999999999999999 path=ab\n"), None);
        assert_eq!(pax_path(b"11 path=ab\n12 path=abc\n"), Some(b"abc".to_vec()));
    }
}
