//! Bringing in the layers of a plan.

use std::io;

use super::FetchError;
use super::blob::{Blobs, Traffic};
use super::plan::{Plan, Step};
use crate::ErrorKind;
use crate::delta::Base;
use crate::image::{DiffId, Image, ImageBudget, decompress};
use crate::pack::{base_stream, check_work, shared_layers};
use crate::progress::{Progress, Stage, check};
use crate::space::check_space;
use crate::store::{Incoming, Layer, Store, StoreError, in_threads, verify_layers};
use crate::v3::LayerDeltas;

/// Brings in all layers of the plan's image and returns them, bottom first. Each is compared with its diff ID; those
/// that were brought in stay if another fails.
pub(super) fn carry_out(
    plan: &Plan,
    store: &Store,
    traffic: &Traffic,
    progress: &dyn Progress,
) -> Result<Vec<Layer>, FetchError> {
    let bytes = plan.steps.iter().map(|step| step.bytes()).fold(0, u64::saturating_add);
    check_space(store.path(), least_space(plan)).map_err(|source| StoreError::Io {
        action: "write into",
        path: store.path().to_owned(),
        source,
    })?;
    progress.expect(Stage::Fetch, bytes);
    let base_layers = base_layers(plan, store, progress)?;
    let base_bytes: u64 = base_layers.iter().map(|layer| layer.len() as u64).sum();
    check_work(base_bytes, 0, 0)?;
    let budget = ImageBudget::new(store.limits(), base_bytes.saturating_add(bytes));
    let work = Work {
        plan,
        store,
        blobs: Blobs { store, traffic, progress },
        base: base_stream(&base_layers),
        base_layers: &base_layers,
        shared: shared(plan),
        budget: &budget,
        progress,
    };
    let numbers: Vec<usize> = (0..plan.steps.len()).collect();
    let layers = in_threads(&numbers, |&index| Ok((index, work.bring_in(index)?)));
    let mut layers = layers.map_err(|error: FetchError| match error.kind() {
        // Not the delta is to blame if the base's bytes are not what they were.
        ErrorKind::Content => verify_layers(&base_layers).map_or_else(FetchError::from, |()| error),
        _ => error,
    })?;
    layers.sort_unstable_by_key(|(index, _)| *index);
    Ok(layers.into_iter().map(|(_, layer)| layer).collect())
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
    progress: &dyn Progress,
) -> Result<Vec<Layer>, FetchError> {
    match plan.deltas() {
        Some((_, base)) if plan.steps.iter().any(|step| matches!(step, Step::Delta(_))) => {
            Ok(store.ensure_layers(&[&base.image], progress)?.remove(0))
        }
        _ => Ok(Vec::new()),
    }
}

/// How many layers base and target share.
fn shared(plan: &Plan) -> usize {
    plan.deltas().map_or(0, |(deltas, base)| {
        shared_layers(base.image.config().diff_ids(), deltas.target().diff_ids())
    })
}

/// Everything that bringing in a layer takes.
struct Work<'a> {
    plan: &'a Plan,
    store: &'a Store,
    blobs: Blobs<'a>,
    base: Base<'a>,
    base_layers: &'a [Layer],
    shared: usize,
    budget: &'a ImageBudget,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    fn bring_in(&self, index: usize) -> Result<Layer, FetchError> {
        check(self.progress)?;
        let diff_id = self.plan.opened.config().diff_ids()[index];
        if let (Step::AtHand, Some(layer)) = (self.plan.steps[index], self.store.layer(diff_id)?) {
            return Ok(layer);
        }
        match (self.plan.steps[index], self.plan.deltas(), self.plan.opened.image()) {
            (Step::Delta(_), Some((deltas, _)), _) => {
                let blobs_image = deltas.image();
                self.retried(blobs_image, index, |resumed| {
                    self.rebuild(deltas, index, diff_id, resumed)
                })
            }
            (_, _, Some(image)) => {
                self.retried(image, index, |resumed| self.unpack(image, index, diff_id, resumed))
            }
            // Taken out of the store since the plan was made.
            _ => Err(StoreError::Damaged { diff_id }.into()),
        }
    }

    /// Calls `work`; once more if it fails on content that a run before had left: a power cut may have garbled it.
    fn retried(
        &self,
        image: &Image,
        index: usize,
        mut work: impl FnMut(&mut bool) -> Result<Layer, FetchError>,
    ) -> Result<Layer, FetchError> {
        let mut resumed = false;
        let mut done = work(&mut resumed);
        if let Err(error) = &done
            && error.kind() == ErrorKind::Content
        {
            self.blobs.forget(image, index);
            if resumed {
                tracing::warn!("what was left of layer {index} is of no use: {error}");
                done = work(&mut resumed);
            }
        }
        if done.is_ok() {
            self.blobs.forget(image, index);
        }
        done
    }

    fn unpack(
        &self,
        image: &Image,
        index: usize,
        diff_id: DiffId,
        resumed: &mut bool,
    ) -> Result<Layer, FetchError> {
        let stored = image.stored_size(index);
        let layer = self.store.ensure_unpacked(diff_id, stored, self.budget, || {
            let blob = self.blobs.open(image, index).map_err(io::Error::other)?;
            *resumed |= blob.is_resumed();
            decompress(blob)
        })?;
        Ok(layer)
    }

    fn rebuild(
        &self,
        deltas: &LayerDeltas,
        index: usize,
        diff_id: DiffId,
        resumed: &mut bool,
    ) -> Result<Layer, FetchError> {
        let limit = self.store.limits().layer_bytes;
        let shared = self.base_layers.get(index).filter(|_| index < self.shared);
        let shared = shared.map(|layer| &layer[..]);
        self.store.ensure_made(diff_id, self.budget, |out: &mut Incoming<'_>| {
            let blob = self.blobs.open(deltas.image(), index)?;
            *resumed |= blob.is_resumed();
            Ok::<_, FetchError>(deltas.rebuild(index, blob, &self.base, shared, out, limit)?)
        })
    }
}
