//! Layers of the store as the base of a delta, whether they are tars or recipes.

use std::io::Write;

use super::kept_layer::KeptLayer;
use crate::delta::{BaseBytes, BaseError};

/// Layers one after the other, as the base of a delta.
#[derive(Debug)]
pub(crate) struct KeptBase<'a> {
    layers: &'a [KeptLayer],
    /// Where each layer begins, and at the end where the last one ends.
    starts: Vec<u64>,
}

impl<'a> KeptBase<'a> {
    /// The base of `layers`, bottom first.
    pub(crate) fn new(layers: &'a [KeptLayer]) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for layer in layers {
            end += layer.size();
            starts.push(end);
        }
        KeptBase { layers, starts }
    }
}

impl BaseBytes for KeptBase<'_> {
    fn size(&self) -> u64 {
        self.starts[self.layers.len()]
    }

    fn copy(&self, offset: u64, len: u64, out: &mut dyn Write) -> Result<(), BaseError> {
        let (mut at, end) = (offset, offset + len);
        while at < end {
            let number = self.starts.partition_point(|&start| start <= at) - 1;
            let until = end.min(self.starts[number + 1]);
            let layer: &dyn BaseBytes = &self.layers[number];
            layer.copy(at - self.starts[number], until - at, out)?;
            at = until;
        }
        Ok(())
    }
}
