//! The programs of a chunk, as its stream of them says.

use super::format::ADDRESSES;
use crate::leb128::{folded, push, take, unfolded};
use crate::references::{Kind, Program, Region, Side};

/// Returns the stream that says `programs`, for a chunk that starts at `start` of the layer.
pub(super) fn write_programs(programs: &[Program], start: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut base_at, mut target_at) = (0, start);
    for Program { base, target } in programs {
        write_side(&mut out, target, &mut target_at);
        write_side(&mut out, base, &mut base_at);
    }
    out
}

/// Writes `side`, which is told from `at`; that is where it ends then.
fn write_side(out: &mut Vec<u8>, side: &Side, at: &mut u64) {
    let start = side.regions.first().map_or(*at, |region| region.start);
    push(out, side.regions.len() as u64);
    push(out, folded(start.wrapping_sub(*at) as i64));
    let (mut place, mut address) = (start, 0);
    for region in &side.regions {
        let gap = region.start - place;
        push(out, gap);
        push(out, region.len);
        push(out, folded(region.address.wrapping_sub(address).wrapping_sub(gap) as i64));
        push(out, region.kind.number());
        (place, address) = (region.end(), region.address + region.len);
    }
    push(out, folded(side.limit.wrapping_sub(address) as i64));
    *at = place;
}

/// Reads the programs that `stream` says, of a chunk that starts at `start` of the layer, or returns `None` if it says
/// something that can't be.
pub(super) fn read_programs(mut stream: &[u8], start: u64) -> Option<Vec<Program>> {
    let mut programs = Vec::new();
    let (mut base_at, mut target_at) = (0, start);
    let mut behind = 0;
    while !stream.is_empty() {
        let target = read_side(&mut stream, &mut target_at)?;
        let base = read_side(&mut stream, &mut base_at)?;
        let range = target.range();
        if range.is_empty() || range.start < behind {
            return None;
        }
        behind = range.end;
        programs.push(Program { base, target });
    }
    Some(programs)
}

fn read_side(stream: &mut &[u8], at: &mut u64) -> Option<Side> {
    let count = take(stream)?;
    let mut place = below(at.wrapping_add(unfolded(take(stream)?) as u64))?;
    let (mut regions, mut address, mut highest) = (Vec::new(), 0u64, 0);
    for _ in 0..count {
        let gap = below(take(stream)?)?;
        let start = below(place + gap)?;
        let len = below(take(stream)?).filter(|len| *len > 0)?;
        let offset = unfolded(take(stream)?) as u64;
        address = below(address.wrapping_add(gap).wrapping_add(offset))?;
        regions.push(Region { start, len, address, kind: Kind::of_number(take(stream)?)? });
        (place, address) = (below(start + len)?, below(address + len)?);
        highest = highest.max(address);
    }
    let limit = below(address.wrapping_add(unfolded(take(stream)?) as u64))?;
    *at = place;
    (limit >= highest).then_some(Side { regions, limit })
}

/// `number`, if it is so low that sums of such are numbers.
fn below(number: u64) -> Option<u64> {
    (number <= ADDRESSES).then_some(number)
}
