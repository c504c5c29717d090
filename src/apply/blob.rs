//! A layer's blob on its way in, taken up where a run before stopped.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::image::{DiffId, Image, ImageReference};
use crate::progress::{Progress, Stage, check};
use crate::store::{IncomingBlob, Partial, Store, StoreError};
use crate::{Cause, ErrorKind};

/// Counts of bytes that blobs brought.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Over the network, or from wherever the image is.
    pub(crate) fetched: AtomicU64,
    /// From what runs before had left.
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "pulls alone report it"))]
    pub(crate) resumed: AtomicU64,
}

/// Where blobs are kept until they have served, and what counts them.
pub(crate) struct Blobs<'a> {
    pub(crate) store: &'a Store,
    pub(crate) traffic: &'a Traffic,
    pub(crate) progress: &'a dyn Progress,
    /// Whether there is no room for what is kept of blobs.
    no_room: AtomicBool,
}

/// A blob that makes a layer of the target.
#[derive(Clone, Copy)]
pub(crate) struct LayerBlob<'a> {
    /// The image that the blob is a layer of: the target's own, or a delta.
    pub(crate) image: &'a Image,
    /// The layer's number there.
    pub(crate) index: usize,
    /// The target's layer that the blob makes.
    pub(crate) makes: DiffId,
}

impl LayerBlob<'_> {
    /// The blob by what a store knows it; `None` if the image names no such blob.
    pub(super) fn incoming(self) -> Option<IncomingBlob> {
        let digest = self.image.layer_descriptor(self.index)?.digest;
        Some(IncomingBlob { digest, layer: self.makes })
    }

    /// Bytes of the blob that no interrupted run has left in `store`.
    pub(crate) fn bytes_to_come(self, store: &Store) -> u64 {
        let here = self.incoming().map_or(0, |blob| store.partial_bytes(blob));
        self.image.stored_size(self.index).saturating_sub(here)
    }
}

/// Whether what an interrupted run left is made use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is, and what comes is added to it.
    Used,
    /// All of the blob is fetched, and nothing kept.
    Ignored,
}

impl<'a> Blobs<'a> {
    /// Keeps blobs in `store` until they have served.
    pub(crate) fn new(store: &'a Store, traffic: &'a Traffic, progress: &'a dyn Progress) -> Self {
        Blobs { store, traffic, progress, no_room: AtomicBool::new(false) }
    }

    /// Opens `blob`. Bytes that are read of what runs before left are counted in `resumed`.
    pub(crate) fn open<'b>(
        &'b self,
        blob: LayerBlob<'_>,
        kept: Kept,
        resumed: &'b AtomicU64,
    ) -> Result<Blob<'b>, StoreError> {
        let LayerBlob { image, index, .. } = blob;
        let incoming = blob.incoming().filter(|_| self.keeps(image, kept));
        let partial = incoming.and_then(|incoming| self.store.partial(incoming));
        let start = partial.and_then(|partial| {
            let (known, reader) = (partial.len().ok()?, partial.reader().ok()?);
            Some((partial, known, reader))
        });
        if let Some((partial, known, reader)) = start
            && let Some(bytes) = image.open_layer_after(index, Box::new(reader), known)?
        {
            return Ok(Blob { bytes, partial: Some(partial), known, resumed, blobs: self });
        }
        let bytes = image.open_layer(index)?;
        Ok(Blob { bytes, partial: None, known: 0, resumed, blobs: self })
    }

    /// Whether a blob of `image` is worth keeping: what is near by begins at its beginning.
    fn keeps(&self, image: &Image, kept: Kept) -> bool {
        let is_far = matches!(image.reference(), ImageReference::Registry(_));
        kept == Kept::Used && is_far && self.has_room()
    }

    fn has_room(&self) -> bool {
        !self.no_room.load(Ordering::Relaxed)
    }

    /// Gives up what is kept of blobs, from now on too: layers need the room.
    #[cfg(feature = "registry")]
    pub(crate) fn make_room<'b>(&self, blobs: impl IntoIterator<Item = LayerBlob<'b>>) {
        self.no_room.store(true, Ordering::Relaxed);
        blobs.into_iter().for_each(|blob| self.forget(blob));
    }

    /// Gives up what is kept of the blob: it has served, or is not what it should be.
    pub(crate) fn forget(&self, blob: LayerBlob<'_>) {
        if let Some(blob) = blob.incoming() {
            self.store.forget_partial(blob);
        }
    }
}

/// A blob that is read once, from its start to its end, where its digest is checked.
pub(crate) struct Blob<'a> {
    bytes: Box<dyn Read + Send>,
    /// Where new bytes are kept.
    partial: Option<Partial>,
    /// Bytes that are kept already and not yet read.
    known: u64,
    /// Bytes of these that were read.
    resumed: &'a AtomicU64,
    blobs: &'a Blobs<'a>,
}

impl Blob<'_> {
    /// Notes `bytes` that were just read.
    fn take(&mut self, bytes: &[u8]) {
        let old = self.known.min(bytes.len() as u64);
        self.known -= old;
        let new = &bytes[old as usize..];
        let Blobs { traffic, progress, .. } = self.blobs;
        self.resumed.fetch_add(old, Ordering::Relaxed);
        traffic.fetched.fetch_add(new.len() as u64, Ordering::Relaxed);
        progress.advance(Stage::Fetch, new.len() as u64);
        if let Some(partial) = &mut self.partial
            && !new.is_empty()
            && (!self.blobs.has_room() || partial.append(new).is_err())
        {
            // Half of a piece is garbage to whoever goes on. Layers need the room more.
            let _ = partial.clear();
            self.partial = None;
        }
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(self.blobs.progress)?;
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

/// Whether a failure may come from a blob that was begun in the middle, and not at its beginning.
pub(crate) fn may_be_the_kept_parts_fault(cause: Cause) -> bool {
    cause.kind() == ErrorKind::Content
        || matches!(
            cause,
            Cause::Refused | Cause::Protocol | Cause::Denied | Cause::Passing | Cause::MissingBlob
        )
}
