//! The contents of the base's tar entries, found by path, by size and by path without version numbers.
//!
//! Paths are kept as hashes: a wrong find is a wrong guess and no more, because contents are compared.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use super::super::Base;

/// Shorter contents are not looked for under other names: their header costs more than they do.
const SAME_CONTENT_MIN: usize = 64;
/// What an entry takes in memory at most, tables and what is derived from them included, in bytes.
const ENTRY_BYTES: u64 = 224;

/// The content of an entry of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delta) struct Content {
    pub(in crate::delta) slice: usize,
    /// Where in the slice it is.
    pub(in crate::delta) range: Range<usize>,
}

impl Content {
    /// Its bytes.
    pub(in crate::delta) fn bytes<'a>(&self, base: &Base<'a>) -> &'a [u8] {
        &base.slices()[self.slice][self.range.clone()]
    }

    /// Where in the base stream it starts.
    pub(in crate::delta) fn offset(&self, base: &Base<'_>) -> u64 {
        base.start_of(self.slice) + self.range.start as u64
    }
}

/// The entries of the base.
#[derive(Default)]
pub(in crate::delta) struct BaseEntries {
    contents: Vec<Content>,
    by_path: HashMap<u64, u32>,
    by_stem: HashMap<u64, u32>,
    /// By the last part of the path, without digits.
    by_name: HashMap<u64, u32>,
    /// Sizes and numbers of contents, sorted.
    by_size: Vec<(usize, u32)>,
}

impl BaseEntries {
    /// Reads the entries of `base`, in at most `memory` bytes: when they are more than that holds,
    /// those with the smallest contents are left out.
    pub(in crate::delta) fn new(base: &Base<'_>, memory: u64) -> Self {
        let most = (memory / ENTRY_BYTES).clamp(1, u64::from(u32::MAX)) as usize;
        let mut smallest = 0;
        loop {
            match BaseEntries::of_size_from(smallest, base, most) {
                Some(entries) => return entries,
                None => smallest = (2 * smallest).max(1),
            }
        }
    }

    /// Reads the entries whose contents have `smallest` bytes or more, unless they are more than
    /// `most`.
    fn of_size_from(smallest: usize, base: &Base<'_>, most: usize) -> Option<Self> {
        let mut entries = BaseEntries::default();
        for slice in 0..base.slices().len() {
            for (path, range) in base.contents(slice).filter(|(_, range)| range.len() >= smallest) {
                if entries.contents.len() == most {
                    return None;
                }
                let number = entries.contents.len() as u32;
                // Later layers come later and win: theirs is the version the image shows.
                entries.by_path.insert(hash(&path), number);
                let stem = stem(&path);
                entries.by_stem.insert(hash(&stem), number);
                entries.by_name.insert(hash(last_part(&stem)), number);
                if range.len() >= SAME_CONTENT_MIN {
                    entries.by_size.push((range.len(), number));
                }
                entries.contents.push(Content { slice, range });
            }
        }
        entries.by_size.sort_unstable();
        Some(entries)
    }

    /// What it takes in memory, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.contents.len() as u64 * ENTRY_BYTES
    }

    /// All contents, in the order of the base stream.
    pub(in crate::delta) fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// The content of the entry of the same path, or of the same path but for digits.
    pub(super) fn named(&self, path: &[u8]) -> Option<&Content> {
        let by_path = self.by_path.get(&hash(path));
        let number = by_path.or_else(|| self.by_stem.get(&hash(&stem(path))))?;
        Some(&self.contents[*number as usize])
    }

    /// The number of the content that a changed entry of `path` probably comes from: [`named`](Self::named), or else
    /// one of the same name in another folder.
    pub(super) fn partner(&self, path: &[u8]) -> Option<u32> {
        let by_path = self.by_path.get(&hash(path));
        let stem = stem(path);
        let by_stem = || self.by_stem.get(&hash(&stem));
        let by_name = || self.by_name.get(&hash(last_part(&stem)));
        let number = by_path.or_else(by_stem).or_else(by_name).copied()?;
        (!self.contents[number as usize].range.is_empty()).then_some(number)
    }

    /// The number of the content that has the byte at `offset` of the base stream.
    pub(super) fn at(&self, base: &Base<'_>, offset: u64) -> Option<u32> {
        let after = self.contents.partition_point(|content| content.offset(base) <= offset);
        let number = after.checked_sub(1)?;
        let content = &self.contents[number];
        let inside = offset < content.offset(base) + content.range.len() as u64;
        inside.then_some(number as u32)
    }

    /// The contents of `len` bytes, the last first.
    pub(super) fn of_size(&self, len: usize) -> impl Iterator<Item = &Content> {
        let first = self.by_size.partition_point(|&(size, _)| size < len);
        let last = self.by_size.partition_point(|&(size, _)| size <= len);
        let numbers = self.by_size[first..last].iter().rev();
        numbers.map(|&(_, number)| &self.contents[number as usize])
    }
}

/// The same on every machine.
fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path);
    hasher.finish()
}

/// What follows the last slash.
fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// A path with every run of digits replaced by one `#`: what stays when a version changes.
fn stem(path: &[u8]) -> Vec<u8> {
    let mut stem = Vec::with_capacity(path.len());
    for &byte in path {
        let byte = if byte.is_ascii_digit() { b'#' } else { byte };
        if byte != b'#' || stem.last() != Some(&b'#') {
            stem.push(byte);
        }
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(files: &[(&str, usize)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, len) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(*len as u64);
            builder.append_data(&mut header, path, &vec![7; *len][..]).expect("vec");
        }
        builder.into_inner().expect("vec")
    }

    #[test]
    fn the_last_entry_of_a_path_wins_and_digits_do_not_count() {
        let (lower, upper) = (tar(&[("lib-1.2/a", 100), ("b", 100)]), tar(&[("b", 100)]));
        let base = Base::new(vec![&lower, &upper]);
        let entries = BaseEntries::new(&base, 1 << 20);
        let slice = |path: &str| entries.named(path.as_bytes()).map(|content| content.slice);
        assert_eq!(slice("b"), Some(1));
        assert_eq!(slice("lib-1.2/a"), Some(0));
        assert_eq!(slice("lib-1.13/a"), Some(0));
        assert_eq!(slice("lib/a"), None);
        let slices: Vec<usize> = entries.of_size(100).map(|content| content.slice).collect();
        assert_eq!(slices, [1, 0, 0]);
        assert_eq!(entries.of_size(99).count(), 0);
    }

    #[test]
    fn the_largest_contents_stay_where_memory_is_short() {
        let files: Vec<(String, usize)> = (0..100).map(|i| (format!("f{i}x"), i)).collect();
        let files: Vec<(&str, usize)> = files.iter().map(|(path, len)| (&path[..], *len)).collect();
        let tar = tar(&files);
        let base = Base::new(vec![&tar]);
        let entries = BaseEntries::new(&base, 40 * ENTRY_BYTES);
        assert!(entries.bytes() <= 40 * ENTRY_BYTES);
        assert!(entries.contents().iter().all(|content| content.range.len() >= 64));
        assert_eq!(entries.contents().len(), 36);
    }
}
