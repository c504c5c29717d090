//! Members of archives, as they are packed and as they are open.

use std::collections::HashSet;
use std::io::{self, Write as _};

use super::super::opening::PackedStretch;
use crate::archives::{Member, inflate, members};
use crate::tar::{HeaderStyle, NewFile, Writer};

/// The longest name in a header.
const NAME_MAX: usize = 100;

/// A packed member of an archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<'a> {
    pub(super) name: &'a [u8],
    /// Where the packed bytes start in the base stream or the target.
    pub(super) start: u64,
    pub(super) bytes: &'a [u8],
    /// How many bytes the content has, by what the archive says.
    pub(super) len: u64,
}

impl<'a> Packed<'a> {
    /// The members of `archive`, which starts at `start` of the base stream or the target.
    pub(super) fn all(archive: &'a [u8], start: u64) -> impl Iterator<Item = Self> {
        members(archive).into_iter().map(move |Member { name, packed, len }| {
            let start = start + packed.start as u64;
            Packed { name, start, bytes: &archive[packed], len }
        })
    }

    /// Where the packed bytes end.
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Returns what is in it, unless the archive lies.
    pub(super) fn open(self) -> Option<Open<'a>> {
        let content = inflate(self.bytes, self.len as usize)?;
        Some(Open { packed: self, content })
    }
}

/// A member and what is in it.
pub(super) struct Open<'a> {
    pub(super) packed: Packed<'a>,
    pub(super) content: Vec<u8>,
}

impl Open<'_> {
    /// Where in the base stream it is.
    pub(super) fn stretch(&self) -> PackedStretch {
        let Packed { start, bytes, len, .. } = self.packed;
        PackedStretch { offset: start, packed_len: bytes.len() as u64, len }
    }
}

/// What a member takes in memory beside its content, in bytes: the header and the padding that it has while it is searched, and tables.
const MEMBER_BYTES: u64 = 1536;

/// `members`, as many together as take no more than `most` bytes in memory.
pub(super) fn batches<'m, 'a>(
    members: &'m [Packed<'a>],
    most: u64,
) -> impl Iterator<Item = &'m [Packed<'a>]> {
    let mut rest = members;
    std::iter::from_fn(move || {
        let batch = rest.split_off(..fitting(rest.iter(), most).max(1).min(rest.len()))?;
        (!batch.is_empty()).then_some(batch)
    })
}

/// How many of `members`, from the first on, take no more than `most` bytes.
fn fitting<'m, 'a: 'm>(members: impl Iterator<Item = &'m Packed<'a>>, most: u64) -> usize {
    let mut bytes = 0;
    let fits = |member: &&Packed<'_>| {
        bytes += member.len + MEMBER_BYTES;
        bytes <= most
    };
    members.take_while(fits).count()
}

/// Those of `old` that `new` probably come from: all if they take no more than `most` bytes, or else those of the same
/// names.
pub(super) fn likely<'a>(old: &[Packed<'a>], new: &[Packed<'_>], most: u64) -> Vec<Packed<'a>> {
    if fitting(old.iter(), most) == old.len() {
        return old.to_vec();
    }
    let names: HashSet<&[u8]> = new.iter().map(|member| member.name).collect();
    let mut named: Vec<Packed<'_>> =
        old.iter().filter(|member| names.contains(member.name)).copied().collect();
    named.truncate(fitting(named.iter(), most));
    named
}

/// A tar of what is in `members`, with their names where these have room.
pub(super) fn tar_of<'m, 'a: 'm>(
    members: impl Iterator<Item = &'m Open<'a>>,
) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    for (number, Open { packed, content }) in members.enumerate() {
        let numbered = number.to_string();
        let name = std::str::from_utf8(packed.name).ok();
        let has_room = |name: &&str| (1..=NAME_MAX).contains(&name.len()) && !name.contains('\0');
        let name = name.filter(has_room).unwrap_or(&numbered);
        let size = content.len() as u64;
        writer.start(&NewFile { name, size, style: HeaderStyle::Ustar })?;
        writer.write_all(content)?;
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &'static [u8], len: u64) -> Packed<'static> {
        Packed { name, start: 0, bytes: b"packed", len }
    }

    #[test]
    fn members_of_few_bytes_count_by_what_they_take_in_memory() {
        let most = 1 << 20;
        let tiny = vec![member(b"tiny", 1); 5000];
        let counts: Vec<usize> = batches(&tiny, most).map(<[_]>::len).collect();
        assert_eq!(counts.iter().sum::<usize>(), tiny.len());
        for batch in batches(&tiny, most) {
            let open = batch.iter().map(|one| Open { packed: *one, content: vec![7] });
            let open: Vec<Open<'_>> = open.collect();
            assert!(tar_of(open.iter()).expect("vec").len() as u64 <= most);
        }
    }

    #[test]
    fn members_of_the_same_names_are_likely_if_there_is_no_room_for_all() {
        let old = [member(b"a", 5000), member(b"b", 5000), member(b"b", 50), member(b"c", 50)];
        let new = [member(b"b", 10)];
        let lens = |most| -> Vec<u64> { likely(&old, &new, most).iter().map(|m| m.len).collect() };
        assert_eq!(lens(1 << 20), [5000, 5000, 50, 50]);
        assert_eq!(lens(10_000), [5000, 50]);
        assert_eq!(lens(7000), [5000]);
        assert!(lens(1000).is_empty());
    }
}
