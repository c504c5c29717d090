//! Records: what turns one old file into the new one, and how its parts are made apart from each
//! other.

use std::collections::TryReserveError;

use super::CreateOptions;
use super::deflate::{self, Deflater};
use super::numbers::{push_int, push_short};
use super::plan::Transfer;
use super::prices::TokenPrices;
use super::report::Sizes;
use super::steps::{Blocks, Step, choose};
use super::tokens::{self, push_data, push_run};
use crate::delta::{Advance, Algorithm, Base, Command, Effort, Encoder, Search};

/// The flag of a record that carries content.
pub(super) const TRANSFER: u16 = 0x8000;
/// The flag that a file is new; readers only count it.
pub(super) const IS_NEW: u16 = 0x2000;

/// How much of the new file one part of a record makes, about: the unit of parallel work.
const PART: usize = 1 << 20;

/// Shorter middles are not searched for in the old file.
const MATCHED_MIN: usize = 16;
/// The length of a literal byte with fixed codes, in bits.
const BYTE_BITS: f64 = 8.4;
/// Fewer literal bytes say nothing about their entropy.
const ENTROPY_MIN: f64 = 256.0;

/// A record before it is written: everything but the compressed bytes.
pub(super) struct Record<'a> {
    transfer: Transfer<'a>,
    blocks: Blocks,
    steps: Vec<Step>,
}

/// Some steps in a row of a record.
pub(super) struct Part<'r> {
    target: &'r [u8],
    steps: &'r [Step],
    /// The block that was used last before them.
    last: u32,
}

impl<'a> Record<'a> {
    /// Finds what the new file shares with the old one. `advance` is asked whether to go on.
    pub(super) fn new(
        transfer: Transfer<'a>,
        matching: &Search,
        advance: &Advance<'_>,
    ) -> Result<Self, TryReserveError> {
        let (base, target) = (transfer.base.unwrap_or_default(), transfer.target);
        let commands = match_files(base, target, matching, advance)?;
        let byte_bits = literal_bits(&commands, target);
        let (blocks, steps) = choose(&commands, base.len() as u64, target.len(), byte_bits);
        Ok(Record { transfer, blocks, steps })
    }

    /// Adds what the record is made of.
    pub(super) fn count(&self, sizes: &mut Sizes) {
        sizes.records += 1;
        for step in &self.steps {
            let bytes = step.range().len() as u64;
            match step {
                Step::Literal { .. } => sizes.literal_bytes += bytes,
                Step::Run { .. } => {
                    sizes.matched_bytes += bytes;
                    sizes.runs += 1;
                }
            }
        }
    }

    /// Appends what comes before the tokens, except for the index.
    pub(super) fn push_head(&self, out: &mut Vec<u8>) {
        let new = if self.transfer.base.is_none() { IS_NEW } else { 0 };
        push_short(out, TRANSFER | new);
        push_blocks(out, self.blocks);
    }

    /// Appends what comes after the tokens.
    pub(super) fn push_tail(&self, out: &mut Vec<u8>) {
        out.push(tokens::END);
        out.extend_from_slice(&self.transfer.md5);
    }

    /// The list index of the file.
    pub(super) fn index(&self) -> u32 {
        self.transfer.index
    }

    /// The record's steps, a part at a time.
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let (mut start, mut made, mut last) = (0, 0, 0);
        let mut part_last = 0;
        for (at, step) in self.steps.iter().enumerate() {
            made += step.range().len();
            if let Step::Run { run, .. } = step {
                last = run.last();
            }
            if made >= PART || at + 1 == self.steps.len() {
                let steps = &self.steps[start..=at];
                parts.push(Part { target: self.transfer.target, steps, last: part_last });
                (start, made, part_last) = (at + 1, 0, last);
            }
        }
        parts
    }
}

impl Part<'_> {
    /// How many bytes of the new file the part makes.
    pub(super) fn bytes(&self) -> u64 {
        self.steps.iter().map(|step| step.range().len() as u64).sum()
    }

    /// The part's tokens, made with so much `effort`.
    pub(super) fn tokens(&self, effort: Effort) -> Vec<u8> {
        let mut out = Vec::new();
        let mut data = Vec::new();
        let mut last = self.last;
        let start = self.steps.first().map_or(0, |step| step.range().start);
        let mut deflater = Deflater::new(self.target, start, effort);
        for step in self.steps {
            match step {
                Step::Literal { range, ends } => {
                    data.clear();
                    deflater.stretch(range.clone(), &mut data);
                    if !ends {
                        data.extend_from_slice(&deflate::OPEN_END);
                    }
                    push_data(&mut out, &data);
                }
                Step::Run { run, .. } => {
                    push_run(&mut out, *run, last);
                    last = run.last();
                }
            }
        }
        out
    }
}

/// Appends the four numbers that describe the old file's blocks.
pub(super) fn push_blocks(out: &mut Vec<u8>, blocks: Blocks) {
    push_int(out, blocks.count);
    push_int(out, blocks.length);
    // The length of the block checksums, of which a batch has none.
    push_int(out, 0);
    push_int(out, blocks.remainder);
}

/// Returns what the new file shares with the old one, as commands.
fn match_files(
    base: &[u8],
    target: &[u8],
    matching: &Search,
    advance: &Advance<'_>,
) -> Result<Vec<Command>, TryReserveError> {
    let literal = |len: usize| Command::Literal { len: len as u64 };
    if base.is_empty() || target.is_empty() {
        return Ok(vec![literal(target.len())]);
    }
    let shorter = base.len().min(target.len());
    let prefix = common(base.iter(), target.iter()).min(shorter);
    let suffix = common(base.iter().rev(), target.iter().rev()).min(shorter - prefix);
    let middle = &target[prefix..target.len() - suffix];
    let copy = |offset: usize, len: usize| Command::Copy { offset: offset as u64, len: len as u64 };
    let mut commands = vec![copy(0, prefix)];
    if middle.len() < MATCHED_MIN {
        commands.push(literal(middle.len()));
    } else {
        let whole = Base::new(vec![base]);
        let (targets, prices) = ([middle], TokenPrices::new());
        let go_on = &|_| advance(0);
        let encoder = Encoder::new(&whole, &targets, &prices, *matching, go_on)?;
        commands.extend(encoder.encode(0, go_on));
    }
    commands.push(copy(base.len() - suffix, suffix));
    Ok(commands)
}

/// How many bytes two sequences begin with in common.
fn common<'b>(a: impl Iterator<Item = &'b u8>, b: impl Iterator<Item = &'b u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// How matches are looked for.
pub(super) fn matching(options: &CreateOptions) -> Search {
    let CreateOptions { effort, memory, .. } = *options;
    Search { algorithm: Algorithm::default(), effort, memory: memory / 2 }
}

/// Returns the length that a literal byte will have, in bits: the entropy of those that `commands` leave literal.
fn literal_bits(commands: &[Command], target: &[u8]) -> f64 {
    let mut counts = [0u64; 256];
    let mut at = 0;
    for command in commands {
        let end = at + command.len() as usize;
        if let Command::Literal { .. } = command {
            target[at..end].iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        }
        at = end;
    }
    let total = counts.iter().sum::<u64>() as f64;
    let bits: f64 = counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| count as f64 * (total / count as f64).log2())
        .sum();
    if total < ENTROPY_MIN { BYTE_BITS } else { (bits / total).min(BYTE_BITS) }
}
