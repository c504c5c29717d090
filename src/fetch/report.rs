//! What a pull did, or would do.

use serde::Serialize;

use super::plan::{Plan, Step};
use crate::Dialect;
use crate::image::{DiffId, Digest, ImageId};

/// The way that an image came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Way {
    /// All of it was here.
    AtHand,
    /// By a delta, some layers perhaps by their blobs.
    Delta,
    /// By the blobs of its layers.
    Layers,
}

/// The way that a layer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LayerWay {
    /// The layer.
    pub diff_id: DiffId,
    /// The way.
    pub way: Way,
    /// Bytes of the blob that it came by; none of a layer that was here.
    pub bytes: u64,
}

/// The report of a pull.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PullReport {
    /// The image as it was named.
    pub reference: String,
    /// The image ID.
    pub id: ImageId,
    /// The digest of the manifest that the image has there; none if a delta was named.
    pub digest: Option<Digest>,
    /// What the policy says of the image, in one line; none without a policy.
    pub trust: Option<String>,
    /// The way.
    pub way: Way,
    /// The delta, if it came by one.
    pub delta: Option<String>,
    /// The dialect of that delta.
    pub delta_format: Option<Dialect>,
    /// The image that the delta applies to.
    pub base: Option<String>,
    /// Bytes of blobs that are to come on this way: what an interrupted run has left here, manifests and configs are not
    /// counted.
    pub bytes: u64,
    /// Bytes that came now; 0 before a pull.
    pub fetched_bytes: u64,
    /// Bytes that interrupted runs had left and that did not come again.
    pub resumed_bytes: u64,
    /// Bytes of blobs that would have come without any delta: of the layers that the store lacks, but for what an
    /// interrupted run has left here. None if a delta was named.
    pub plain_bytes: Option<u64>,
    /// Bytes of the blobs of all layers: what somebody fetches who has nothing. None if a delta was named.
    pub image_bytes: Option<u64>,
    /// Seconds that this way takes on the link that was named or assumed, by a model.
    pub modelled_seconds: f64,
    /// The layers, bottom first.
    pub layers: Vec<LayerWay>,
    /// Seconds that it took; 0 before a pull.
    pub seconds: f64,
    /// The most anonymous memory of the process meanwhile, if asked for.
    pub peak_memory: Option<u64>,
}

impl PullReport {
    /// What `plan` would do.
    pub(super) fn of(plan: &Plan) -> Self {
        let steps = || plan.steps.iter();
        let way = match () {
            () if steps().all(|step| *step == Step::AtHand) => Way::AtHand,
            () if steps().any(|step| matches!(step, Step::Delta(_))) => Way::Delta,
            () => Way::Layers,
        };
        let deltas = plan.deltas().filter(|_| way == Way::Delta);
        let image = plan.opened.image();
        let size = |index| image.map(|image| image.stored_size(index));
        let diff_ids = plan.opened.config().diff_ids().iter();
        PullReport {
            reference: plan.reference.to_string(),
            id: plan.id(),
            digest: image.and_then(|image| Some(image.manifest()?.digest())),
            trust: plan.verdict.as_ref().map(ToString::to_string),
            way,
            delta: deltas.map(|(deltas, _)| deltas.image().reference().to_string()),
            delta_format: deltas.map(|(deltas, _)| deltas.dialect()),
            base: deltas.map(|(_, base)| base.image.reference().to_string()),
            bytes: plan.bytes(),
            fetched_bytes: 0,
            resumed_bytes: 0,
            plain_bytes: plan.plain_bytes,
            image_bytes: (0..plan.steps.len()).map(size).try_fold(0, saturating_sum),
            modelled_seconds: plan.cost.seconds(plan.link),
            layers: diff_ids.zip(steps()).map(|(id, step)| layer_way(*id, *step)).collect(),
            seconds: 0.0,
            peak_memory: None,
        }
    }
}

fn saturating_sum(sum: u64, size: Option<u64>) -> Option<u64> {
    Some(sum.saturating_add(size?))
}

fn layer_way(diff_id: DiffId, step: Step) -> LayerWay {
    let way = match step {
        Step::AtHand => Way::AtHand,
        Step::Delta(_) => Way::Delta,
        Step::Blob(_) => Way::Layers,
    };
    LayerWay { diff_id, way, bytes: step.bytes() }
}
