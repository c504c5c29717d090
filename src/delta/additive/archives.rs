//! Packed members of archives, opened where that is cheaper.

use std::collections::TryReserveError;
use std::ops::Range;

use rayon::prelude::*;

use super::super::cover::{Cover, covers_within};
use super::super::opening::{OPENED_RATIO, OpenedMember, Opening, OpeningCosts, PackedStretch};
use super::super::tar_entries::{TarEntry, tar_entries};
use super::super::{Advance, Base, Search};
use super::encoder::Covers;
use super::members::{Open, Packed, batches, likely, tar_of};
use super::old_archives::OldArchives;
use super::prices::CoverPrices;
use crate::archives::{Levels, is_archive};

/// One in how many bytes of memory the contents of members take that are looked at together, those of the base and those of the
/// target each.
const CONTENTS_SHARE: u64 = 32;
/// No more than so many: readers have what a chunk needs of the base in memory.
const CONTENTS_MAX: u64 = 8 << 20;
/// A single member has one in so many of these at most.
const MEMBER_SHARE: u64 = 2;
/// A content has at most so many times the bytes that it has packed: what readers take at most.
const RATIO_MAX: u64 = 8;
/// A single member is told by no more covers.
const COVERS_MAX: usize = 1 << 16;
/// One in how many bytes of memory places of the base's archives may take.
const ENTRIES_SHARE: u64 = 4;
/// So many members of a batch are tried with every level, to see whether zlib packed them.
const SAMPLES: usize = 8;
/// From this effort on archives are opened.
const ARCHIVES_EFFORT: u8 = 2;

/// Returns those packed members of archives in `target` that are told cheaper by what is in them: `cost` says how many bytes the
/// stretch of `target` that it is given takes, with its `covers` and with an opening. None at the
/// lowest effort. `advance` is asked whether to go on. The same for any number of threads.
///
/// # Errors
/// If the system does not give the memory for an index.
pub fn open_archives(
    base: &Base<'_>,
    target: &[u8],
    covers: &[Cover],
    prices: CoverPrices,
    search: &Search,
    cost: &dyn Fn(&Opening, Range<u64>) -> OpeningCosts,
    advance: &Advance<'_>,
) -> Result<Opening, TryReserveError> {
    let mut opened = Opening::default();
    if search.effort.level() < ARCHIVES_EFFORT {
        return Ok(opened);
    }
    let work = Work { base, target, covers, prices, search, advance };
    let mut known: Option<OldArchives<'_>> = None;
    let begins_so = |entry: &TarEntry| is_archive(&target[entry.content.clone()]);
    for entry in tar_entries(target).filter(begins_so) {
        let changed = work.changed(&entry);
        if changed.is_empty() {
            continue;
        }
        let entries = || OldArchives::new(base, search.memory / ENTRIES_SHARE);
        let old = work.old_members(known.get_or_insert_with(entries), &entry.path);
        for batch in batches(&changed, work.contents_max()) {
            if !advance(0) {
                return Ok(opened);
            }
            let candidate = work.opening(&old, batch)?;
            let (first, last) = (candidate.members.first(), candidate.members.last());
            let Some((first, last)) = first.zip(last) else { continue };
            let costs = cost(&candidate, first.start..last.end());
            if costs.open < costs.packed {
                opened.append(candidate);
            }
        }
    }
    Ok(opened)
}

/// Everything that opening takes.
struct Work<'a> {
    base: &'a Base<'a>,
    target: &'a [u8],
    covers: &'a [Cover],
    prices: CoverPrices,
    search: &'a Search,
    advance: &'a Advance<'a>,
}

impl<'a> Work<'a> {
    /// The most bytes of contents that are looked at together.
    fn contents_max(&self) -> u64 {
        (self.search.memory / CONTENTS_SHARE).min(CONTENTS_MAX)
    }

    /// The members of the archive `entry` that the base does not have as they are packed.
    fn changed(&self, entry: &TarEntry) -> Vec<Packed<'a>> {
        let archive = &self.target[entry.content.clone()];
        let most = self.contents_max() / MEMBER_SHARE;
        let may_be_open = |member: &Packed<'_>| {
            let packed = member.bytes.len() as u64;
            (1..=most.min(RATIO_MAX * packed)).contains(&member.len) && !self.is_copied(member)
        };
        Packed::all(archive, entry.content.start as u64).filter(may_be_open).collect()
    }

    /// Whether covers have all of `member`, without a change.
    fn is_copied(&self, member: &Packed<'_>) -> bool {
        let (mut at, mut rest) = (member.start, member.bytes);
        for cover in covers_within(self.covers, &(member.start..member.end())) {
            let old = self.base.pieces(cover.offset, cover.len).into_iter().flatten();
            for piece in old {
                match rest.strip_prefix(piece) {
                    Some(behind) if cover.start <= at => rest = behind,
                    _ => return false,
                }
            }
            at = cover.end();
        }
        rest.is_empty()
    }

    /// The members of the one of `known` archives that one at `path` of the target probably comes from.
    fn old_members(&self, known: &OldArchives<'a>, path: &[u8]) -> Vec<Packed<'a>> {
        let Some((start, archive)) = known.partner(path) else { return Vec::new() };
        let most = self.contents_max();
        let may_be_open = |member: &Packed<'_>| (1..=most).contains(&member.len);
        Packed::all(archive, start).filter(may_be_open).collect()
    }

    /// Opens those of `new` that can be made again, told by those of `old` that may have them.
    fn opening(&self, old: &[Packed<'a>], new: &[Packed<'a>]) -> Result<Opening, TryReserveError> {
        let Some(usual) = usual_level(new) else { return Ok(Opening::default()) };
        let made_again = |levels: &mut Levels, member: &Packed<'a>| {
            let one = member.open()?;
            let level = levels.of(&one.content, one.packed.bytes, Some(usual))?;
            Some((one, level))
        };
        let found: Vec<_> = new.par_iter().map_init(Levels::default, made_again).collect();
        let (opened, levels): (Vec<Open<'_>>, Vec<u8>) = found.into_iter().flatten().unzip();
        if opened.is_empty() {
            return Ok(Opening::default());
        }
        let packed: u64 = opened.iter().map(|one| one.packed.bytes.len() as u64).sum();
        let old = likely(old, new, self.contents_max().min(OPENED_RATIO * packed));
        let old: Vec<Open<'_>> = old.into_par_iter().filter_map(Packed::open).collect();
        let covers = self.covers_of(&old, &opened)?;
        let contents = Base::new(old.iter().map(|one| &one.content[..]).collect());
        let member =
            |((Open { packed, content }, level), covers): ((&Open<'_>, u8), Vec<Cover>)| {
                OpenedMember {
                    start: packed.start,
                    packed_len: packed.bytes.len() as u64,
                    len: packed.len,
                    level,
                    changed_bytes: changed_bytes(content, &contents, &covers),
                    covers,
                }
            };
        let members = opened.iter().zip(levels).zip(covers).map(member);
        let stretches: Vec<PackedStretch> = old.iter().map(Open::stretch).collect();
        let is_told = |member: &OpenedMember| {
            member.covers.len() <= COVERS_MAX
                && weight(&member.covers, &contents, &stretches) <= OPENED_RATIO * member.packed_len
        };
        let members = members.filter(is_told).collect();
        Ok(Opening { stretches, members })
    }

    /// The covers of each of `new` by the contents of `old`.
    fn covers_of(
        &self,
        old: &[Open<'_>],
        new: &[Open<'_>],
    ) -> Result<Vec<Vec<Cover>>, TryReserveError> {
        let tar = tar_of(new.iter()).unwrap_or_default();
        let contents: Vec<Range<usize>> = tar_entries(&tar).map(|entry| entry.content).collect();
        if old.is_empty() || contents.len() != new.len() {
            return Ok(vec![Vec::new(); new.len()]);
        }
        let files: Vec<(&[u8], &[u8])> =
            old.iter().map(|one| (one.packed.name, &one.content[..])).collect();
        let (base, targets) = (Base::of_files(&files), [&tar[..]]);
        let go_on = &|_| (self.advance)(0);
        let found = Covers::new(&base, &targets, self.prices, self.search, go_on)?;
        let found = found.of_target(0, go_on)?;
        let own = |content: Range<usize>| {
            let content = content.start as u64..content.end as u64;
            let mut covers = covers_within(&found, &content);
            covers.iter_mut().for_each(|cover| cover.start -= content.start);
            covers
        };
        Ok(contents.into_iter().map(own).collect())
    }
}

/// The level of the largest of `members` that zlib packed, or `None` if another packer made the few that are largest: mostly one packer
/// made all of an archive, and trying each member with every level takes long.
fn usual_level(members: &[Packed<'_>]) -> Option<u8> {
    let mut by_len: Vec<&Packed<'_>> = members.iter().collect();
    by_len.sort_by_key(|member| std::cmp::Reverse((member.len, member.start)));
    let mut levels = Levels::default();
    let opened = by_len.into_iter().filter_map(|member| member.open());
    opened.take(SAMPLES).find_map(|one| levels.of(&one.content, one.packed.bytes, None))
}

/// What opening those of `stretches`, whose contents `old` has, costs a reader of `covers`.
fn weight(covers: &[Cover], old: &Base<'_>, stretches: &[PackedStretch]) -> u64 {
    let of_cover = |cover: &Cover| {
        let place = |offset: u64| old.locate(offset).map_or(0, |(number, _)| number);
        place(cover.offset)..=place(cover.offset + cover.len - 1)
    };
    let mut numbers: Vec<usize> = covers.iter().flat_map(of_cover).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().map(|number| stretches[number].weight()).sum()
}

/// How many bytes of `content` its `covers` have, from the contents `old` in a row, that are changed.
fn changed_bytes(content: &[u8], old: &Base<'_>, covers: &[Cover]) -> u64 {
    let changed = |cover: &Cover| {
        old.changes(cover.offset, &content[cover.start as usize..cover.end() as usize])
    };
    covers.iter().map(changed).sum()
}
