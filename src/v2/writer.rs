//! Writing a batch, from a plan.

use std::io::{self, Write};

use rayon::prelude::*;

use super::file_list::ListWriter;
use super::format::{STATISTICS, push_header};
use super::numbers::{INDEX_DONE, IndexWriter, push_short, push_varlong};
use super::plan::{Plan, Transfer};
use super::record::{Part, Record, TRANSFER, push_blocks};
use super::report::Sizes;
use super::steps::Blocks;
use super::tokens;

/// Files matched at the same time make at most about this many bytes together.
const GROUP_BYTES: u64 = 32 << 20;
/// Parts compressed at the same time; each makes about 1 MiB.
const PARTS_AT_ONCE: usize = 32;

/// Writes the batch of `plan`. `advance` is told how many bytes of new files are done.
pub(super) fn write_batch(
    plan: &Plan<'_>,
    out: &mut impl Write,
    advance: &(dyn Fn(u64) + Sync),
) -> io::Result<Sizes> {
    let mut sizes = Sizes { entries: plan.entries.len() as u64, ..Sizes::default() };
    sizes.frame_bytes = write(out, push_header)?;
    sizes.list_bytes = write(out, |out| push_list(out, plan))?;
    let mut indices = IndexWriter::new();
    for group in groups(&plan.transfers) {
        let group: Vec<Record<'_>> = group.par_iter().map(Record::new).collect();
        group.iter().for_each(|record| record.count(&mut sizes));
        sizes.record_bytes += write_records(&group, &mut indices, out, advance)?;
    }
    let last = plan.transfers.last().map(|transfer| transfer.index);
    sizes.frame_bytes += write(out, |out| push_end(out, &mut indices, last))?;
    Ok(sizes)
}

fn write(out: &mut impl Write, push: impl FnOnce(&mut Vec<u8>)) -> io::Result<u64> {
    let mut bytes = Vec::new();
    push(&mut bytes);
    out.write_all(&bytes)?;
    Ok(bytes.len() as u64)
}

/// The list, and two empty lists of names of users and groups: numbers are used as they are.
fn push_list(out: &mut Vec<u8>, plan: &Plan<'_>) {
    let mut list = ListWriter::new();
    plan.sending.iter().for_each(|&at| list.push(out, &plan.entries[at]));
    list.end(out);
    out.extend_from_slice(&[0, 0]);
}

/// Runs of transfers whose files are together not too large.
fn groups<'t, 'a>(transfers: &'t [Transfer<'a>]) -> impl Iterator<Item = &'t [Transfer<'a>]> {
    let mut rest = transfers;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |transfer: &&Transfer<'_>| {
            let first = bytes == 0;
            bytes += transfer.bytes();
            first || bytes <= GROUP_BYTES
        };
        let count = rest.iter().take_while(fits).count();
        let (group, after) = rest.split_at(count);
        rest = after;
        (count > 0).then_some(group)
    })
}

/// A piece of a group's records: what surrounds the tokens, or tokens to be made.
enum Piece<'r> {
    Made(Vec<u8>),
    Part(Part<'r>),
}

fn write_records(
    records: &[Record<'_>],
    indices: &mut IndexWriter,
    out: &mut impl Write,
    advance: &(dyn Fn(u64) + Sync),
) -> io::Result<u64> {
    let mut pieces = Vec::new();
    for record in records {
        let mut head = Vec::new();
        indices.push(&mut head, record.index());
        record.push_head(&mut head);
        pieces.push(Piece::Made(head));
        pieces.extend(record.parts().into_iter().map(Piece::Part));
        let mut tail = Vec::new();
        record.push_tail(&mut tail);
        pieces.push(Piece::Made(tail));
    }
    let mut written = 0;
    for some in pieces.chunks(PARTS_AT_ONCE) {
        let made: Vec<Vec<u8>> = some.par_iter().map(|piece| piece.bytes(advance)).collect();
        for bytes in made {
            out.write_all(&bytes)?;
            written += bytes.len() as u64;
        }
    }
    Ok(written)
}

impl Piece<'_> {
    fn bytes(&self, advance: &(dyn Fn(u64) + Sync)) -> Vec<u8> {
        match self {
            Piece::Made(bytes) => bytes.clone(),
            Piece::Part(part) => {
                let tokens = part.tokens();
                advance(part.bytes());
                tokens
            }
        }
    }
}

/// The ends of the phases, statistics, and between them a resend of the last file that cannot
/// succeed: a reader that failed to make any file says so because of it.
fn push_end(out: &mut Vec<u8>, indices: &mut IndexWriter, last: Option<u32>) {
    out.push(INDEX_DONE);
    if let Some(last) = last {
        indices.push(out, last);
        push_short(out, TRANSFER);
        push_blocks(out, Blocks::NONE);
        out.push(tokens::END);
        out.extend_from_slice(&[0; 16]);
    }
    out.extend_from_slice(&[INDEX_DONE; 2]);
    (0..STATISTICS).for_each(|_| push_varlong(out, 0, 3));
    out.push(INDEX_DONE);
}
