//! The directory of a zip archive.
//!
//! Source: PKWARE's APPNOTE.TXT, 4.3 (4.3.7 local headers, 4.3.12 directory, 4.3.16 its end). Archives of more than 4 GiB or
//! 65,534 members, which are told in another way, have no members here.

use std::ops::Range;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
/// The longest comment behind the end of the directory.
const COMMENT_MAX: usize = 0xffff;
/// The method of members that are raw DEFLATE.
const DEFLATED: u16 = 8;
/// Members with this flag can't be opened.
const ENCRYPTED: u16 = 1;

/// A member that is raw DEFLATE, by what the directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Where in the archive its packed bytes are. No two members overlap.
    pub packed: Range<usize>,
    /// How many bytes it has once it is open: to be believed only when it was opened.
    pub len: u64,
}

/// Whether `content` is that of a zip archive, by how it begins.
pub fn is_archive(content: &[u8]) -> bool {
    content.starts_with(&LOCAL)
}

/// Returns the deflated members of `archive`, in the order of their bytes; none if it is no zip archive, or none that is whole.
pub fn members(archive: &[u8]) -> Vec<Member<'_>> {
    let mut members: Vec<Member<'_>> =
        directory(archive).map(|entries| entries.collect()).unwrap_or_default();
    members.sort_by_key(|member| (member.packed.start, member.packed.end));
    let mut end = 0;
    members.retain(|member| {
        let is_behind = member.packed.start >= end;
        end = end.max(member.packed.end);
        is_behind
    });
    members
}

/// The entries of the directory, up to the first that makes no sense.
fn directory(archive: &[u8]) -> Option<impl Iterator<Item = Member<'_>>> {
    let end = end_of_directory(archive)?;
    let [count, size, offset] = [(10, 2), (12, 4), (16, 4)].map(|(at, len)| (end + at, len));
    let count = number(archive, count)?;
    let start = end.checked_sub(number(archive, size)?)?;
    // What may be in front of the archive, as what starts it.
    let shift = start.checked_sub(number(archive, offset)?)?;
    let mut at = start;
    let next = move |_| {
        let (member, len) = entry(archive, at, shift, start)?;
        at += len;
        Some(member)
    };
    Some((0..count).map_while(next).flatten())
}

/// Where the end of the directory is told.
fn end_of_directory(archive: &[u8]) -> Option<usize> {
    let last = archive.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(COMMENT_MAX);
    let is_end = |at: &usize| {
        archive[*at..].starts_with(&END) && number(archive, (at + 20, 2)) == Some(last - at)
    };
    (first..=last).rev().find(is_end)
}

/// The entry at `at`, if it is a deflated member's, and the length of the entry. Members are in front of `end`, their places count
/// from `shift`.
fn entry(
    archive: &[u8],
    at: usize,
    shift: usize,
    end: usize,
) -> Option<(Option<Member<'_>>, usize)> {
    if archive.get(at..)?.get(..4)? != ENTRY {
        return None;
    }
    let field = |offset, len| number(archive, (at + offset, len));
    let name = archive.get(at + ENTRY_BYTES..)?.get(..field(28, 2)?)?;
    let len = ENTRY_BYTES + name.len() + field(30, 2)? + field(32, 2)?;
    let (flags, method) = (field(8, 2)? as u16, field(10, 2)? as u16);
    let (packed_len, content_len, local) = (field(20, 4)?, field(24, 4)? as u64, field(42, 4)?);
    let packed = packed(archive, local.checked_add(shift)?, packed_len);
    let packed = packed.filter(|packed| packed.end <= end && !packed.is_empty());
    let is_open = method == DEFLATED && flags & ENCRYPTED == 0;
    let member = packed.filter(|_| is_open).map(|packed| Member { name, packed, len: content_len });
    Some((member, len))
}

/// Where the `len` packed bytes are whose local header is at `at`.
fn packed(archive: &[u8], at: usize, len: usize) -> Option<Range<usize>> {
    if archive.get(at..)?.get(..4)? != LOCAL {
        return None;
    }
    let (name, extra) = (number(archive, (at + 26, 2))?, number(archive, (at + 28, 2))?);
    let start = at + LOCAL_BYTES + name + extra;
    Some(start..start.checked_add(len)?)
}

/// The number that a field, its place and length, has.
fn number(archive: &[u8], (at, len): (usize, usize)) -> Option<usize> {
    let bytes = archive.get(at..at.checked_add(len)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of two members with a comment, a folder, and `front` before all.
    fn sample(front: &[u8]) -> Vec<u8> {
        let mut archive = front.to_vec();
        let mut directory = Vec::new();
        let all: [(&[u8], u16, &[u8], u32); 3] =
            [(b"a/", 0, b"", 0), (b"a/b", 8, b"packed", 20), (b"c", 8, b"more", 9)];
        for (name, method, packed, len) in all {
            let offset = archive.len() - front.len();
            let sizes = [&(packed.len() as u32).to_le_bytes()[..], &len.to_le_bytes()].concat();
            let lens = [name.len() as u16, 2].map(u16::to_le_bytes).concat();
            let head = [&[20, 0, 0, 0][..], &method.to_le_bytes(), &[0; 8], &sizes].concat();
            archive.extend([&LOCAL[..], &head, &lens, name, b"xx", packed].concat());
            let lens = [name.len() as u16, 0, 0].map(u16::to_le_bytes).concat();
            let rest = [&[0; 8][..], &(offset as u32).to_le_bytes(), name].concat();
            directory.extend([&ENTRY[..], &[20, 0], &head, &lens, &rest].concat());
        }
        let offset = (archive.len() - front.len()) as u32;
        let counts = [0u16, 0, 3, 3].map(u16::to_le_bytes).concat();
        let places = [directory.len() as u32, offset].map(u32::to_le_bytes).concat();
        archive.extend([&directory[..], &END, &counts, &places, &[2, 0], b"PK"].concat());
        archive
    }

    #[test]
    fn members_are_found_behind_whatever_is_in_front() {
        for front in [&b""[..], b"#!/usr/bin/env python3\n"] {
            let archive = sample(front);
            let found: Vec<(&[u8], &[u8], u64)> = members(&archive)
                .into_iter()
                .map(|Member { name, packed, len }| (name, &archive[packed], len))
                .collect();
            assert_eq!(found, [(&b"a/b"[..], &b"packed"[..], 20), (b"c", b"more", 9)]);
        }
    }

    #[test]
    fn damaged_archives_have_members_inside_of_them_or_none() {
        let archive = sample(b"front");
        (0..archive.len()).for_each(|cut| assert!(members(&archive[..cut]).is_empty()));
        for at in 0..archive.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = archive.clone();
                damaged[at] = value;
                let mut end = 0;
                for member in members(&damaged) {
                    assert!(member.packed.start >= end && !member.packed.is_empty());
                    end = member.packed.end;
                }
                assert!(end <= damaged.len());
            }
        }
        assert!(members(&[0xff; 100]).is_empty());
        assert!(members(b"").is_empty());
    }
}
