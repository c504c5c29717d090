//! The way in: from a stream of bytes to an immutable file under its diff ID.
//!
//! Whoever brings a layer in locks its folder under `incoming/`; everybody else who wants the same
//! layer, thread or process, waits there instead of fetching it again. The lock goes with the
//! process that holds it.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::bounds::Bounds;
use super::cached::Cached;
use super::error::io_error;
use super::side_by_side::in_threads;
use super::workspace::Workspace;
use super::{Layer, Store, StoreError};
use crate::image::{DiffId, Digest, Excess, Image, ImageBudget, ImageError, decompress};
use crate::progress::{Progress, Reported, Stage};
use crate::space::{SpaceWatch, check_space};
use crate::temporary::TemporaryFile;

/// How much is read, hashed and written at a time.
const CHUNK: usize = 128 << 10;
impl Store {
    /// Returns the layers of several images, bottom first, one list for each image. Layers that the
    /// store does not have are fetched, several at a time. Reports to the stage
    /// [`Fetch`](Stage::Fetch), which knows all that is to come before the first byte does.
    ///
    /// # Errors
    /// If a layer cannot be fetched or unpacked ([`StoreError::Source`]), is not what the config names
    /// ([`StoreError::WrongDiffId`]), exceeds the limits or cannot be stored; also if an image contradicts
    /// itself or exceeds the limits as a whole.
    pub fn ensure_layers(
        &self,
        images: &[&Image],
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<Layer>>, StoreError> {
        let mut wanted = Vec::new();
        for (number, image) in images.iter().enumerate() {
            for (index, diff_id) in image.diff_ids()?.iter().enumerate() {
                if wanted.iter().all(|known: &Wanted<'_>| known.diff_id != diff_id) {
                    let missing = !self.layer_path(diff_id).exists();
                    wanted.push(Wanted { image: number, index, diff_id, missing });
                }
            }
        }
        for Wanted { image, index, diff_id, missing } in &wanted {
            let how = match missing {
                false => "is in the store",
                true => "is not in the store: fetching it",
            };
            tracing::info!("{}: layer {index}, {diff_id}, {how}", images[*image].reference());
        }
        let missing = wanted.iter().filter(|wanted| wanted.missing);
        let sizes = missing.map(|wanted| images[wanted.image].stored_size(wanted.index));
        let bytes = sizes.fold(0, u64::saturating_add);
        self.check_space_for(bytes)?;
        progress.expect(Stage::Fetch, bytes);
        let budgets: Vec<ImageBudget> = images.iter().map(|image| self.budget_of(image)).collect();
        let layers = in_threads(&wanted, |&Wanted { image, index, missing, .. }| {
            self.ensure_whole(images[image], index, &budgets[image], missing, progress)
        })?;
        let layers: HashMap<DiffId, Layer> =
            layers.into_iter().map(|layer| (layer.diff_id(), layer)).collect();
        let layers_of = |image: &&Image| {
            let layers: Vec<Layer> =
                image.diff_ids()?.iter().map(|diff_id| layers[diff_id].clone()).collect();
            self.check_size(image, &layers)?;
            Ok(layers)
        };
        images.iter().map(layers_of).collect()
    }

    /// What the layers of `image` may unpack to together.
    fn budget_of(&self, image: &Image) -> ImageBudget {
        ImageBudget::new(self.limits(), image.stored_bytes())
    }

    /// Checks that layers whose blobs have so many bytes have room: each takes as many at least.
    fn check_space_for(&self, bytes: u64) -> Result<(), StoreError> {
        let folder = self.layers();
        check_space(&folder, bytes).map_err(io_error("write into", &folder))
    }

    /// Checks the size of an image whose layers are all there, those included that were there before.
    fn check_size(&self, image: &Image, layers: &[Layer]) -> Result<(), StoreError> {
        let unpacked = layers.iter().map(|layer| layer.len() as u64);
        self.limits()
            .check_image(image.stored_bytes(), unpacked.fold(0, u64::saturating_add))
            .map_err(|excess| StoreError::ImageTooLarge {
                reference: image.reference().to_string(),
                excess,
            })
    }

    /// As [`ensure_layer`](Self::ensure_layer); a layer of which the disk has lost pages is fetched
    /// again. `announced` says whether `progress` expects the layer already.
    fn ensure_whole(
        &self,
        image: &Image,
        index: usize,
        budget: &ImageBudget,
        announced: bool,
        progress: &dyn Progress,
    ) -> Result<Layer, StoreError> {
        let layer = self.ensure_within(image, index, budget, announced, progress)?;
        if !self.reads_first() {
            return Ok(layer);
        }
        let Err(error) = layer.populate() else { return Ok(layer) };
        tracing::warn!(diff_id = %layer.diff_id(), "the disk has lost a page: {error}");
        layer.drop_from_store();
        let path = self.layer_path(&layer.diff_id());
        drop(layer);
        let layer = self.ensure_within(image, index, budget, false, progress)?;
        layer.populate().map_err(io_error("read", &path))?;
        Ok(layer)
    }

    /// Layer number `index` (from 0, the bottom) of `image`: mapped if the store has it, otherwise
    /// fetched, unpacked and checked against its diff ID in one pass. Reports to the stage
    /// [`Fetch`](Stage::Fetch).
    ///
    /// # Errors
    /// The same as those of [`ensure_layers`](Self::ensure_layers), of this one layer.
    pub fn ensure_layer(
        &self,
        image: &Image,
        index: usize,
        progress: &dyn Progress,
    ) -> Result<Layer, StoreError> {
        self.ensure_within(image, index, &self.budget_of(image), false, progress)
    }

    fn ensure_within(
        &self,
        image: &Image,
        index: usize,
        budget: &ImageBudget,
        announced: bool,
        progress: &dyn Progress,
    ) -> Result<Layer, StoreError> {
        let (diff_id, size) = (image.diff_ids()?[index], image.stored_size(index));
        let mut announced = match self.ensure_cached(diff_id, size, announced, progress)? {
            Cached::Layer(layer) => return Ok(layer),
            Cached::Not { announced } => announced,
        };
        let bounds = Bounds::of_layer(self.limits(), size, budget);
        let mut opened = None;
        let layer = self.bring_in_once(diff_id, &bounds, || {
            if !std::mem::take(&mut announced) {
                progress.expect(Stage::Fetch, size);
            }
            opened = Some(Instant::now());
            decompress(Reported::new(image.open_layer(index)?, Stage::Fetch, progress))
        })?;
        if let (Some(opened), Some(cache)) = (opened, self.cache()) {
            cache.offer(diff_id, size, layer.len() as u64, opened.elapsed());
        }
        if announced {
            // Somebody else has brought it in meanwhile.
            progress.advance(Stage::Fetch, size);
        }
        Ok(layer)
    }

    /// The layer `diff_id`: mapped if the store has it, otherwise brought in from the uncompressed
    /// bytes that `open` gives, in one pass. `open` is not called if another thread or process
    /// brings the same layer in meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Source`] if the bytes cannot be had, [`StoreError::WrongDiffId`] if they are not those of
    /// the layer, [`StoreError::TooLarge`] if they exceed the limits; also if they cannot be stored.
    pub fn ensure<'a>(
        &self,
        diff_id: DiffId,
        open: impl FnMut() -> io::Result<Box<dyn Read + Send + 'a>>,
    ) -> Result<Layer, StoreError> {
        self.bring_in_once(diff_id, &Bounds::of_any(self.limits()), open)
    }

    pub(super) fn bring_in_once<'a>(
        &self,
        diff_id: DiffId,
        bounds: &Bounds<'_>,
        mut open: impl FnMut() -> io::Result<Box<dyn Read + Send + 'a>>,
    ) -> Result<Layer, StoreError> {
        self.make_once(diff_id, bounds, |incoming| {
            let mut bytes = open().map_err(source_error(diff_id))?;
            copy(diff_id, &mut bytes, incoming)
        })
    }

    /// The same, of a layer whose blob has `stored` bytes and whose image may unpack to what is `budget`'s.
    ///
    /// # Errors
    /// As [`ensure`](Self::ensure).
    #[cfg(feature = "registry")]
    pub(crate) fn ensure_unpacked<'a>(
        &self,
        diff_id: DiffId,
        stored: u64,
        budget: &ImageBudget,
        open: impl FnMut() -> io::Result<Box<dyn Read + Send + 'a>>,
    ) -> Result<Layer, StoreError> {
        self.bring_in_once(diff_id, &Bounds::of_layer(self.limits(), stored, budget), open)
    }

    /// The layer `diff_id`: mapped if the store has it, otherwise as `make` writes it, which returns the digest of
    /// what it wrote. `make` is not called if another thread or process brings the same layer in meanwhile. What an
    /// image with the layer may unpack to is `budget`'s.
    ///
    /// # Errors
    /// Those of `make`; [`StoreError::WrongDiffId`] if what it made is not the layer; also if the layer cannot be
    /// stored.
    #[cfg(feature = "registry")]
    pub(crate) fn ensure_made<E: From<StoreError>>(
        &self,
        diff_id: DiffId,
        budget: &ImageBudget,
        make: impl FnMut(&mut Incoming<'_>) -> Result<DiffId, E>,
    ) -> Result<Layer, E> {
        let bounds = Bounds::of_made(self.limits(), budget);
        self.make_once(diff_id, &bounds, make)
    }

    fn make_once<E: From<StoreError>>(
        &self,
        diff_id: DiffId,
        bounds: &Bounds<'_>,
        mut make: impl FnMut(&mut Incoming<'_>) -> Result<DiffId, E>,
    ) -> Result<Layer, E> {
        loop {
            if let Some(layer) = self.layer(diff_id)? {
                return Ok(layer);
            }
            let Some(workspace) = Workspace::claim(self.incoming_path(&diff_id))? else { continue };
            // Whoever held the workspace before may have brought the layer in.
            if let Some(layer) = self.layer(diff_id)? {
                return Ok(layer);
            }
            let mut incoming = Incoming {
                file: workspace.new_file()?,
                bounds,
                space: SpaceWatch::new(self.path()),
                total: 0,
            };
            let actual = make(&mut incoming)?;
            self.bring_in(diff_id, actual, incoming.file)?;
        }
    }

    fn bring_in(
        &self,
        expected: DiffId,
        actual: DiffId,
        file: TemporaryFile,
    ) -> Result<(), StoreError> {
        if actual != expected {
            return Err(StoreError::WrongDiffId { expected, actual });
        }
        let path = self.layer_path(&expected);
        let read_only = Permissions::from_mode(0o400);
        file.as_file().set_permissions(read_only).map_err(io_error("change the mode of", &path))?;
        file.publish(&path).map_err(io_error("write", &path))
    }
}

/// Copies `bytes` to `incoming`, as far as bounds and disk allow, and says what they hash to.
fn copy(
    diff_id: DiffId,
    bytes: &mut dyn Read,
    incoming: &mut Incoming<'_>,
) -> Result<DiffId, StoreError> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let len = match bytes.read(&mut chunk) {
            Ok(0) => return Ok(DiffId(Digest::from_hasher(hasher))),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(source_error(diff_id)(error)),
        };
        incoming.check(len).map_err(|excess| StoreError::TooLarge { diff_id, excess })?;
        hasher.update(&chunk[..len]);
        let written = incoming.put(&chunk[..len]);
        written.map_err(io_error("write", incoming.file.path()))?;
    }
}

/// A layer on its way in. What is written is held against the limits and the space on the disk; an [`Excess`]
/// travels inside the I/O error.
pub(crate) struct Incoming<'a> {
    file: TemporaryFile,
    bounds: &'a Bounds<'a>,
    space: SpaceWatch,
    total: u64,
}

impl Incoming<'_> {
    /// Checks that `len` more bytes are within the limits, and counts them.
    fn check(&mut self, len: usize) -> Result<(), Excess> {
        self.total += len as u64;
        self.bounds.check(self.total, len as u64)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.space.about_to_write(bytes.len() as u64)?;
        self.file.write_all(bytes)
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check(bytes.len()).map_err(io::Error::other)?;
        self.put(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A layer of one of several images.
struct Wanted<'a> {
    /// Number of the image.
    image: usize,
    /// Number of the layer in it.
    index: usize,
    diff_id: &'a DiffId,
    /// Whether it was not in the store.
    missing: bool,
}

fn source_error(diff_id: DiffId) -> impl FnOnce(io::Error) -> StoreError {
    move |error| StoreError::Source { diff_id, source: Box::new(ImageError::from_read(error)) }
}
