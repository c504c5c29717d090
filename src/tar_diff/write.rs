//! Writing a stream.

use std::io::{self, Write};

use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;

use super::format::{ADD, COPY, DATA, MAGIC, OPEN, SEEK, WINDOW_LOG};
use crate::delta::{Base, Cover, CoverPrices, Effort, common_prefix};
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
/// Zstandard's levels by effort.
const LEVELS: [i32; 10] = [3, 3, 6, 9, 12, 19, 19, 19, 19, 22];
/// So many unchanged bytes among changed ones are copied and not added.
const COPY_MIN: usize = 128;
/// Appliers take memory for twice an ADD, so it has at most so many bytes.
const ADD_PIECE: usize = 1 << 20;
/// The smallest window of Zstandard's, as a power of two.
const WINDOW_LOG_MIN: u32 = 10;
/// Literals are written in pieces of so many bytes.
const DATA_PIECE: usize = 4 << 20;

fn packed_len(bytes: &[u8]) -> usize {
    zstd::bulk::compress(bytes, ESTIMATE_LEVEL).map_or(bytes.len(), |packed| packed.len())
}

/// Writes the stream that makes `target` by `covers`, which are in order and do not overlap, into `out`. The slices of
/// `base` are the old tree's files, of the paths `paths`.
///
/// # Errors
/// If `out` fails.
pub fn write_tar_diff<W: Write>(
    base: &Base<'_>,
    paths: &[&[u8]],
    target: &[u8],
    covers: &[Cover],
    effort: Effort,
    mut out: W,
) -> io::Result<W> {
    out.write_all(&MAGIC)?;
    let mut encoder = Encoder::new(out, LEVELS[usize::from(effort.level())])?;
    encoder.set_parameter(CParameter::WindowLog(window_log(target.len())))?;
    let mut writer = Writer { out: encoder, paths, open: None };
    let mut at = 0;
    for cover in covers {
        writer.data(&target[at..cover.start as usize])?;
        let mut new = &target[cover.start as usize..cover.end() as usize];
        let mut offset = cover.offset;
        for old in base.pieces(cover.offset, cover.len).into_iter().flatten() {
            let (own, rest) = new.split_at(old.len());
            new = rest;
            let (file, place) = base.locate(offset).unwrap_or_default();
            writer.cover(file, place as u64, own, old)?;
            offset += old.len() as u64;
        }
        at = cover.end() as usize;
    }
    writer.data(&target[at..])?;
    writer.out.finish()
}

/// The window for a stream about a layer of `len` bytes, as a power of two: as large as readers take, and no larger than
/// there is something to find in.
fn window_log(len: usize) -> u32 {
    (usize::BITS - len.leading_zeros()).clamp(WINDOW_LOG_MIN, WINDOW_LOG)
}

struct Writer<'a, W: Write> {
    out: Encoder<'static, W>,
    paths: &'a [&'a [u8]],
    /// The current file, and the place in it.
    open: Option<(usize, u64)>,
}

impl<W: Write> Writer<'_, W> {
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
