//! Bringing in the layers of a plan.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::FetchError;
use super::counted::Counted;
use super::failed::Failed;
use super::patience::Patient;
use super::plan::{Plan, Step};
use crate::apply::{
    BaseLayers, Blobs, Kept, LayerBlob, LayerDeltas, PATIENCE, Traffic, may_be_the_kept_parts_fault,
};
use crate::image::{ImageBudget, decompress};
use crate::pack::check_work;
use crate::progress::{Progress, Stage, check};
use crate::rootfs::SparseFiles;
use crate::space::check_space;
use crate::store::{Incoming, KeptLayer, Layer, Store, StoreError, in_threads};
use crate::{Cause, ErrorKind};

/// Brings in all layers of the plan's image and returns them, bottom first. Each is compared with its diff ID; those
/// that were brought in stay if another fails.
pub(super) fn carry_out(
    plan: &Plan,
    store: &Store,
    traffic: &Traffic,
    progress: &dyn Progress,
) -> Result<Vec<KeptLayer>, Failed> {
    let bytes = plan.steps.iter().map(|step| step.bytes()).fold(0, u64::saturating_add);
    let blobs = Blobs::new(store, traffic, progress);
    if check_space(store.path(), least_space(plan)).is_err() {
        blobs.make_room(blobs_of(plan));
        check_space(store.path(), least_space(plan)).map_err(|source| StoreError::Io {
            action: "write into",
            path: store.path().to_owned(),
            source,
        })?;
    }
    progress.expect(Stage::Fetch, bytes);
    let base_layers = base_layers(plan, store, traffic, progress).map_err(Failed::by_delta)?;
    let base_bytes: u64 = base_layers.iter().map(KeptLayer::size).sum();
    check_work(base_bytes, 0, 0)?;
    // Of whole blobs, also where an interrupted run has left most of one.
    let blob_sizes = blobs_of(plan).into_iter().map(|blob| blob.image.stored_size(blob.index));
    let stored = blob_sizes.fold(base_bytes, u64::saturating_add);
    let budget = ImageBudget::new(store.limits(), stored);
    let sparse = match plan.deltas() {
        Some((deltas, _)) => deltas.sparse_files(&base_layers).map_err(Failed::by_delta)?,
        None => SparseFiles::default(),
    };
    let base = plan.deltas().map(|(deltas, _)| deltas.base_layers(&base_layers, &sparse));
    let work = Work {
        plan,
        store,
        blobs,
        base: base.transpose().map_err(Failed::by_delta)?,
        budget: &budget,
        turn: Mutex::default(),
        progress,
    };
    let numbers: Vec<usize> = (0..plan.steps.len()).collect();
    let bring_in = |&index: &usize| {
        let by_delta = matches!(plan.steps[index], Step::Delta(_));
        work.bring_in(index).map_err(|error| Failed { error, by_delta })
    };
    in_threads(&numbers, bring_in).map_err(|failed: Failed| {
        let error = &failed.error;
        let may_be_the_bases =
            error.kind() == ErrorKind::Content || error.cause() == Cause::DamagedLayer;
        if !may_be_the_bases {
            return failed;
        }
        // Not the delta is to blame if the base's bytes are not what they were.
        let verified = base_layers.iter().try_for_each(KeptLayer::verify);
        verified.map_or_else(Failed::from, |()| failed)
    })
}

/// The blobs that layers come by.
fn blobs_of(plan: &Plan) -> Vec<LayerBlob<'_>> {
    let blob = |(index, step): (usize, &Step)| match step {
        Step::AtHand => None,
        Step::Delta(_) => plan.deltas().map(|(deltas, _)| deltas.blob(index)),
        Step::Blob(_) => own_blob(plan, index),
    };
    plan.steps.iter().enumerate().filter_map(blob).collect()
}

/// The own blob of the image's layer number `index`, if the image could be opened.
fn own_blob(plan: &Plan, index: usize) -> Option<LayerBlob<'_>> {
    let makes = plan.opened.config().diff_ids()[index];
    plan.opened.image().map(|image| LayerBlob { image, index, makes })
}

/// Bytes that the missing layers take at least: none is smaller than its blob.
fn least_space(plan: &Plan) -> u64 {
    let missing = plan.steps.iter().enumerate().filter(|(_, step)| **step != Step::AtHand);
    let size = |(index, step): (usize, &Step)| match plan.opened.image() {
        Some(image) => image.stored_size(index),
        None => step.bytes(),
    };
    missing.map(size).fold(0, u64::saturating_add)
}

fn base_layers(
    plan: &Plan,
    store: &Store,
    traffic: &Traffic,
    progress: &dyn Progress,
) -> Result<Vec<KeptLayer>, FetchError> {
    match plan.deltas() {
        Some((deltas, base)) if plan.steps.iter().any(|step| matches!(step, Step::Delta(_))) => {
            let counted = Counted { progress, fetched: &traffic.fetched, is_far: base.is_far() };
            Ok(deltas.ensure_base(&base.image, store, &counted)?)
        }
        _ => Ok(Vec::new()),
    }
}

/// Everything that bringing in a layer takes.
struct Work<'a> {
    plan: &'a Plan,
    store: &'a Store,
    blobs: Blobs<'a>,
    /// None if no layer comes by a delta.
    base: Option<BaseLayers<'a>>,
    budget: &'a ImageBudget,
    /// Held by whoever rebuilds a layer in a way that takes much memory.
    turn: Mutex<()>,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    fn bring_in(&self, index: usize) -> Result<KeptLayer, FetchError> {
        check(self.progress)?;
        let diff_id = self.plan.opened.config().diff_ids()[index];
        if let (Step::AtHand, Some(layer)) =
            (self.plan.steps[index], self.store.kept_layer(diff_id)?)
        {
            self.store.forget_partials_of(diff_id);
            return Ok(layer);
        }
        let deltas = self.plan.deltas().zip(self.base.as_ref());
        let layer = match (self.plan.steps[index], deltas, own_blob(self.plan, index)) {
            (Step::Delta(_), Some(((deltas, _), base)), _) => self
                .retried(deltas.blob(index), |blob, kept, resumed| {
                    self.rebuild(deltas, base, blob, kept, resumed)
                }),
            (_, _, Some(blob)) => {
                self.retried(blob, |blob, kept, resumed| self.unpack(blob, kept, resumed))
            }
            // Taken out of the store since the plan was made.
            _ => Err(StoreError::Damaged { diff_id }.into()),
        };
        layer.map(KeptLayer::Tar)
    }

    /// Calls `work`; once more without what an interrupted run left of the blob, if it fails and that may be why: a
    /// power cut may have garbled it, a server may refuse to begin in the middle, and it takes room.
    fn retried(
        &self,
        blob: LayerBlob<'_>,
        work: impl Fn(LayerBlob<'_>, Kept, &AtomicU64) -> Result<Layer, FetchError>,
    ) -> Result<Layer, FetchError> {
        let resumed = AtomicU64::new(0);
        let mut done = work(blob, Kept::Used, &resumed);
        if let Err(error) = &done {
            let cause = error.cause();
            if error.kind() == ErrorKind::Content {
                self.blobs.forget(blob);
            }
            let no_room = cause == Cause::DiskFull && !blobs_of(self.plan).is_empty();
            if no_room {
                self.blobs.make_room(blobs_of(self.plan));
            }
            let has_resumed = resumed.swap(0, Ordering::Relaxed) > 0;
            if no_room || has_resumed && may_be_the_kept_parts_fault(cause) {
                let number = blob.index + 1;
                tracing::warn!(
                    "what is kept of layer {number} is of no use, and the layer fetched from its beginning: {error}"
                );
                done = work(blob, Kept::Ignored, &resumed);
            }
        }
        if done.is_ok() {
            self.blobs.traffic.resumed.fetch_add(resumed.into_inner(), Ordering::Relaxed);
            self.blobs.forget(blob);
            // Also what came of a delta that was given up.
            self.store.forget_partials_of(blob.makes);
        }
        done
    }

    fn unpack(
        &self,
        blob: LayerBlob<'_>,
        kept: Kept,
        resumed: &AtomicU64,
    ) -> Result<Layer, FetchError> {
        let stored = blob.image.stored_size(blob.index);
        // What the store itself says is not to be taken for the image's fault.
        let mut refused = None;
        let layer = self.store.ensure_unpacked(blob.makes, stored, self.budget, || {
            match self.blobs.open(blob, kept, resumed) {
                Ok(blob) => decompress(blob),
                Err(error) => {
                    refused = Some(error);
                    Err(io::ErrorKind::Other.into())
                }
            }
        });
        match refused {
            Some(error) => Err(error.into()),
            None => Ok(layer?),
        }
    }

    /// How long nothing may come of a delta: whoever named it has no other way.
    fn patience(&self) -> Duration {
        match self.plan.found_delta() {
            Some(_) => PATIENCE,
            None => Duration::MAX,
        }
    }

    fn rebuild(
        &self,
        deltas: &LayerDeltas,
        base: &BaseLayers<'_>,
        blob: LayerBlob<'_>,
        kept: Kept,
        resumed: &AtomicU64,
    ) -> Result<Layer, FetchError> {
        let limit = self.store.limits().layer_bytes;
        let lock = || self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _turn = (!deltas.is_frugal()).then(lock);
        self.store.ensure_made(blob.makes, self.budget, |out: &mut Incoming<'_>| {
            let bytes = match deltas.has_blob(blob.index) {
                true => {
                    let bytes = self.blobs.open(blob, kept, resumed)?;
                    Some(Patient::new(bytes, blob.image, self.patience()))
                }
                false => None,
            };
            Ok::<_, FetchError>(deltas.rebuild(blob.index, bytes, base, out, limit)?.0)
        })
    }
}
