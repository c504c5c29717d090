//! Covers of programs, chosen again once it is known what their references name.

use std::collections::TryReserveError;
use std::io::{self, Write as _};
use std::ops::Range;

use super::super::cover::{Cover, append_cover, covers_within};
use super::super::tar_entries::tar_entries;
use super::super::{Base, Search};
use super::encoder::Covers;
use super::prices::CoverPrices;
use super::programs::programs;
use crate::references::{Parts, Program, is_elf, label_base, label_target};
use crate::tar::{HeaderStyle, NewFile, Writer};

/// The name of a program while it is searched for. One suffices, since there is one old program alone.
const NAME: &str = "program";
/// Of a program whose covers cost less there is too little to gain.
const WORTH: u64 = 2 << 10;
/// Nor of a smaller file.
const FILE_WORTH: usize = 64 << 10;
/// One in how much of the memory the copies of a program take at most. Its tables take half of the memory at most.
const COPIES_SHARE: u64 = 3;

/// Whether the copies of two programs of so many bytes are few enough for `memory`.
fn are_few(old: u64, new: u64, memory: u64) -> bool {
    old + new <= memory / COPIES_SHARE
}

/// Whether covers of the file `new`, if it comes from `old`, are chosen again in `memory` bytes.
pub(super) fn is_chosen_again(old: &[u8], new: &[u8], memory: u64) -> bool {
    new.len() >= FILE_WORTH
        && are_few(old.len() as u64, new.len() as u64, memory)
        && is_elf(old)
        && is_elf(new)
}

/// Returns `covers` of `target`, but those of each program chosen again with references replaced by what these name, if they
/// `cost` less then. What moved where is known by `covers`.
///
/// # Errors
/// If the system does not give the memory for an index.
pub fn covers_by_names(
    base: &Base<'_>,
    target: &[u8],
    covers: Vec<Cover>,
    prices: CoverPrices,
    search: &Search,
    cost: &dyn Fn(&[Cover], &Program) -> u64,
) -> Result<Vec<Cover>, TryReserveError> {
    let prices = CoverPrices { programs_again: false, ..prices };
    let (mut chosen, mut at) = (Vec::with_capacity(covers.len()), 0);
    for program in programs(base, target, &covers) {
        let range = program.target.range();
        let own = covers_within(&covers, &range);
        let before = cost(&own, &program);
        let few = are_few(program.base.len(), program.target.len(), search.memory);
        if program.base.is_empty() || before < WORTH || !few {
            continue;
        }
        // The first covers were not looked for as thoroughly.
        for known in [Some(&own[..]), None] {
            let again = chosen_again(base, target, known, &program, prices, search)?;
            if cost(&again, &program) < before {
                take_over(&mut chosen, &covers, at..range.start);
                take_over(&mut chosen, &again, range.clone());
                at = range.end;
                break;
            }
        }
    }
    take_over(&mut chosen, &covers, at..target.len() as u64);
    Ok(chosen)
}

/// The covers of `program`, all from the program that it comes from, chosen by names if `known` says what moved where.
fn chosen_again(
    base: &Base<'_>,
    target: &[u8],
    known: Option<&[Cover]>,
    program: &Program,
    prices: CoverPrices,
    search: &Search,
) -> Result<Vec<Cover>, TryReserveError> {
    let (old_range, new_range) = (program.base.range(), program.target.range());
    let pieces = base.pieces(old_range.start, program.base.len()).into_iter().flatten();
    let mut old: Vec<u8> = pieces.flatten().copied().collect();
    let new = &target[new_range.start as usize..new_range.end as usize];
    let mut tar = tar_of(new).unwrap_or_default();
    let content = tar_entries(&tar).next().map_or(0..0, |entry| entry.content);
    if let Some(covers) = known {
        label_base(&mut old, &program.base);
        let parts = covers
            .iter()
            .flat_map(|cover| Parts::new(Some(program), cover.offset, cover.start, cover.len));
        let stretches = parts.filter_map(|part| part.stretch);
        label_target(&mut tar[content.clone()], &program.target, stretches);
    }
    let (files, targets) = ([(NAME.as_bytes(), &old[..])], [&tar[..]]);
    let old_base = Base::of_files(&files);
    let found = Covers::new(&old_base, &targets, prices, search, &|_| ())?.of_target(0, &|_| ())?;
    let content = content.start as u64..content.end as u64;
    let placed = |cover: Cover| Cover {
        start: cover.start - content.start + new_range.start,
        len: cover.len,
        offset: cover.offset + old_range.start,
    };
    Ok(covers_within(&found, &content).into_iter().map(placed).collect())
}

/// A tar with the program `bytes` alone.
fn tar_of(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::with_capacity(bytes.len()));
    let size = bytes.len() as u64;
    writer.start(&NewFile { name: NAME, size, style: HeaderStyle::Ustar })?;
    writer.write_all(bytes)?;
    writer.finish()
}

/// Puts those of `covers` that are in `range` behind `chosen`.
fn take_over(chosen: &mut Vec<Cover>, covers: &[Cover], range: Range<u64>) {
    covers_within(covers, &range).into_iter().for_each(|cover| append_cover(chosen, cover));
}
