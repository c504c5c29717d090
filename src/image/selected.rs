//! Some of an artifact's blobs, taken for the layers of an image.

use std::io::Read;
use std::sync::Arc;

use super::stored_layer::LayerSource;
use super::{Descriptor, Image, ImageConfig, ImageError};

impl Image {
    /// The image of `config` that has for each layer the blob of that number of this artifact, or none. Reference and
    /// manifest are the artifact's.
    pub(crate) fn selected(&self, config: ImageConfig, blobs: Vec<Option<usize>>) -> Image {
        let place = self.reference.to_string();
        let layers = Selected { layers: Arc::clone(&self.layers), blobs, place };
        Image {
            reference: self.reference.clone(),
            manifest: self.manifest.clone(),
            config,
            layers: Arc::new(layers),
            named: self.named,
        }
    }
}

struct Selected {
    layers: Arc<dyn LayerSource>,
    /// For each layer, the number of its blob.
    blobs: Vec<Option<usize>>,
    place: String,
}

impl LayerSource for Selected {
    fn count(&self) -> usize {
        self.blobs.len()
    }

    fn descriptor(&self, index: usize) -> Option<&Descriptor> {
        self.layers.descriptor(self.blobs[index]?)
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send>, ImageError> {
        let blob = self.blobs[index].ok_or_else(|| ImageError::Malformed {
            reference: self.place.clone(),
            reason: format!("layer {} is not in there: the base has it", index + 1),
        })?;
        self.layers.open(blob)
    }

    fn open_rest(
        &self,
        index: usize,
        start: u64,
    ) -> Result<Option<Box<dyn Read + Send>>, ImageError> {
        match self.blobs[index] {
            Some(blob) => self.layers.open_rest(blob, start),
            None => Ok(None),
        }
    }
}
