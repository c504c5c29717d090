//! Sparse files of a stack, laid out: a layer's tar has them without their holes, so their content is
//! in no one piece of the tar.

use std::collections::HashMap;

use super::error::{Problem, RootfsError, shown};
use crate::tar::{self, Entries, SparseMap};

/// How many bytes all sparse files of a stack may have together with their holes. The files are
/// laid out in memory; holes take none until somebody writes there, which nobody does.
pub const MAX_SPARSE_BYTES: u64 = 1 << 30;

/// The contents of all sparse files of a stack of layers.
#[derive(Debug, Default)]
pub struct SparseFiles {
    /// By number of the layer, from 1, and byte offset of the entry in it.
    contents: HashMap<(usize, u64), Vec<u8>>,
    bytes: u64,
    entries: usize,
}

impl SparseFiles {
    /// Lays out the sparse files of `layers`, uncompressed tars from the bottom up.
    ///
    /// # Errors
    /// If a layer is damaged, or its sparse files are larger than [`MAX_SPARSE_BYTES`].
    pub fn of_layers(layers: &[&[u8]]) -> Result<Self, RootfsError> {
        let mut files = SparseFiles::default();
        for (index, tar) in layers.iter().enumerate() {
            let layer = index + 1;
            for entry in Entries::new(tar) {
                let entry = entry.map_err(|error| RootfsError::of_tar(layer, error))?;
                files.entries += 1;
                let offset = entry.start;
                files.add(layer, tar, &entry).map_err(|problem| RootfsError {
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

    /// The content of the sparse file whose entry begins at `offset` of layer number `layer`.
    ///
    /// # Panics
    /// If there is none in the stack.
    pub(super) fn content(&self, layer: usize, offset: u64) -> &[u8] {
        self.contents.get(&(layer, offset)).expect("the same layers were laid out")
    }

    fn add(&mut self, layer: usize, tar: &[u8], entry: &tar::Entry<'_>) -> Result<(), Problem> {
        let Some(map) = &entry.sparse else { return Ok(()) };
        let mut file = self.room(map).ok_or_else(|| Problem::SparseTooLarge {
            path: shown(&entry.name.to_vec()),
            bytes: map.size(),
            limit: MAX_SPARSE_BYTES,
        })?;
        map.lay_out(&tar[entry.content.start as usize..entry.content.end as usize], &mut file);
        self.contents.insert((layer, entry.start), file);
        Ok(())
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
