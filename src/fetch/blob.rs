//! A layer's blob on its way in, taken up where a run before stopped.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::image::{Digest, Image};
use crate::progress::{Progress, Stage, check};
use crate::store::{Partial, Store, StoreError};

/// Counts of bytes that blobs brought.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Over the network, or from wherever the image is.
    pub(super) fetched: AtomicU64,
    /// From what runs before had left.
    pub(super) resumed: AtomicU64,
}

/// Where blobs are kept until they have served, and what counts them.
pub(super) struct Blobs<'a> {
    pub(super) store: &'a Store,
    pub(super) traffic: &'a Traffic,
    pub(super) progress: &'a dyn Progress,
}

impl Blobs<'_> {
    /// Opens the blob of layer number `index` of `image`.
    pub(super) fn open(&self, image: &Image, index: usize) -> Result<Blob<'_>, StoreError> {
        let digest = image.layer_descriptor(index).map(|descriptor| descriptor.digest);
        let partial = match digest {
            Some(digest) => self.store.partial(digest)?,
            None => None,
        };
        let (mut known, mut resumed) = (0, None);
        if let Some(partial) = &partial {
            let read = io_error(self.store);
            known = partial.len().map_err(&read)?;
            let start = Box::new(partial.reader().map_err(&read)?);
            resumed = image.open_layer_after(index, start, known)?;
        }
        let partial = partial.filter(|_| resumed.is_some());
        let bytes = match resumed {
            Some(bytes) => bytes,
            None => image.open_layer(index)?,
        };
        let known = if partial.is_some() { known } else { 0 };
        let (traffic, progress) = (self.traffic, self.progress);
        Ok(Blob { bytes, partial, known, traffic, progress })
    }

    /// Gives up what is kept of the blob: it has served, or is not what it should be.
    pub(super) fn forget(&self, image: &Image, index: usize) {
        if let Some(digest) = digest_of(image, index) {
            self.store.forget_partial(digest);
        }
    }
}

fn digest_of(image: &Image, index: usize) -> Option<Digest> {
    image.layer_descriptor(index).map(|descriptor| descriptor.digest)
}

fn io_error(store: &Store) -> impl Fn(io::Error) -> StoreError {
    let path = store.path().to_owned();
    move |source| StoreError::Io { action: "read in", path: path.clone(), source }
}

/// A blob that is read once, from its start to its end, where its digest is checked.
pub(super) struct Blob<'a> {
    bytes: Box<dyn Read + Send>,
    /// Where new bytes are kept.
    partial: Option<Partial>,
    /// Bytes that are kept already and not yet read.
    known: u64,
    traffic: &'a Traffic,
    progress: &'a dyn Progress,
}

impl Blob<'_> {
    /// Whether some of it comes from a run before.
    pub(super) fn is_resumed(&self) -> bool {
        self.known > 0
    }

    /// Notes `bytes` that were just read.
    fn take(&mut self, bytes: &[u8]) {
        let old = self.known.min(bytes.len() as u64);
        self.known -= old;
        let new = &bytes[old as usize..];
        self.traffic.resumed.fetch_add(old, Ordering::Relaxed);
        self.traffic.fetched.fetch_add(new.len() as u64, Ordering::Relaxed);
        if let Some(partial) = &mut self.partial
            && !new.is_empty()
            && partial.append(new).is_err()
        {
            // A disk that is full says so where the layer is written; until then the blob is of use.
            self.partial = None;
        }
        self.progress.advance(Stage::Fetch, bytes.len() as u64);
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(self.progress)?;
        // What is kept and what comes are not mixed in one piece.
        let most = match usize::try_from(self.known) {
            Ok(known) if known > 0 => known.min(buffer.len()),
            _ => buffer.len(),
        };
        let len = self.bytes.read(&mut buffer[..most])?;
        self.take(&buffer[..len]);
        Ok(len)
    }
}
