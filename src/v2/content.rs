//! The content of a record: its tokens become the new file.

use std::io::Read;

use md5::{Digest as _, Md5};

use super::entry::Place;
use super::error::{BatchError, BatchProblem};
use super::inflate::Inflate;
use super::reader::{BatchReader, RecordHead};
use super::steps::Blocks;
use super::tokens::{DATA, END, FAR, FAR_RUN, NEAR_RUN};
use crate::rootfs::Tree;

/// More than rsync sends at once; larger literals are refused.
const LITERAL_MAX: i32 = 1 << 24;
/// Stands in for the old file's bytes where these are not known.
static UNKNOWN: [u8; 32 << 10] = [0; 32 << 10];

/// What there is of the old file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Basis<'a> {
    /// Its bytes.
    Known(&'a [u8]),
    /// Nothing. What comes from it is taken for zeros.
    Unknown,
}

impl<'a> Basis<'a> {
    /// What a device that has `tree` has for a record with these `blocks`.
    pub(super) fn of(tree: &Tree<'a>, place: Place<'_>, blocks: Blocks) -> Self {
        match blocks {
            Blocks::NONE => Basis::Known(&[]),
            _ => Basis::Known(content_at(tree, place).unwrap_or_default()),
        }
    }
}

/// The content of the regular file in a place.
pub(super) fn content_at<'a>(tree: &Tree<'a>, place: Place<'_>) -> Option<&'a [u8]> {
    let folder = tree.find(place.folder)?;
    tree.inode(tree.child(folder, place.name)?).content()
}

/// What a record was made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ContentStats {
    /// Bytes of the new file that the record brings.
    pub(super) literal_bytes: u64,
    /// Bytes of the new file that the old one has.
    pub(super) matched_bytes: u64,
    /// Runs of blocks of the old file.
    pub(super) runs: u64,
    /// Whether what came out has the length and the MD5 that it should have.
    pub(super) holds: bool,
}

/// Makes content, checks it and passes it on.
struct Maker<'s, S> {
    sink: &'s mut S,
    md5: Md5,
    left: u64,
    stats: ContentStats,
}

type Outcome = Result<(), &'static str>;

impl<S: FnMut(&[u8]) -> Outcome> Maker<'_, S> {
    fn add(&mut self, bytes: &[u8]) -> Outcome {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or("it is longer than the list says")?;
        self.md5.update(bytes);
        (self.sink)(bytes)
    }

    fn literal(&mut self, bytes: &[u8]) -> Outcome {
        self.stats.literal_bytes += bytes.len() as u64;
        self.add(bytes)
    }
}

impl<R: Read> BatchReader<R> {
    /// Reads the tokens of the record `head` and passes the content, piece by piece, to `sink`.
    /// It may be `size` bytes long.
    pub(super) fn content(
        &mut self,
        head: &RecordHead,
        size: u64,
        basis: Basis<'_>,
        sink: &mut impl FnMut(&[u8]) -> Outcome,
    ) -> Result<ContentStats, BatchError> {
        let index = head.index as usize;
        let left = size;
        let mut maker = Maker { sink, md5: Md5::new(), left, stats: ContentStats::default() };
        let made = match self.is_compressed() {
            true => self.compressed(head.blocks, basis, &mut maker)?,
            false => self.plain(head.blocks, basis, &mut maker)?,
        };
        let Maker { md5, left, mut stats, .. } = maker;
        made.map_err(|problem| {
            let path = self.entries.get(index).place.shown();
            self.input.error(BatchProblem::Content { path, problem })
        })?;
        stats.holds = self.input.md5()? == *md5.finalize() && left == 0;
        Ok(stats)
    }

    /// Errors of the outer result are those of the input, of the inner one those of the content.
    fn compressed<S: FnMut(&[u8]) -> Outcome>(
        &mut self,
        blocks: Blocks,
        basis: Basis<'_>,
        maker: &mut Maker<'_, S>,
    ) -> Result<Outcome, BatchError> {
        let mut inflate = Inflate::new();
        let mut last = 0;
        loop {
            let token = self.input.byte()?;
            if token == END {
                return Ok(inflate.finish());
            }
            let made = if token & NEAR_RUN == DATA {
                let len = usize::from(token & 0x3f) << 8 | usize::from(self.input.byte()?);
                let data = self.input.bytes(len)?;
                inflate.data(&data, &mut |bytes: &[u8]| maker.literal(bytes))
            } else {
                let Some((first, count)) = self.run(token, last)? else {
                    return Err(self.input.error(BatchProblem::Record("an unknown token")));
                };
                last = first + (i64::from(count) - 1);
                inflate.end_stretch().and_then(|()| {
                    copy(blocks, basis, first, count, maker, &mut |bytes| inflate.feed(bytes))
                })
            };
            if made.is_err() {
                return Ok(made);
            }
        }
    }

    /// The first block and the count of a run, or `None` if the token is unknown.
    fn run(&mut self, token: u8, last: i64) -> Result<Option<(i64, u32)>, BatchError> {
        let near = token & 0x80 != 0;
        let is_run = if near { token & 0x40 != 0 } else { token & FAR_RUN != 0 };
        if !near && token & !FAR_RUN != FAR {
            return Ok(None);
        }
        let first = match near {
            true => last + i64::from(token & 0x3f),
            false => self.input.int()?.into(),
        };
        let more = if is_run { self.input.short()? } else { 0 };
        Ok(Some((first, u32::from(more) + 1)))
    }

    fn plain<S: FnMut(&[u8]) -> Outcome>(
        &mut self,
        blocks: Blocks,
        basis: Basis<'_>,
        maker: &mut Maker<'_, S>,
    ) -> Result<Outcome, BatchError> {
        loop {
            let made = match self.input.int()? {
                0 => return Ok(Ok(())),
                len @ 1..=LITERAL_MAX => {
                    let bytes = self.input.bytes(len as usize)?;
                    maker.literal(&bytes)
                }
                1.. => {
                    return Err(self.input.error(BatchProblem::Record("too long a literal")));
                }
                block => copy(blocks, basis, -1 - i64::from(block), 1, maker, &mut |_| Ok(())),
            };
            if made.is_err() {
                return Ok(made);
            }
        }
    }
}

/// Passes blocks of the old file on.
fn copy<S: FnMut(&[u8]) -> Outcome>(
    blocks: Blocks,
    basis: Basis<'_>,
    first: i64,
    count: u32,
    maker: &mut Maker<'_, S>,
    feed: &mut dyn FnMut(&[u8]) -> Outcome,
) -> Outcome {
    let range = blocks.range(first, count).ok_or("it uses blocks that are not there")?;
    maker.stats.runs += 1;
    maker.stats.matched_bytes += range.end - range.start;
    match basis {
        Basis::Known(base) if blocks.len() != base.len() as u64 => {
            Err("it is made from another old file")
        }
        Basis::Known(base) => {
            let bytes = &base[range.start as usize..range.end as usize];
            feed(bytes)?;
            maker.add(bytes)
        }
        Basis::Unknown => {
            let mut left = range.end - range.start;
            while left > 0 {
                let some = left.min(UNKNOWN.len() as u64) as usize;
                feed(&UNKNOWN[..some])?;
                maker.add(&UNKNOWN[..some])?;
                left -= some as u64;
            }
            Ok(())
        }
    }
}
