//! Sparse files: a map says where in the file the stored data belongs; everything else is zeros.

use super::error::TarProblem;

/// A stretch of a sparse file that has data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SparsePiece {
    /// Where in the file the data belongs, in bytes.
    pub offset: u64,
    /// How many bytes it is.
    pub len: u64,
}

impl SparsePiece {
    fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// The map of a sparse file: pieces of data in order, none over another, all within the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparseMap {
    size: u64,
    pieces: Vec<SparsePiece>,
}

/// A part of a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// So many bytes of the stored data, the next ones.
    Data(u64),
    /// So many zeros.
    Hole(u64),
}

impl SparseMap {
    /// The map of a file of `size` bytes with data at these offsets and of these lengths.
    pub(super) fn new(size: i64, numbers: &[(i64, i64)]) -> Result<Self, TarProblem> {
        let size = u64::try_from(size).map_err(|_| TarProblem::SparseMap)?;
        let pieces: Option<Vec<SparsePiece>> = numbers.iter().copied().map(piece).collect();
        let pieces = pieces.ok_or(TarProblem::SparseMap)?;
        let ends = std::iter::once(0).chain(pieces.iter().map(SparsePiece::end));
        let in_order = ends.zip(&pieces).all(|(end, next)| end <= next.offset);
        let within = pieces.last().is_none_or(|last| last.end() <= size);
        match in_order && within {
            true => Ok(SparseMap { size, pieces }),
            false => Err(TarProblem::SparseMap),
        }
    }

    /// The file's size with its holes, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The pieces of data, in order.
    pub fn pieces(&self) -> &[SparsePiece] {
        &self.pieces
    }

    /// How many bytes of data the file has.
    pub fn data_len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len).sum()
    }

    /// The file from its first byte to its last: data and holes, none of them empty.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch> + '_ {
        let ends = std::iter::once(0).chain(self.pieces.iter().map(SparsePiece::end));
        let tail = SparsePiece { offset: self.size, len: 0 };
        let pieces = self.pieces.iter().copied().chain([tail]);
        let stretches = ends
            .zip(pieces)
            .flat_map(|(end, piece)| [Stretch::Hole(piece.offset - end), Stretch::Data(piece.len)]);
        stretches.filter(|stretch| !matches!(stretch, Stretch::Hole(0) | Stretch::Data(0)))
    }

    /// Puts `data` into `file`, which has the file's size and is all zeros.
    ///
    /// # Panics
    /// If `data` does not have [`data_len`](Self::data_len) bytes or `file` not
    /// [`size`](Self::size).
    pub fn lay_out(&self, mut data: &[u8], file: &mut [u8]) {
        assert_eq!(data.len() as u64, self.data_len(), "the stored data");
        assert_eq!(file.len() as u64, self.size, "the whole file");
        for piece in &self.pieces {
            let (bytes, rest) = data.split_at(piece.len as usize);
            file[piece.offset as usize..piece.end() as usize].copy_from_slice(bytes);
            data = rest;
        }
    }
}

/// A piece whose end is a number too.
fn piece((offset, len): (i64, i64)) -> Option<SparsePiece> {
    offset.checked_add(len)?;
    Some(SparsePiece { offset: offset.try_into().ok()?, len: len.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_out_of_order_or_outside_are_refused() {
        for (size, numbers) in [
            (0, &[][..]),
            (10, &[]),
            (10, &[(0, 10)]),
            (10, &[(2, 3), (5, 5), (10, 0)]),
            (i64::MAX, &[(i64::MAX, 0)]),
        ] {
            assert!(SparseMap::new(size, numbers).is_ok(), "{size} {numbers:?}");
        }
        for (size, numbers) in [
            (-1, &[][..]),
            (10, &[(0, 11)]),
            (10, &[(5, 1), (0, 1)]),
            (10, &[(0, 5), (4, 1)]),
            (10, &[(-1, 1)]),
            (10, &[(1, -1)]),
            (i64::MAX, &[(i64::MAX, 1)]),
        ] {
            assert_eq!(SparseMap::new(size, numbers), Err(TarProblem::SparseMap), "{numbers:?}");
        }
    }

    #[test]
    fn files_are_laid_out_with_zeros_in_their_holes() {
        let map = SparseMap::new(9, &[(1, 2), (3, 1), (6, 0), (7, 1)]).expect("in order");
        let mut file = vec![0; 9];
        map.lay_out(b"abcd", &mut file);
        assert_eq!(file, b"\0abc\0\0\0d\0");
        use Stretch::{Data, Hole};
        let stretches: Vec<Stretch> = map.stretches().collect();
        assert_eq!(stretches, [Hole(1), Data(2), Data(1), Hole(2), Hole(1), Data(1), Hole(1)]);
        let empty = SparseMap::new(0, &[]).expect("in order");
        assert_eq!(empty.stretches().count(), 0);
    }
}
