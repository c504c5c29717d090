//! Sparse files of a stack: a layer's tar has them without their holes, so their content is in no one
//! piece of the tar. They are laid out, or data and holes are kept apart.

use std::collections::HashMap;

use super::error::{Problem, RootfsError, shown};
use super::path::MAX_ENTRIES;
use crate::tar::{self, Entries, MAX_SPARSE_PIECES, SparseMap, TarBytes, TarProblem};

/// How many bytes all sparse files of a stack may have together with their holes. The files are
/// laid out in memory; holes take none until somebody writes there, which nobody does.
pub const MAX_SPARSE_BYTES: u64 = 1 << 30;

/// How many pieces of data all sparse files of a stack may have together if they are kept apart. Each
/// takes 16 bytes of memory.
const MAX_PIECES: usize = MAX_SPARSE_PIECES;

/// What is kept of a sparse file.
type Keep<A> = fn(&mut SparseFiles, A, &tar::Entry<'_>, &SparseMap) -> Result<SparseFile, Problem>;

/// All sparse files of a stack of layers.
#[derive(Debug, Default)]
pub struct SparseFiles {
    /// By number of the layer, from 1, and byte offset of the entry in it.
    files: HashMap<(usize, u64), SparseFile>,
    bytes: u64,
    pieces: usize,
    entries: usize,
}

#[derive(Debug)]
enum SparseFile {
    /// The whole file, holes as zeros.
    LaidOut(Vec<u8>),
    /// Where the holes are; the data stays in the layer.
    Apart(SparseMap),
}

impl SparseFiles {
    /// Lays out the sparse files of `layers`, uncompressed tars from the bottom up.
    ///
    /// # Errors
    /// If a layer is damaged, or its sparse files are larger than [`MAX_SPARSE_BYTES`].
    pub fn of_layers(layers: &[&[u8]]) -> Result<Self, RootfsError> {
        SparseFiles::collect(layers, SparseFiles::lay_out)
    }

    /// Keeps data and holes of the sparse files of `layers` apart, for whoever makes files with holes of
    /// them. A tree's files then have the stored data as their content, and
    /// [`holes`](super::Inode::holes).
    ///
    /// # Errors
    /// If a layer is damaged, or its sparse files have too many pieces.
    pub fn kept_apart<'a, A: TarBytes<'a>>(layers: &[A]) -> Result<Self, RootfsError> {
        SparseFiles::collect(layers, |files, _, _, map| files.keep_apart(map))
    }

    fn collect<'a, A: TarBytes<'a>>(layers: &[A], keep: Keep<A>) -> Result<Self, RootfsError> {
        let mut files = SparseFiles::default();
        for (index, &tar) in layers.iter().enumerate() {
            let layer = index + 1;
            for entry in Entries::of(tar) {
                let entry = entry.map_err(|error| RootfsError::of_tar(layer, error))?;
                let offset = entry.start;
                files.add(layer, tar, &entry, keep).map_err(|problem| RootfsError {
                    layer,
                    offset,
                    problem,
                })?;
            }
        }
        Ok(files)
    }

    /// How many entries the layers have, sparse or not: about as many inodes has a tree of them.
    pub fn entry_count(&self) -> usize {
        self.entries
    }

    /// The content of the sparse file whose entry begins at `offset` of layer number `layer`; `None` if
    /// it is what the layer stores.
    ///
    /// # Panics
    /// If there is none in the stack.
    pub(super) fn content(&self, layer: usize, offset: u64) -> Option<&[u8]> {
        match self.files.get(&(layer, offset)).expect("the same layers were read") {
            SparseFile::LaidOut(content) => Some(content),
            SparseFile::Apart(_) => None,
        }
    }

    /// The holes of the file whose entry begins there, if it has any and they are kept apart.
    pub(super) fn holes(&self, layer: usize, offset: u64) -> Option<&SparseMap> {
        match self.files.get(&(layer, offset))? {
            SparseFile::LaidOut(_) => None,
            SparseFile::Apart(map) => Some(map),
        }
    }

    fn add<A>(
        &mut self,
        layer: usize,
        tar: A,
        entry: &tar::Entry<'_>,
        keep: Keep<A>,
    ) -> Result<(), Problem> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(Problem::TooManyEntries(MAX_ENTRIES));
        }
        let Some(map) = &entry.sparse else { return Ok(()) };
        let file = keep(self, tar, entry, map)?;
        self.files.insert((layer, entry.start), file);
        Ok(())
    }

    fn lay_out(
        &mut self,
        tar: &[u8],
        entry: &tar::Entry<'_>,
        map: &SparseMap,
    ) -> Result<SparseFile, Problem> {
        let mut file = self.room(map).ok_or_else(|| Problem::SparseTooLarge {
            path: shown(&entry.name.to_vec()),
            bytes: map.size(),
            limit: MAX_SPARSE_BYTES,
        })?;
        map.lay_out(&tar[entry.content.start as usize..entry.content.end as usize], &mut file);
        Ok(SparseFile::LaidOut(file))
    }

    fn keep_apart(&mut self, map: &SparseMap) -> Result<SparseFile, Problem> {
        self.pieces += map.pieces().len();
        match self.pieces > MAX_PIECES {
            true => Err(TarProblem::TooManyPieces(MAX_PIECES).into()),
            false => Ok(SparseFile::Apart(map.clone())),
        }
    }

    /// Zeros for one more file; `None` if that is too much.
    fn room(&mut self, map: &SparseMap) -> Option<Vec<u8>> {
        let bytes = self.bytes.checked_add(map.size())?;
        let size = usize::try_from(map.size()).ok().filter(|_| bytes <= MAX_SPARSE_BYTES)?;
        // The zeros below are memory that is not touched, but asking for it can't fail gently.
        Vec::<u8>::new().try_reserve_exact(size).ok()?;
        self.bytes = bytes;
        Some(vec![0; size])
    }
}
