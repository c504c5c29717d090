//! The ways in which tars hold the maps of sparse files (GNU tar manual, "Storing Sparse Files").

use super::error::TarProblem;
use super::header::{Format, Header};
use super::number::{decimal, numeric};
use super::pax::GnuSparse;
use super::sparse::SparseMap;
use super::{BLOCK, MAX_SPARSE_PIECES};

/// A piece in a GNU header: offset and length, of so many bytes each.
const NUMBER: usize = 12;
/// Pieces in a block that continues a GNU header's map. One byte, whether another block follows,
/// comes after them.
const PIECES_IN_BLOCK: usize = 21;
/// More digits than a number in a map can have, leading zeros aside.
const MAX_DIGITS: usize = 64;

/// How an entry is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// As it is.
    Plain,
    /// Without its holes, and the map is known.
    Mapped(SparseMap),
    /// Without its holes; blocks that follow the header have the map, or the rest of it.
    MapFollows(MapReader),
}

/// Reads a map from blocks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MapReader {
    size: i64,
    pieces: Vec<(i64, i64)>,
    form: Form,
}

#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// Blocks between a GNU header and the data, which the size in the header does not count.
    AfterHeader,
    /// Lines in front of the data, which are counted as data (format 1.0): first how many pieces
    /// there are, then offset and length of each.
    InData { left: Option<u64>, offset: Option<i64>, line: Vec<u8> },
}

impl Storage {
    /// How a regular file is stored, by its header and its records about holes.
    pub(super) fn of(
        header: Header<'_>,
        records: Option<&GnuSparse<'_>>,
        size: i64,
    ) -> Result<Self, TarProblem> {
        if header.type_flag() == b'S' {
            return Storage::of_gnu_header(header);
        }
        let Some(records) = records else { return Ok(Storage::Plain) };
        let real_size = || real_size(records, size);
        match (records.major.unwrap_or_default(), records.minor.unwrap_or_default()) {
            (b"1", b"0") => {
                let form = Form::InData { left: None, offset: None, line: Vec::new() };
                let reader = MapReader { size: real_size()?, pieces: Vec::new(), form };
                Ok(Storage::MapFollows(reader))
            }
            (b"0", b"0" | b"1") => map_in_records(records, real_size()?).map(Storage::Mapped),
            (b"", b"") if records.has_map() => {
                map_in_records(records, real_size()?).map(Storage::Mapped)
            }
            // Nobody knows what other versions mean. They are plain files to Go.
            _ => Ok(Storage::Plain),
        }
    }

    fn of_gnu_header(header: Header<'_>) -> Result<Self, TarProblem> {
        // star has sparse files of the same flag and another form.
        if header.format() != Format::Gnu {
            return Err(TarProblem::SparseMap);
        }
        let size = header.real_size()?;
        let mut reader = MapReader { size, pieces: Vec::new(), form: Form::AfterHeader };
        match reader.push_pieces(header.sparse())? {
            true => Ok(Storage::MapFollows(reader)),
            false => reader.finish().map(Storage::Mapped),
        }
    }
}

impl<'a> GnuSparse<'a> {
    /// The file's own name. The name in the header is made up.
    pub(super) fn own_name(&self) -> Option<&'a [u8]> {
        let version = (self.major.unwrap_or_default(), self.minor.unwrap_or_default());
        let known = matches!(version, (b"1", b"0") | (b"0", b"0" | b"1"));
        let guessed = version == (b"", b"") && self.has_map();
        self.name.filter(|_| known || guessed)
    }

    /// Whether there is a map, in either form. That of format 0.0 counts rather than that of 0.1.
    fn has_map(&self) -> bool {
        match self.offsets_and_lengths[..] {
            [] => self.map.is_some(),
            [only] => !only.is_empty(),
            _ => true,
        }
    }
}

fn real_size(records: &GnuSparse<'_>, size: i64) -> Result<i64, TarProblem> {
    match records.size.or(records.real_size) {
        Some(text) => decimal(text).ok_or(TarProblem::Number("size")),
        None => Ok(size),
    }
}

/// The map in records: as one list (format 0.1), or as a record for each number (0.0).
fn map_in_records(records: &GnuSparse<'_>, size: i64) -> Result<SparseMap, TarProblem> {
    let texts = match (records.has_map(), records.map) {
        (false, _) => Vec::new(),
        (true, Some(map)) if records.offsets_and_lengths.is_empty() => {
            map.split(|&byte| byte == b',').collect()
        }
        _ => records.offsets_and_lengths.clone(),
    };
    let numbers: Option<Vec<i64>> = texts.into_iter().map(decimal).collect();
    let numbers = numbers.ok_or(TarProblem::SparseMap)?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    let count = records.count.and_then(decimal).and_then(|count| usize::try_from(count).ok());
    if count != Some(pairs.len()) || !rest.is_empty() {
        return Err(TarProblem::SparseMap);
    }
    if pairs.len() > MAX_SPARSE_PIECES {
        return Err(TarProblem::TooManyPieces(MAX_SPARSE_PIECES));
    }
    let pieces: Vec<(i64, i64)> = pairs.iter().map(|&[offset, len]| (offset, len)).collect();
    SparseMap::new(size, &pieces)
}

impl MapReader {
    /// Whether the blocks of the map are counted as data.
    pub(super) fn is_in_data(&self) -> bool {
        self.form != Form::AfterHeader
    }

    /// Takes the next block. Returns whether another one follows.
    pub(super) fn push(&mut self, block: &[u8; BLOCK]) -> Result<bool, TarProblem> {
        if !self.is_in_data() {
            return self.push_pieces(&block[..PIECES_IN_BLOCK * 2 * NUMBER + 1]);
        }
        for &byte in block {
            self.push_byte(byte)?;
            if self.is_complete() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The map, once no more blocks follow.
    pub(super) fn finish(self) -> Result<SparseMap, TarProblem> {
        SparseMap::new(self.size, &self.pieces)
    }

    /// Takes pieces of a GNU header or of a block that continues one: up to the first whose offset
    /// begins with a NUL. Returns whether another block follows.
    fn push_pieces(&mut self, bytes: &[u8]) -> Result<bool, TarProblem> {
        let (&more, pieces) = bytes.split_last().expect("a byte after the pieces");
        for piece in pieces.chunks_exact(2 * NUMBER).take_while(|piece| piece[0] != 0) {
            let (offset, len) = piece.split_at(NUMBER);
            let piece = numeric(offset).zip(numeric(len)).ok_or(TarProblem::SparseMap)?;
            self.push_piece(piece)?;
        }
        Ok(more != 0)
    }

    fn push_piece(&mut self, piece: (i64, i64)) -> Result<(), TarProblem> {
        if self.pieces.len() == MAX_SPARSE_PIECES {
            return Err(TarProblem::TooManyPieces(MAX_SPARSE_PIECES));
        }
        self.pieces.push(piece);
        Ok(())
    }

    fn push_byte(&mut self, byte: u8) -> Result<(), TarProblem> {
        let Form::InData { left, offset, line } = &mut self.form else { return Ok(()) };
        if byte != b'\n' {
            line.push(byte);
            return if line.len() > MAX_DIGITS { Err(TarProblem::SparseMap) } else { Ok(()) };
        }
        let number = decimal(line).ok_or(TarProblem::SparseMap)?;
        line.clear();
        match (&left, offset.take()) {
            (None, _) => *left = Some(u64::try_from(number).map_err(|_| TarProblem::SparseMap)?),
            (Some(_), None) => *offset = Some(number),
            (Some(pieces), Some(offset)) => {
                *left = Some(pieces - 1);
                self.push_piece((offset, number))?;
            }
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        matches!(self.form, Form::InData { left: Some(0), .. })
    }
}
