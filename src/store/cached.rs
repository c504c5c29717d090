//! Layers from the cache, if there is one.
//!
//! What comes from there takes the same way in as what comes from anywhere, and is compared with the diff ID. Any
//! fault is the cache's own: the layer is then fetched from where its image lives, as if there were no cache.

use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::bounds::Bounds;
use super::{Layer, Store, StoreError};
use crate::image::{DiffId, decompress};
use crate::progress::{Progress, Stage, Stoppable, check};

/// What came of asking the cache.
pub(super) enum Cached {
    Layer(Layer),
    /// The layer is to be fetched from where its image lives. `announced`: the progress expects its blob already.
    Not {
        announced: bool,
    },
}

impl Store {
    /// The layer `diff_id` from the cache, if it gives the layer, whose blob has `stored` bytes. `announced` says whether
    /// `progress` expects the blob already.
    pub(super) fn ensure_cached(
        &self,
        diff_id: DiffId,
        stored: u64,
        announced: bool,
        progress: &dyn Progress,
    ) -> Result<Cached, StoreError> {
        let Some(cache) = self.cache() else { return Ok(Cached::Not { announced }) };
        let (mut opened, advanced) = (None, AtomicU64::new(0));
        // What the image may unpack to is checked when all its layers are here.
        let bounds = Bounds::of_blob(self.limits(), stored);
        let brought = self.bring_in_once(diff_id, &bounds, || {
            let bytes = cache.open(diff_id, stored).ok_or(ErrorKind::NotFound)?;
            opened = Some(Instant::now());
            if !announced {
                progress.expect(Stage::Fetch, stored);
            }
            let inner = Stoppable::new(bytes, progress);
            decompress(Advancing { inner, stored, advanced: &advanced, progress })
        });
        let advanced = advanced.into_inner();
        match (brought, opened) {
            (Ok(layer), opened) => {
                if let Some(opened) = opened {
                    cache.served(diff_id, layer.len() as u64, opened.elapsed());
                }
                if opened.is_some() || announced {
                    progress.advance(Stage::Fetch, stored - advanced);
                }
                Ok(Cached::Layer(layer))
            }
            (Err(StoreError::Source { .. }), None) => Ok(Cached::Not { announced }),
            (Err(error), Some(_)) if may_be_the_bytes(&error) && check(progress).is_ok() => {
                cache.failed(diff_id, &error);
                // All of the blob is still to come.
                progress.expect(Stage::Fetch, advanced);
                Ok(Cached::Not { announced: true })
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// Whether the bytes that came may be to blame, or that they did not: also if the disk has no room for them, since the
/// layer itself may be smaller.
fn may_be_the_bytes(error: &StoreError) -> bool {
    match error {
        StoreError::Source { .. }
        | StoreError::TooLarge { .. }
        | StoreError::WrongDiffId { .. } => true,
        StoreError::Io { source, .. } => {
            matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        }
        _ => false,
    }
}

/// A reader whose bytes count for those of the blob, as far as that has so many.
struct Advancing<'a, R> {
    inner: R,
    stored: u64,
    advanced: &'a AtomicU64,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Advancing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        let before = self.advanced.load(Ordering::Relaxed);
        let more = (len as u64).min(self.stored - before);
        self.advanced.store(before + more, Ordering::Relaxed);
        self.progress.advance(Stage::Fetch, more);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    #[test]
    fn bytes_that_the_disk_has_no_room_for_may_not_be_the_layers() {
        let diff_id = DiffId(Digest::of(b"layer"));
        let io = |kind: ErrorKind| StoreError::Io {
            action: "write",
            path: "incoming".into(),
            source: kind.into(),
        };
        for (error, may_be) in [
            (io(ErrorKind::StorageFull), true),
            (io(ErrorKind::QuotaExceeded), true),
            (io(ErrorKind::PermissionDenied), false),
            (StoreError::WrongDiffId { expected: diff_id, actual: diff_id }, true),
        ] {
            assert_eq!(may_be_the_bytes(&error), may_be, "{error:?}");
        }
    }
}
