//! The way in: from a stream of bytes to an immutable file under its diff ID.
//!
//! Whoever brings a layer in locks its folder under `incoming/`; everybody else who wants the same
//! layer, thread or process, waits there instead of fetching it again. The lock goes with the
//! process that holds it.

use std::fs::Permissions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use sha2::{Digest as _, Sha256};

use super::error::io_error;
use super::workspace::Workspace;
use super::{Layer, Store, StoreError};
use crate::image::{DiffId, Digest, Image, ImageError, decompress};
use crate::progress::{Progress, Stage};
use crate::temporary::TemporaryFile;

/// How much is read, hashed and written at a time.
const CHUNK: usize = 128 << 10;

impl Store {
    /// Layer number `index` (from 0, the bottom) of `image`: mapped if the store has it, otherwise
    /// fetched, unpacked and checked against its diff ID in one pass. Reports to the stage
    /// [`Fetch`](Stage::Fetch).
    pub fn ensure_layer(
        &self,
        image: &Image,
        index: usize,
        progress: &dyn Progress,
    ) -> Result<Layer, StoreError> {
        let diff_id = image.diff_ids()?[index];
        self.ensure(diff_id, || {
            progress.expect(Stage::Fetch, image.pull_size(index).unwrap_or(0));
            let blob = Counted { inner: image.open_layer(index)?, progress };
            decompress(blob)
        })
    }

    /// The layer `diff_id`: mapped if the store has it, otherwise brought in from the uncompressed
    /// bytes that `open` gives, in one pass. `open` is not called if another thread or process
    /// brings the same layer in meanwhile.
    pub fn ensure<'a>(
        &self,
        diff_id: DiffId,
        mut open: impl FnMut() -> io::Result<Box<dyn Read + Send + 'a>>,
    ) -> Result<Layer, StoreError> {
        loop {
            if let Some(layer) = self.layer(diff_id)? {
                return Ok(layer);
            }
            let Some(workspace) = Workspace::claim(self.incoming_path(&diff_id))? else { continue };
            // Whoever held the workspace before may have brought the layer in.
            if self.layer_path(&diff_id).exists() {
                continue;
            }
            let mut bytes = open().map_err(source_error(diff_id))?;
            self.bring_in(diff_id, &mut bytes, &workspace)?;
        }
    }

    fn bring_in(
        &self,
        expected: DiffId,
        bytes: &mut dyn Read,
        workspace: &Workspace,
    ) -> Result<(), StoreError> {
        let mut file = workspace.new_file()?;
        let actual = self.copy(expected, bytes, &mut file)?;
        if actual != expected {
            return Err(StoreError::WrongDiffId { expected, actual });
        }
        let path = self.layer_path(&expected);
        let read_only = Permissions::from_mode(0o400);
        file.as_file().set_permissions(read_only).map_err(io_error("change the mode of", &path))?;
        file.publish(&path).map_err(io_error("write", &path))
    }

    /// Copies `bytes` to `file`, up to the limit, and says what they hash to.
    fn copy(
        &self,
        diff_id: DiffId,
        bytes: &mut dyn Read,
        file: &mut TemporaryFile,
    ) -> Result<DiffId, StoreError> {
        let limit = self.max_layer_bytes();
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        let mut total = 0;
        loop {
            let len = match bytes.read(&mut chunk) {
                Ok(0) => return Ok(DiffId(Digest::from_hasher(hasher))),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(source_error(diff_id)(error)),
            };
            total += len as u64;
            if total > limit {
                return Err(StoreError::TooLarge { diff_id, limit });
            }
            hasher.update(&chunk[..len]);
            file.write_all(&chunk[..len]).map_err(io_error("write", file.path()))?;
        }
    }
}

fn source_error(diff_id: DiffId) -> impl FnOnce(io::Error) -> StoreError {
    move |error| StoreError::Source { diff_id, source: Box::new(ImageError::from_read(error)) }
}

/// Reports the bytes that come in.
struct Counted<'a, R> {
    inner: R,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.progress.advance(Stage::Fetch, len as u64);
        Ok(len)
    }
}
