//! Programs among the files of a target, each with the one of the base that most of it comes from.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use super::super::cover::Cover;
use super::super::tar_entries::tar_entries;
use super::super::{Base, Search};
use crate::references::{Program, Side, elf_regions};

/// One in how much of the memory the copies of a program take at most. Its tables take half of the memory at most.
const COPIES_SHARE: u64 = 3;
/// A file that is searched again has at most so much, one in how many bytes, outside of the regions of its program.
const OUTSIDE: u64 = 8;

/// Whether the file `new` that probably comes from `old` is searched again, but for rests, once covers are known.
pub(super) fn is_searched_again(old: &[u8], new: &[u8], search: &Search) -> bool {
    let is_program = |file: &[u8]| {
        let (len, inside) = (file.len() as u64, elf_regions(file, 0).map_or(0, |side| side.len()));
        inside > 0 && len - inside <= len / OUTSIDE
    };
    has_room((old.len() + new.len()) as u64, search) && is_program(new) && is_program(old)
}

/// Whether `search` has room for copies of `bytes` bytes.
pub(super) fn has_room(bytes: u64, search: &Search) -> bool {
    bytes <= search.memory / COPIES_SHARE
}

/// Returns the programs of `target`, in order. A program of which `covers` have nothing has no regions in the base.
pub fn programs(base: &Base<'_>, target: &[u8], covers: &[Cover]) -> Vec<Program> {
    let mut old: Option<Vec<(Range<u64>, Side)>> = None;
    let mut programs = Vec::new();
    for entry in tar_entries(target) {
        let content = entry.content;
        let Some(side) = elf_regions(&target[content.clone()], content.start as u64) else {
            continue;
        };
        let old = old.get_or_insert_with(|| programs_of_base(base));
        let range = content.start as u64..content.end as u64;
        let partner = partner(old, covers, &range);
        let none = Side { regions: Vec::new(), limit: 0 };
        programs.push(Program { base: partner.cloned().unwrap_or(none), target: side });
    }
    programs
}

/// Where the base has programs, in order, and their regions.
fn programs_of_base(base: &Base<'_>) -> Vec<(Range<u64>, Side)> {
    let mut programs = Vec::new();
    for index in 0..base.slices().len() {
        for (_, content) in base.contents(index) {
            let start = base.start_of(index) + content.start as u64;
            let range = start..start + content.len() as u64;
            let side = elf_regions(&base.slices()[index][content], start);
            programs.extend(side.map(|side| (range, side)));
        }
    }
    programs
}

/// The one of `old` that most of what `covers` have of `range` is from.
fn partner<'a>(
    old: &'a [(Range<u64>, Side)],
    covers: &[Cover],
    range: &Range<u64>,
) -> Option<&'a Side> {
    let mut bytes: HashMap<usize, u64> = HashMap::new();
    let first = covers.partition_point(|cover| cover.end() <= range.start);
    for cover in covers[first..].iter().take_while(|cover| cover.start < range.end) {
        let begun = old.partition_point(|(old, _)| old.start <= cover.offset);
        let from = begun.checked_sub(1).filter(|from| cover.offset < old[*from].0.end);
        if let Some(from) = from {
            *bytes.entry(from).or_default() += cover.len;
        }
    }
    let most = bytes.into_iter().max_by_key(|&(from, bytes)| (bytes, Reverse(from)));
    most.map(|(from, _)| &old[from].1)
}
