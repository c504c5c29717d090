//! Which blocks of the old file a record uses: the block length, and of the matches found those
//! that are worth their tokens.

use std::ops::Range;

use super::tokens::Run;
use crate::delta::Command;

/// What a literal stretch costs beside its bytes, in bits: a token, a block's header and end, the
/// open end and what fills its last byte up.
const STRETCH_BITS: u64 = 16 + 3 + 7 + 3 + 4;
/// Longer literal stretches are cut, to bound the memory for their compression.
const LITERAL_MAX: usize = 1 << 20;
/// How many matches in a row may be dropped for one literal stretch.
const LOOK_BACK: usize = 24;
/// What a block costs the device, in bits: one byte for 1,000 blocks. A small board takes 100 ns a
/// block, so this is a link of 80 kbit/s; on faster ones, longer blocks would save time and cost
/// more bytes.
const BLOCKS_PER_BIT: u64 = 125;
/// The longest block length that readers take is 131,072.
const BLOCK_LENGTHS: Range<u32> = 0..18;
/// Block indices stay below 2^31.
const COUNT_MAX: u64 = i32::MAX as u64;

/// The old file as a record sees it: cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    /// How many there are; 0 where the record uses none.
    pub(super) count: u32,
    /// Their length in bytes.
    pub(super) length: u32,
    /// The length of the last one, if it is shorter; else 0.
    pub(super) remainder: u32,
}

impl Blocks {
    /// A record that does not use the old file.
    pub(super) const NONE: Blocks = Blocks { count: 0, length: 0, remainder: 0 };

    /// `len` bytes in blocks of `length`, or `None` if these would be too many.
    fn new(len: u64, length: u32) -> Option<Self> {
        let count = len.div_ceil(length.into());
        let remainder = (len % u64::from(length)) as u32;
        (count <= COUNT_MAX).then_some(Blocks { count: count as u32, length, remainder })
    }

    /// The length of the old file.
    pub(super) fn len(self) -> u64 {
        let whole = u64::from(self.count) * u64::from(self.length);
        match self.remainder {
            0 => whole,
            remainder => whole.saturating_sub((self.length - remainder).into()),
        }
    }

    /// The bytes of `count` blocks from `first` on, or `None` where there are not so many.
    pub(super) fn range(self, first: i64, count: u32) -> Option<Range<u64>> {
        let first = u64::try_from(first).ok()?;
        let end = first + u64::from(count);
        let length = u64::from(self.length);
        (end <= self.count.into()).then(|| first * length..(end * length).min(self.len()))
    }

    /// The whole blocks within a match.
    fn within(self, copy: &BaseMatch, len: u64) -> Option<Used> {
        let length = u64::from(self.length);
        let first = copy.base.div_ceil(length);
        let base_end = copy.base + (copy.target.end - copy.target.start) as u64;
        let end = if base_end == len { u64::from(self.count) } else { base_end / length };
        let count = end.checked_sub(first).filter(|&count| count > 0)?;
        let skipped = (first * length - copy.base) as usize;
        let start = copy.target.start + skipped;
        let bytes = ((first + count) * length).min(len) - first * length;
        let run = Run { first: first as u32, count: count as u32 };
        Some(Used { run, target: start..start + bytes as usize })
    }
}

/// One step of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes of the new file that the record brings. `ends` unless more of them follow directly.
    Literal { range: Range<usize>, ends: bool },
    /// Blocks of the old file, and the bytes of the new one that they are.
    Run { run: Run, range: Range<usize> },
}

impl Step {
    /// The bytes of the new file that the step makes.
    pub(super) fn range(&self) -> &Range<usize> {
        match self {
            Step::Literal { range, .. } | Step::Run { range, .. } => range,
        }
    }
}

/// A match: bytes of the new file that the old one has at `base`.
#[derive(Debug, Clone)]
struct BaseMatch {
    target: Range<usize>,
    base: u64,
}

/// A match as blocks.
#[derive(Debug, Clone)]
struct Used {
    run: Run,
    target: Range<usize>,
}

/// The block length and the steps that make a target of `len` bytes, from the `commands` that
/// found what it shares with a base of `base_len` bytes. `byte_bits` is what a literal byte costs.
pub(super) fn choose(
    commands: &[Command],
    base_len: u64,
    len: usize,
    byte_bits: f64,
) -> (Blocks, Vec<Step>) {
    let copies = copies(commands);
    let mut best: Option<(u64, Blocks, Vec<Used>)> = None;
    for length in BLOCK_LENGTHS.map(|power| 1 << power) {
        let Some(blocks) = Blocks::new(base_len, length) else { continue };
        let used: Vec<Used> =
            copies.iter().filter_map(|copy| blocks.within(copy, base_len)).collect();
        let (cost, used) = cheapest(used, len, byte_bits);
        match &best {
            Some((least, ..)) if cost > *least * 2 => break,
            Some((least, ..)) if cost >= *least => {}
            _ => best = Some((cost, blocks, used)),
        }
    }
    let (_, blocks, used) = best.expect("blocks of the greatest length are few enough");
    let blocks = if used.is_empty() { Blocks::NONE } else { blocks };
    (blocks, steps(used, len))
}

fn copies(commands: &[Command]) -> Vec<BaseMatch> {
    let mut at = 0;
    let mut copies = Vec::with_capacity(commands.len() / 2 + 1);
    for command in commands {
        let end = at + command.len() as usize;
        if let Command::Copy { offset, .. } = *command {
            copies.push(BaseMatch { target: at..end, base: offset });
        }
        at = end;
    }
    copies
}

/// The cheapest choice among matches, and its cost in bits. Dynamic programming over which match
/// is the last one used.
fn cheapest(used: Vec<Used>, len: usize, byte_bits: f64) -> (u64, Vec<Used>) {
    let literal = |bytes: usize| match bytes {
        0 => 0,
        bytes => STRETCH_BITS + (bytes as f64 * byte_bits) as u64,
    };
    let mut costs: Vec<u64> = Vec::with_capacity(used.len());
    let mut before: Vec<Option<usize>> = Vec::with_capacity(used.len());
    for (at, this) in used.iter().enumerate() {
        let alone = literal(this.target.start) + 8 * u64::from(this.run.cost(0));
        let after = (at.saturating_sub(LOOK_BACK)..at).map(|last| {
            let gap = this.target.start - used[last].target.end;
            let run = 8 * u64::from(this.run.cost(used[last].run.last()));
            (costs[last] + literal(gap) + run, Some(last))
        });
        let (cost, last) = after.chain([(alone, None)]).min().expect("alone at least");
        costs.push(cost + u64::from(this.run.count) / BLOCKS_PER_BIT);
        before.push(last);
    }
    let ends = used.iter().zip(&costs).enumerate();
    let ends = ends.map(|(at, (this, cost))| (cost + literal(len - this.target.end), Some(at)));
    let (cost, mut last) = ends.chain([(literal(len), None)]).min().expect("none at least");
    let mut kept = vec![false; used.len()];
    while let Some(at) = last {
        kept[at] = true;
        last = before[at];
    }
    let mut kept = kept.into_iter();
    let used = used.into_iter().filter(|_| kept.next() == Some(true)).collect();
    (cost, used)
}

/// The steps that use `used` and bring the rest of `len` bytes.
fn steps(used: Vec<Used>, len: usize) -> Vec<Step> {
    let mut steps = Vec::with_capacity(2 * used.len() + 1);
    let mut at = 0;
    for Used { run, target } in used {
        push_literal(&mut steps, at..target.start);
        at = target.end;
        match steps.last_mut() {
            Some(Step::Run { run: before, range }) if before.last() + 1 == run.first => {
                before.count += run.count;
                range.end = target.end;
            }
            _ => steps.push(Step::Run { run, range: target }),
        }
    }
    push_literal(&mut steps, at..len);
    steps
}

/// Adds a literal stretch, in pieces if it is long.
fn push_literal(steps: &mut Vec<Step>, stretch: Range<usize>) {
    let mut at = stretch.start;
    while at < stretch.end {
        let end = stretch.end.min(at + LITERAL_MAX);
        steps.push(Step::Literal { range: at..end, ends: end == stretch.end });
        at = end;
    }
}
