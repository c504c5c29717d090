//! Where the entries of a layer tar begin and end, and what they are called: structure to match
//! by, nothing to trust. A slice that is no tar simply has no entries.

use std::ops::Range;

use crate::tar::{BLOCK, Entries};

/// One entry of a tar, as ranges of the tar's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Where the entry begins: its first header block, extension headers included.
    pub start: usize,
    /// The content, without padding; empty for anything but a regular file. Of a sparse file it is
    /// what the tar stores.
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
    Entries::new(tar).map_while(Result::ok).map(|entry| {
        let mut path = entry.name.to_vec();
        while path.last() == Some(&b'/') {
            path.pop();
        }
        let content = entry.stored.start as usize..entry.stored.end as usize;
        TarEntry { start: entry.start as usize, content, path }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::test_archives::{archive, pax, special};

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
    fn damaged_records_end_the_entries() {
        let whole = sample();
        let entry = &whole[..1024];
        let count = |before: &[u8]| tar_entries(&archive(&[entry, before, entry])).count();
        assert_eq!(count(&pax(&[("path", "x")])), 2);
        assert_eq!(count(&special(b'x', b"no records")), 1);
    }
}
