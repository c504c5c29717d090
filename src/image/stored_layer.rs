//! Layers where an opened image has them.

use std::io::Read;
use std::sync::Arc;

use super::{Descriptor, ImageError};

/// Where an opened image's layers are.
pub(crate) trait LayerSource: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// The blob's descriptor, where the place keeps one.
    fn descriptor(&self, index: usize) -> Option<&Descriptor>;
    /// How many bytes are stored.
    fn stored_size(&self, index: usize) -> u64 {
        self.descriptor(index).map_or(0, |descriptor| descriptor.size)
    }
    /// The stored bytes, checked at their end against the descriptor.
    fn open(&self, index: usize) -> Result<Box<dyn Read + Send>, ImageError>;
    /// The stored bytes from `start` on, unchecked. `None` where the place can only begin at the beginning.
    fn open_rest(
        &self,
        _index: usize,
        _start: u64,
    ) -> Result<Option<Box<dyn Read + Send>>, ImageError> {
        Ok(None)
    }
}

/// A layer where an opened image has it.
#[derive(Clone)]
pub struct StoredLayer {
    layers: Arc<dyn LayerSource>,
    index: usize,
}

impl StoredLayer {
    pub(super) fn new(layers: Arc<dyn LayerSource>, index: usize) -> Self {
        StoredLayer { layers, index }
    }

    pub(super) fn open(&self) -> Result<Box<dyn Read + Send>, ImageError> {
        self.layers.open(self.index)
    }
}

impl std::fmt::Debug for StoredLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StoredLayer").field("index", &self.index).finish_non_exhaustive()
    }
}
