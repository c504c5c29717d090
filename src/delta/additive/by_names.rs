//! Covers of programs, chosen again once it is known what their references name.

use std::collections::TryReserveError;
use std::io::{self, Write as _};
use std::ops::Range;

use super::super::cover::{Cover, append_cover, covers_within};
use super::super::tar_entries::tar_entries;
use super::super::{Advance, Base, Search};
use super::encoder::Covers;
use super::prices::CoverPrices;
use super::programs::{has_room, programs};
use crate::references::{Parts, Program, label_base, label_target};
use crate::tar::{HeaderStyle, NewFile, Writer};

/// The name of a program while it is searched for. One suffices, since there is one old program alone.
const NAME: &str = "program";
/// Of a program whose covers cost less there is too little to gain.
const WORTH: u64 = 2 << 10;
/// Covers of other files of the base, if they have fewer bytes, cost more than they save.
const FILLS: u64 = 32;
/// From this effort on covers are chosen again.
const NAMES_EFFORT: u8 = 2;

/// Returns `covers` of `target`, but those of each program chosen again with references replaced by what these name, if they
/// `cost` less then. What moved where is known by `covers`. At the lowest effort they are `covers`. `advance`
/// is asked whether to go on.
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
    advance: &Advance<'_>,
) -> Result<Vec<Cover>, TryReserveError> {
    if search.effort.level() < NAMES_EFFORT {
        return Ok(covers);
    }
    let again = Again { base, target, prices, search, cost, advance };
    let (mut chosen, mut at) = (Vec::with_capacity(covers.len()), 0);
    for program in programs(base, target, &covers) {
        if !advance(0) {
            break;
        }
        let range = program.target.range();
        let own = covers_within(&covers, &range);
        if let Some(cheaper) = again.cheaper(&program, &own)? {
            take_over(&mut chosen, &covers, at..range.start);
            take_over(&mut chosen, &cheaper, range.clone());
            at = range.end;
        }
    }
    take_over(&mut chosen, &covers, at..target.len() as u64);
    Ok(chosen)
}

/// Everything that choosing covers again takes.
struct Again<'a> {
    base: &'a Base<'a>,
    target: &'a [u8],
    prices: CoverPrices,
    search: &'a Search,
    cost: &'a dyn Fn(&[Cover], &Program) -> u64,
    advance: &'a Advance<'a>,
}

impl Again<'_> {
    /// The cheapest covers of `program`, unless that are `own`.
    fn cheaper(
        &self,
        program: &Program,
        own: &[Cover],
    ) -> Result<Option<Vec<Cover>>, TryReserveError> {
        let copied = program.base.len() + program.target.len();
        let before = (self.cost)(own, program);
        if program.base.is_empty() || before < WORTH || !has_room(copied, self.search) {
            return Ok(None);
        }
        let old = program.base.range();
        let others: Vec<Cover> =
            own.iter().copied().filter(|cover| !old.contains(&cover.offset)).collect();
        let by_names = self.by_names(program, own)?;
        let filled = filled(&by_names, &others, &program.target.range());
        let other = (filled != by_names).then_some(filled);
        let priced = |covers: Vec<Cover>| ((self.cost)(&covers, program), covers);
        let choices = std::iter::once(by_names).chain(other).map(priced);
        let least = choices.min_by_key(|(cost, _)| *cost);
        Ok(least.filter(|(cost, _)| *cost < before).map(|(_, covers)| covers))
    }

    /// Covers of `program` with its references replaced, all from the program that it comes from. `known` says what moved where.
    fn by_names(&self, program: &Program, known: &[Cover]) -> Result<Vec<Cover>, TryReserveError> {
        let (old_range, new_range) = (program.base.range(), program.target.range());
        let pieces = self.base.pieces(old_range.start, program.base.len()).into_iter().flatten();
        let mut old: Vec<u8> = pieces.flatten().copied().collect();
        let new = &self.target[new_range.start as usize..new_range.end as usize];
        let mut tar = tar_of(new).unwrap_or_default();
        let content = tar_entries(&tar).next().map(|entry| entry.content);
        // A file may be too large for a header.
        let Some(content) = content.filter(|content| content.len() == new.len()) else {
            return Ok(known.to_vec());
        };
        label_base(&mut old, &program.base);
        let parts = known
            .iter()
            .flat_map(|cover| Parts::new(Some(program), cover.offset, cover.start, cover.len));
        let stretches = parts.filter_map(|part| part.stretch);
        label_target(&mut tar[content.clone()], &program.target, stretches);
        let (files, targets) = ([(NAME.as_bytes(), &old[..])], [&tar[..]]);
        let old_base = Base::of_files(&files);
        let go_on = &|_| (self.advance)(0);
        let found = Covers::new(&old_base, &targets, self.prices, self.search, go_on)?;
        let found = found.of_target(0, go_on)?;
        let content = content.start as u64..content.end as u64;
        let placed = |cover: Cover| Cover {
            start: cover.start - content.start + new_range.start,
            len: cover.len,
            offset: cover.offset + old_range.start,
        };
        Ok(covers_within(&found, &content).into_iter().map(placed).collect())
    }
}

/// A tar with the program `bytes` alone.
fn tar_of(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::with_capacity(bytes.len()));
    let size = bytes.len() as u64;
    writer.start(&NewFile { name: NAME, size, style: HeaderStyle::Ustar })?;
    writer.write_all(bytes)?;
    writer.finish()
}

/// Returns `covers` of `range`, and those of `others` that fill what they leave: other files of the base have some of that.
fn filled(covers: &[Cover], others: &[Cover], range: &Range<u64>) -> Vec<Cover> {
    let (mut filled, mut at) = (Vec::with_capacity(covers.len()), range.start);
    let fill = |filled: &mut Vec<Cover>, gap: Range<u64>| {
        let parts =
            if gap.end - gap.start < FILLS { Vec::new() } else { covers_within(others, &gap) };
        let long = parts.into_iter().filter(|part| part.len >= FILLS);
        long.for_each(|part| append_cover(filled, part));
    };
    for cover in covers {
        fill(&mut filled, at..cover.start);
        append_cover(&mut filled, *cover);
        at = cover.end();
    }
    fill(&mut filled, at..range.end);
    filled
}

/// Puts those of `covers` that are in `range` behind `chosen`.
fn take_over(chosen: &mut Vec<Cover>, covers: &[Cover], range: Range<u64>) {
    covers_within(covers, &range).into_iter().for_each(|cover| append_cover(chosen, cover));
}
