//! A file on its way out.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use super::failure::failure;
use super::uses;
use crate::server::ServerError;

/// A file that is there, and stays while this lives.
#[derive(Debug)]
pub(crate) struct Artifact {
    store: Arc<dyn ObjectStore>,
    path: Path,
    len: u64,
    pin: uses::Pin,
}

impl Artifact {
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path, len: u64, pin: uses::Pin) -> Self {
        Artifact { store, path, len, pin }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes of `range`, which is not empty and within the length.
    pub(crate) async fn read(self, range: Range<u64>) -> Result<Download, ServerError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let result = self.store.get_opts(&self.path, options).await;
        let pieces = result.map_err(|error| failure("read", &error))?.into_stream();
        Ok(Download { pieces, _pin: self.pin })
    }
}

/// The bytes of a file as they come; the file stays until they are all there.
pub(crate) struct Download {
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
    _pin: uses::Pin,
}

impl Stream for Download {
    type Item = Result<Bytes, ServerError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.pieces.as_mut().poll_next(context);
        next.map(|piece| piece.map(|piece| piece.map_err(|error| failure("read", &error))))
    }
}
