//! Writing a batch, from a plan.

use std::io::{self, Write};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::file_list::ListWriter;
use super::format::{Checksum, push_header};
use super::numbers::{INDEX_DONE, IndexWriter, push_short};
use super::plan::Plan;
use super::record::{Part, Record, TRANSFER, push_blocks};
use super::report::Sizes;
use super::steps::Blocks;
use super::tokens;
use crate::delta::{Advance, Effort, Search};

/// Files matched at the same time make at most about this many bytes together.
const GROUP_BYTES: u64 = 32 << 20;
/// Bytes that a record takes beside: with small files more than these hold.
const RECORD_BYTES: u64 = 4 << 10;
/// The list is written in pieces of about this many bytes.
const LIST_PIECE: usize = 256 << 10;
/// Parts compressed at the same time make at most about this many bytes together.
const PARTS_BYTES: u64 = 32 << 20;

/// Writes the delta of `plan` with its `metadata`; old files are searched as `matching` says.
/// `advance` is told how many bytes of new files are done.
pub(super) fn write_delta(
    metadata: &[u8],
    plan: &Plan<'_, '_>,
    matching: &Search,
    out: impl Write,
    advance: &Advance<'_>,
) -> io::Result<Sizes> {
    let mut out = Output { out, hash: Sha256::new() };
    let mut sizes = Sizes { entries: plan.len() as u64, ..Sizes::default() };
    sizes.metadata_bytes = out.write(|out| out.extend_from_slice(metadata))?;
    sizes.frame_bytes = out.write(push_header)?;
    sizes.list_bytes = write_list(plan, &mut out)?;
    let mut indices = IndexWriter::new();
    let weight = |&index: &u32| plan.transfer(index).bytes() + RECORD_BYTES;
    for group in groups(&plan.transfers, GROUP_BYTES, weight) {
        let record = |&index: &u32| Record::new(plan.transfer(index), matching, advance);
        let group: Vec<Record<'_>> = group.par_iter().map(record).collect::<Result<_, _>>()?;
        group.iter().for_each(|record| record.count(&mut sizes));
        sizes.record_bytes +=
            write_records(&group, matching.effort, &mut indices, &mut out, advance)?;
    }
    let last = plan.transfers.last().copied();
    sizes.frame_bytes += out.write(|out| push_phases(out, &mut indices, last))?;
    let checksum = Checksum::of(out.hash.clone());
    sizes.frame_bytes += out.write(|out| {
        checksum.push(out);
        out.push(INDEX_DONE);
    })?;
    Ok(sizes)
}

/// Where the delta goes, and its checksum.
struct Output<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Output<W> {
    fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<u64> {
        self.hash.update(bytes);
        self.out.write_all(bytes)?;
        Ok(bytes.len() as u64)
    }

    fn write(&mut self, push: impl FnOnce(&mut Vec<u8>)) -> io::Result<u64> {
        let mut bytes = Vec::new();
        push(&mut bytes);
        self.write_bytes(&bytes)
    }
}

/// Writes the list, and two empty lists of names of users and groups: numbers are used as they are.
fn write_list(plan: &Plan<'_, '_>, out: &mut Output<impl Write>) -> io::Result<u64> {
    let mut list = ListWriter::new();
    let mut piece = Vec::new();
    let mut written = 0;
    plan.send(|entry| -> io::Result<()> {
        list.push(&mut piece, entry);
        if piece.len() >= LIST_PIECE {
            written += out.write_bytes(&piece)?;
            piece.clear();
        }
        Ok(())
    })?;
    list.end(&mut piece);
    piece.extend_from_slice(&[0, 0]);
    Ok(written + out.write_bytes(&piece)?)
}

/// Runs of items that weigh together no more than `most`, or one that does.
fn groups<T>(items: &[T], most: u64, weight: impl Fn(&T) -> u64) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut total = 0;
        let fits = |item: &&T| {
            let first = total == 0;
            total += weight(item).max(1);
            first || total <= most
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
    effort: Effort,
    indices: &mut IndexWriter,
    out: &mut Output<impl Write>,
    advance: &Advance<'_>,
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
    for some in groups(&pieces, PARTS_BYTES, Piece::weight) {
        let made: Vec<Vec<u8>> =
            some.par_iter().map(|piece| piece.bytes(effort, advance)).collect();
        for bytes in made {
            written += out.write_bytes(&bytes)?;
        }
    }
    Ok(written)
}

impl Piece<'_> {
    fn weight(&self) -> u64 {
        match self {
            Piece::Made(bytes) => bytes.len() as u64,
            Piece::Part(part) => part.bytes(),
        }
    }

    fn bytes(&self, effort: Effort, advance: &Advance<'_>) -> Vec<u8> {
        match self {
            Piece::Made(bytes) => bytes.clone(),
            Piece::Part(part) => {
                let tokens = part.tokens(effort);
                advance(part.bytes());
                tokens
            }
        }
    }
}

/// The ends of the phases, and between them a resend of the last file that cannot succeed: a reader
/// that failed to make any file says so because of it.
fn push_phases(out: &mut Vec<u8>, indices: &mut IndexWriter, last: Option<u32>) {
    out.push(INDEX_DONE);
    if let Some(last) = last {
        indices.push(out, last);
        push_short(out, TRANSFER);
        push_blocks(out, Blocks::NONE);
        out.push(tokens::END);
        out.extend_from_slice(&[0; 16]);
    }
    out.extend_from_slice(&[INDEX_DONE; 2]);
}
