//! A layer on its way into the file that it is published from.

use std::io::{self, Write};

use super::blob::{BlobId, Hashed};
use super::compression::Encoder;
use crate::temporary::TemporaryFile;

/// Where a layer is written to.
pub(crate) enum LayerFile {
    /// As it is.
    Plain(Hashed<TemporaryFile>),
    /// Compressed.
    Gzip(Encoder<Hashed<TemporaryFile>>),
    /// Only to see that the layer can be made; it is there already.
    Nowhere(io::Sink),
}

impl LayerFile {
    /// Writes into `file`, as it is if `plain`.
    pub(crate) fn new(file: TemporaryFile, plain: bool) -> Self {
        let file = Hashed::new(file);
        match plain {
            true => LayerFile::Plain(file),
            false => LayerFile::Gzip(Encoder::quick_gzip(file)),
        }
    }

    /// Ends the layer; returns its file and blob, unless it was written nowhere.
    pub(crate) fn finish(self) -> io::Result<Option<(TemporaryFile, BlobId)>> {
        match self {
            LayerFile::Plain(file) => Ok(Some(file.finish())),
            LayerFile::Gzip(encoder) => Ok(Some(encoder.finish()?.finish())),
            LayerFile::Nowhere(_) => Ok(None),
        }
    }
}

impl Write for LayerFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            LayerFile::Plain(file) => file.write(bytes),
            LayerFile::Gzip(encoder) => encoder.write(bytes),
            LayerFile::Nowhere(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
