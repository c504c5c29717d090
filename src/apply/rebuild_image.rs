//! Rebuilding the target image from its base and a delta.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::base_layers::BaseLayers;
use super::blob::{Blobs, Kept, Traffic, may_be_the_kept_parts_fault};
use super::rebuilt::PackedLayer;
use super::{ApplyError, ApplyOptions, LayerDeltas, Rebuilt};
use crate::ErrorKind;
use crate::delta::CommandStats;
use crate::image::{Blob, Descriptor, DiffId, Image, ImageBudget, ImageReference};
use crate::measure::Measure;
use crate::pack::{BlobId, LayerFile, LayerReport, Metered, Written, check_work};
use crate::progress::{Progress, Stage, check};
use crate::space::{SpaceWatch, check_space};
use crate::store::{KeptLayer, Store, Workspace};
use crate::temporary::TemporaryFile;

/// Rebuilds the target of `delta`, whoever made it, from `base`. All that the delta says is checked against the base and every
/// layer against the target's diff IDs; memory does not grow with the images.
///
/// # Errors
/// If something does not fit: the error names the layer, and where in its delta. Nothing is left behind.
pub fn apply(
    base: &Image,
    delta: &Image,
    store: &Store,
    options: ApplyOptions,
    progress: &dyn Progress,
) -> Result<Rebuilt, ApplyError> {
    let delta = LayerDeltas::of(delta.clone(), progress)?;
    apply_opened(base, &delta, store, options, progress)
}

/// The same of a delta that has been opened already.
///
/// # Errors
/// The same as those of [`apply`].
pub fn apply_opened(
    base: &Image,
    delta: &LayerDeltas,
    store: &Store,
    options: ApplyOptions,
    progress: &dyn Progress,
) -> Result<Rebuilt, ApplyError> {
    let measure = Measure::start(progress);
    if base.id() != delta.base() {
        let reference = base.reference().to_string();
        let (expected, actual) = (delta.base(), base.id());
        return Err(ApplyError::WrongBase { reference, expected, actual });
    }
    delta.refuse_base(base)?;
    base.diff_ids()?;
    // Before the base's first byte comes, all that is to come is known.
    progress.expect(Stage::Fetch, delta.bytes_to_come(store));
    let base_layers = delta.ensure_base(base, store, progress)?;
    let base_bytes: u64 = base_layers.iter().map(KeptLayer::size).sum();
    check_work(base_bytes, 0, 0)?;
    let sparse = delta.sparse_files(&base_layers)?;
    let scratch = store.scratch()?;
    let (limits, delta_bytes) = (store.limits(), delta.image().stored_bytes());
    let budget = ImageBudget::new(limits, base_bytes.saturating_add(delta_bytes));
    check_space(store.path(), delta_bytes).map_err(ApplyError::Write)?;
    let traffic = Traffic::default();
    let work = Work {
        delta,
        blobs: Blobs::new(store, &traffic, progress),
        base_image: base,
        base: delta.base_layers(&base_layers, &sparse)?,
        scratch: &scratch,
        space: store.path(),
        budget: &budget,
        limit: limits.layer_bytes,
        options,
        progress,
    };
    let layers = work.rebuild_all().map_err(|error| match error.kind() {
        // Not the delta is to blame if the base's bytes are not what they were.
        ErrorKind::Content => {
            let verified = base_layers.iter().try_for_each(KeptLayer::verify);
            verified.map_or_else(ApplyError::from, |()| error)
        }
        _ => error,
    })?;
    Ok(Rebuilt::new(base, delta, options, layers, scratch, &measure))
}

/// Everything that rebuilding a layer takes.
struct Work<'a> {
    delta: &'a LayerDeltas,
    blobs: Blobs<'a>,
    base_image: &'a Image,
    base: BaseLayers<'a>,
    scratch: &'a Workspace,
    /// A folder on the disk that the scratch folder is on.
    space: &'a Path,
    budget: &'a ImageBudget,
    limit: u64,
    options: ApplyOptions,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    /// All layers, several at a time if that takes little memory. Of several failures, that of the lowest layer is told.
    fn rebuild_all(&self) -> Result<Vec<PackedLayer>, ApplyError> {
        let numbers = 0..self.delta.target().diff_ids().len();
        if !self.delta.is_frugal() {
            return numbers.map(|index| self.pack(index)).collect();
        }
        let layers: Vec<Result<PackedLayer, ApplyError>> =
            numbers.into_par_iter().map(|index| self.pack(index)).collect();
        layers.into_iter().collect()
    }

    /// Rebuilds and packs a layer. What an interrupted run left of its blob is made use of, unless it turns out to be of no
    /// use; what comes of the blob stays until the image is written.
    fn pack(&self, index: usize) -> Result<PackedLayer, ApplyError> {
        check(self.progress).map_err(crate::image::ImageError::from)?;
        let resumed = AtomicU64::new(0);
        let mut done = self.pack_by(index, Kept::Used, &resumed);
        if let Err(error) = &done {
            if error.kind() == ErrorKind::Content {
                self.blobs.forget(self.delta.blob(index));
            }
            if resumed.load(Ordering::Relaxed) > 0 && may_be_the_kept_parts_fault(error.cause()) {
                done = self.pack_by(index, Kept::Ignored, &resumed);
            }
        }
        done
    }

    fn pack_by(
        &self,
        index: usize,
        kept_parts: Kept,
        resumed: &AtomicU64,
    ) -> Result<PackedLayer, ApplyError> {
        let kept = self.kept(index);
        let out = match kept {
            Some(_) => LayerFile::Nowhere(io::sink()),
            None => LayerFile::new(self.scratch.new_file()?, self.options.plain_layers),
        };
        let mut out = Metered::new(out, self.budget, SpaceWatch::new(self.space));
        let (diff_id, stats) = self.rebuild(index, kept_parts, resumed, &mut out)?;
        let shared = self.base.shared(index).is_some();
        let bytes = self.delta.image().stored_size(index);
        let report = LayerReport::new(diff_id, Some(shared), None, bytes, stats);
        let written = out.into_inner().finish()?;
        Ok(match (kept, written) {
            (None, Some((file, id))) => self.new_layer(file, id, diff_id, report),
            (Some((blob, descriptor)), _) => PackedLayer { blob, descriptor, file: None, report },
            (None, None) => unreachable!("only what is kept is written nowhere"),
        })
    }

    fn new_layer(
        &self,
        file: TemporaryFile,
        id: BlobId,
        diff_id: DiffId,
        report: LayerReport,
    ) -> PackedLayer {
        let written = Written { out: file.close(), id, diff_id };
        let descriptor = self.options.manifest.layer(id, !self.options.plain_layers);
        let blob = written.to_blob();
        PackedLayer { blob, descriptor, file: Some(written.out), report }
    }

    /// A blob of layer number `index` of the target that is there already, as its manifest names it: the base's, if the
    /// base has that layer and its blob can be had, or the delta's, if that is the layer's own. Engines compare it with
    /// the diff ID as they do when they pull.
    fn kept(&self, index: usize) -> Option<(Blob, Descriptor)> {
        if self.options.plain_layers {
            return None;
        }
        let (image, same) = match self.delta.is_whole(index) {
            true => (self.delta.image(), index),
            false => (self.base_image, self.same_in_base(index)?),
        };
        let in_registry = matches!(image.reference(), ImageReference::Registry(_));
        if in_registry && !self.options.base_blobs {
            return None;
        }
        let descriptor = image.layer_descriptor(same)?;
        Some((image.layer_blob(same)?, self.options.manifest.kept_layer(descriptor)?))
    }

    /// The number of the base's layer that layer number `index` of the target is.
    fn same_in_base(&self, index: usize) -> Option<usize> {
        if self.base.shared(index).is_some() {
            return Some(index);
        }
        let diff_id = self.delta.target().diff_ids()[index];
        self.base_image.config().diff_ids().iter().position(|base| *base == diff_id)
    }

    fn rebuild(
        &self,
        index: usize,
        kept_parts: Kept,
        resumed: &AtomicU64,
        out: impl Write,
    ) -> Result<(DiffId, CommandStats), ApplyError> {
        let blob = match self.delta.has_blob(index) {
            true => Some(self.blobs.open(self.delta.blob(index), kept_parts, resumed)?),
            false => None,
        };
        let rebuilt = self.delta.rebuild(index, blob, &self.base, out, self.limit)?;
        let (expected, actual) = (self.delta.target().diff_ids()[index], rebuilt.0);
        match actual == expected {
            true => Ok(rebuilt),
            false => Err(self.delta.wrong_diff_id(index, actual)),
        }
    }
}
