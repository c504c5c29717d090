//! Writing a stream.

use std::io::{self, Write};

use super::compression::Compression;
use super::format::{ADD, COPY, DATA, MAGIC, OPEN, SEEK};
use crate::delta::{Base, Cover, CoverPrices, Options, common_prefix};
use crate::leb128::push;

/// What covers, changes and literals cost in a stream: a jump within a file costs its whole place, one to another file a
/// path that was there before, and a literal breaks a cover, because the place in the file stays where it is meanwhile.
pub const PRICES: CoverPrices = CoverPrices {
    far: 104.0,
    other_slice: 160.0,
    near: 40.0,
    literal: 14.0,
    first_change: 14.0,
    next_change: 7.0,
    end_of_change: 1.0,
    literal_byte: 4.5,
    packed_len,
};

/// A level that is cheap and near enough to tell what literals cost.
const ESTIMATE_LEVEL: i32 = 1;
/// So many unchanged bytes among changed ones are copied and not added.
const COPY_MIN: usize = 128;
/// Appliers take memory for twice an ADD, so it has at most so many bytes.
const ADD_PIECE: usize = 1 << 20;
/// Of so many bytes of memory one is left to covers and names of files, which are there beside the coder.
const BESIDE_SHARE: u64 = 8;
/// Literals are written in pieces of so many bytes.
const DATA_PIECE: usize = 4 << 20;

fn packed_len(bytes: &[u8]) -> usize {
    zstd::bulk::compress(bytes, ESTIMATE_LEVEL).map_or(bytes.len(), |packed| packed.len())
}

/// Writes the stream that makes `target` by `covers`, which are in order and do not overlap, into `out`. The slices of
/// `base` are the old tree's files, of the paths `paths`. The operations are counted first: how they are compressed, and in how
/// much memory, depends on how long they are.
///
/// # Errors
/// If `out` fails.
pub fn write_tar_diff<W: Write>(
    base: &Base<'_>,
    paths: &[&[u8]],
    target: &[u8],
    covers: &[Cover],
    encoding: &Options,
    mut out: W,
) -> io::Result<W> {
    let write =
        |out: &mut dyn Write| Writer { out, paths, open: None }.operations(base, target, covers);
    let mut count = Count(0);
    write(&mut count)?;
    out.write_all(&MAGIC)?;
    let compression =
        Compression::of(count.0, encoding.effort, encoding.memory - encoding.memory / BESIDE_SHARE);
    let mut encoder = compression.encoder(count.0, out)?;
    write(&mut encoder)?;
    encoder.finish()
}

/// How many bytes were written.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    paths: &'a [&'a [u8]],
    /// The current file, and the place in it.
    open: Option<(usize, u64)>,
}

impl Writer<'_> {
    fn operations(&mut self, base: &Base<'_>, target: &[u8], covers: &[Cover]) -> io::Result<()> {
        let mut at = 0;
        for cover in covers {
            self.data(&target[at..cover.start as usize])?;
            let mut new = &target[cover.start as usize..cover.end() as usize];
            let mut offset = cover.offset;
            for old in base.pieces(cover.offset, cover.len).into_iter().flatten() {
                let (own, rest) = new.split_at(old.len());
                new = rest;
                let (file, place) = base.locate(offset).unwrap_or_default();
                self.cover(file, place as u64, own, old)?;
                offset += old.len() as u64;
            }
            at = cover.end() as usize;
        }
        self.data(&target[at..])
    }

    fn operation(&mut self, operation: u8, size: u64, bytes: &[u8]) -> io::Result<()> {
        let mut head = vec![operation];
        push(&mut head, size);
        self.out.write_all(&head)?;
        self.out.write_all(bytes)
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes
            .chunks(DATA_PIECE)
            .try_for_each(|piece| self.operation(DATA, piece.len() as u64, piece))
    }

    /// Makes `new` from `old`, which is at `place` of file number `file`.
    fn cover(&mut self, file: usize, place: u64, new: &[u8], old: &[u8]) -> io::Result<()> {
        self.go_to(file, place)?;
        let mut at = 0;
        while at < new.len() {
            let equal = common_prefix(&new[at..], &old[at..]);
            if equal >= COPY_MIN.min(new.len() - at) {
                self.operation(COPY, equal as u64, &[])?;
                at += equal;
                continue;
            }
            let end = at + changed_run(&new[at..], &old[at..]).min(ADD_PIECE);
            let differences: Vec<u8> =
                new[at..end].iter().zip(&old[at..end]).map(|(n, o)| n.wrapping_sub(*o)).collect();
            self.operation(ADD, differences.len() as u64, &differences)?;
            at = end;
        }
        self.open = Some((file, place + new.len() as u64));
        Ok(())
    }

    fn go_to(&mut self, file: usize, place: u64) -> io::Result<()> {
        let mut at = match self.open {
            Some((open, at)) if open == file => at,
            _ => {
                let path = self.paths[file];
                self.operation(OPEN, path.len() as u64, path)?;
                0
            }
        };
        if at != place {
            self.operation(SEEK, place, &[])?;
            at = place;
        }
        self.open = Some((file, at));
        Ok(())
    }
}

/// How many bytes go on before [`COPY_MIN`] equal ones, or the end if that comes first.
fn changed_run(new: &[u8], old: &[u8]) -> usize {
    let mut at = 0;
    while at < new.len() {
        let equal = common_prefix(&new[at..], &old[at..]);
        if equal >= COPY_MIN {
            break;
        }
        at += equal;
        at += usize::from(at < new.len());
    }
    at
}
