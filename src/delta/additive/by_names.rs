//! Covers of programs, chosen again once it is known what their references name.

use std::collections::TryReserveError;
use std::io::{self, Write as _};

use super::super::cover::{Cover, covers_within};
use super::super::tar_entries::tar_entries;
use super::super::{Base, Search};
use super::encoder::Covers;
use super::prices::CoverPrices;
use super::programs::programs;
use crate::references::{Parts, Program, label_base, label_target};
use crate::tar::{HeaderStyle, NewFile, Writer};

/// The name of a program while it is searched for. One suffices, since there is one old program alone.
const NAME: &str = "program";
/// Of a program whose covers cost less there is too little to gain.
const WORTH: u64 = 2 << 10;
/// One in how much of the memory the copies of a program take at most, and its search.
const SHARE: u64 = 2;

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
    let search = Search { memory: search.memory / SHARE, ..*search };
    let (mut chosen, mut at) = (Vec::with_capacity(covers.len()), 0);
    for program in programs(base, target, &covers) {
        let range = program.target.range();
        let own = covers_within(&covers, &range);
        let before = cost(&own, &program);
        let copied = program.base.len() + 2 * program.target.len();
        if program.base.is_empty() || before < WORTH || copied > search.memory {
            continue;
        }
        let again = chosen_again(base, target, &own, &program, prices, &search)?;
        if cost(&again, &program) < before {
            extend(&mut chosen, covers_within(&covers, &(at..range.start)));
            extend(&mut chosen, again);
            at = range.end;
        }
    }
    extend(&mut chosen, covers_within(&covers, &(at..target.len() as u64)));
    Ok(chosen)
}

/// The covers of `program` with its references replaced, all from the program that it comes from.
fn chosen_again(
    base: &Base<'_>,
    target: &[u8],
    covers: &[Cover],
    program: &Program,
    prices: CoverPrices,
    search: &Search,
) -> Result<Vec<Cover>, TryReserveError> {
    let (old_range, new_range) = (program.base.range(), program.target.range());
    let pieces = base.pieces(old_range.start, program.base.len()).into_iter().flatten();
    let mut old: Vec<u8> = pieces.flatten().copied().collect();
    label_base(&mut old, &program.base);
    let mut new = target[new_range.start as usize..new_range.end as usize].to_vec();
    let parts = covers
        .iter()
        .flat_map(|cover| Parts::new(Some(program), cover.offset, cover.start, cover.len));
    label_target(&mut new, &program.target, parts.filter_map(|part| part.stretch));
    let tar = tar_of(&new).unwrap_or_default();
    drop(new);
    let content = tar_entries(&tar).next().map_or(0..0, |entry| entry.content);
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

/// Puts `more` behind `covers`; two that could be one are one.
fn extend(covers: &mut Vec<Cover>, more: Vec<Cover>) {
    for cover in more {
        match covers.last_mut() {
            Some(last) if last.end() == cover.start && last.goes_on_with(&cover) => {
                last.len += cover.len;
            }
            _ => covers.push(cover),
        }
    }
}
