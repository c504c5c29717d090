//! The way in: from a stream of bytes to an immutable file under its diff ID.
//!
//! Whoever brings a layer in locks its folder under `incoming/`; everybody else who wants the same
//! layer, thread or process, waits there instead of fetching it again. The lock goes with the
//! process that holds it.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use sha2::{Digest as _, Sha256};

use super::error::io_error;
use super::workspace::Workspace;
use super::{Layer, Store, StoreError};
use crate::image::{
    DiffId, Digest, Excess, Image, ImageBudget, ImageError, UnpackLimits, decompress,
};
use crate::progress::{Progress, Reported, Stage};
use crate::space::{SpaceWatch, check_space};
use crate::temporary::TemporaryFile;

/// How much is read, hashed and written at a time.
const CHUNK: usize = 128 << 10;
/// How many layers are brought in at once: enough to keep a link busy while one layer's answer is
/// awaited, few enough for any registry.
const FETCHES: usize = 4;

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
        mut announced: bool,
        progress: &dyn Progress,
    ) -> Result<Layer, StoreError> {
        let (diff_id, size) = (image.diff_ids()?[index], image.stored_size(index));
        let bounds = Bounds::of_layer(self.limits(), size, budget);
        let layer = self.bring_in_once(diff_id, &bounds, || {
            if !std::mem::take(&mut announced) {
                progress.expect(Stage::Fetch, size);
            }
            decompress(Reported::new(image.open_layer(index)?, Stage::Fetch, progress))
        })?;
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

    fn bring_in_once<'a>(
        &self,
        diff_id: DiffId,
        bounds: &Bounds<'_>,
        mut open: impl FnMut() -> io::Result<Box<dyn Read + Send + 'a>>,
    ) -> Result<Layer, StoreError> {
        loop {
            if let Some(layer) = self.layer(diff_id)? {
                return Ok(layer);
            }
            let Some(workspace) = Workspace::claim(self.incoming_path(&diff_id))? else { continue };
            // Whoever held the workspace before may have brought the layer in.
            if let Some(layer) = self.layer(diff_id)? {
                return Ok(layer);
            }
            let mut bytes = open().map_err(source_error(diff_id))?;
            self.bring_in(diff_id, bounds, &mut bytes, &workspace)?;
        }
    }

    fn bring_in(
        &self,
        expected: DiffId,
        bounds: &Bounds<'_>,
        bytes: &mut dyn Read,
        workspace: &Workspace,
    ) -> Result<(), StoreError> {
        let mut file = workspace.new_file()?;
        let actual = self.copy(expected, bounds, bytes, &mut file)?;
        if actual != expected {
            return Err(StoreError::WrongDiffId { expected, actual });
        }
        let path = self.layer_path(&expected);
        let read_only = Permissions::from_mode(0o400);
        file.as_file().set_permissions(read_only).map_err(io_error("change the mode of", &path))?;
        file.publish(&path).map_err(io_error("write", &path))
    }

    /// Copies `bytes` to `file`, as far as the bounds and the disk allow, and says what they hash to.
    fn copy(
        &self,
        diff_id: DiffId,
        bounds: &Bounds<'_>,
        bytes: &mut dyn Read,
        file: &mut TemporaryFile,
    ) -> Result<DiffId, StoreError> {
        let mut space = SpaceWatch::new(self.path());
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
            let too_large = |excess| StoreError::TooLarge { diff_id, excess };
            bounds.check(total, len as u64).map_err(too_large)?;
            space.about_to_write(len as u64).map_err(io_error("write", file.path()))?;
            hasher.update(&chunk[..len]);
            file.write_all(&chunk[..len]).map_err(io_error("write", file.path()))?;
        }
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

/// What one layer may unpack to.
struct Bounds<'a> {
    limits: UnpackLimits,
    /// Bytes of the blob, where there is one.
    stored: Option<u64>,
    image: Option<&'a ImageBudget>,
}

impl<'a> Bounds<'a> {
    fn of_layer(limits: UnpackLimits, stored: u64, image: &'a ImageBudget) -> Self {
        Bounds { limits, stored: Some(stored), image: Some(image) }
    }

    fn of_any(limits: UnpackLimits) -> Self {
        Bounds { limits, stored: None, image: None }
    }

    /// Checks that the layer may have `total` bytes, of which `more` are new.
    fn check(&self, total: u64, more: u64) -> Result<(), Excess> {
        if total > self.limits.layer_bytes {
            return Err(Excess::Layer(self.limits.layer_bytes));
        }
        self.stored.map_or(Ok(()), |stored| self.limits.check_ratio(stored, total))?;
        self.image.map_or(Ok(()), |image| image.take(more))
    }
}

fn source_error(diff_id: DiffId) -> impl FnOnce(io::Error) -> StoreError {
    move |error| StoreError::Source { diff_id, source: Box::new(ImageError::from_read(error)) }
}

/// Calls `work` for each of `items`, a few at a time, until one fails: threads of our own, because
/// they wait for the network more than they compute.
fn in_threads<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, StoreError> + Sync,
) -> Result<Vec<R>, StoreError> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Ok(Vec::new()));
    let worker = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if results.lock().unwrap_or_else(PoisonError::into_inner).is_err() {
                return;
            }
            let result = work(item);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *results, result) {
                (Err(_), _) => return,
                (Ok(done), Ok(one)) => done.push(one),
                (failed, Err(error)) => *failed = Err(error),
            }
        }
    };
    std::thread::scope(|scope| {
        // This thread works too: the system may have no other to give.
        for _ in 1..FETCHES.min(items.len()) {
            let thread = Builder::new().name("fetch".to_owned());
            if let Err(error) = thread.spawn_scoped(scope, worker) {
                tracing::debug!("fetching fewer layers at a time: {error}");
                break;
            }
        }
        worker();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
