//! Pulling an image into the store, and from there to where it is wanted.

use super::FetchError;
use super::carry_out::carry_out;
use super::options::PullOptions;
use super::plan::Plan;
use super::report::PullReport;
use crate::apply::Traffic;
use crate::image::{Destination, Digest, Image, ImageReference, Transports};
use crate::measure::Measure;
use crate::pack::{ManifestKind, pack_stored};
use crate::progress::Progress;
use crate::store::{KeptLayer, Store};
use crate::{Cause, ErrorKind};

/// How many plans are made: another one if a layer that a plan counted on was damaged, and has been dropped, or if a
/// delta was of no use.
const MAX_PLANS: usize = 5;

/// An image that was pulled: its layers are in the store for as long as this lives.
#[derive(Debug)]
pub struct Pulled {
    image: Image,
    layers: Vec<KeptLayer>,
    report: PullReport,
}

/// Finds the way by which [`pull`] would fetch `reference`, and says what it costs. Nothing is fetched but manifests
/// and configs.
///
/// # Errors
/// If the target or a base that is named cannot be read, or a registry does not answer.
pub fn plan(
    reference: &ImageReference,
    options: &PullOptions,
    transports: &Transports,
    store: &Store,
    progress: &dyn Progress,
) -> Result<PullReport, FetchError> {
    Ok(PullReport::of(&Plan::make(reference, options, &[], transports, store, progress)?))
}

/// Fetches the image `reference` into the store by the cheapest way there is, and keeps it there under its name. An
/// interrupted run is taken up by the next one: layers that are complete stay, and so does the part of a blob that
/// came.
///
/// # Errors
/// If the target or a base that is named cannot be read, a layer is not what its diff ID says, the limits are
/// exceeded, the disk is full or `progress` stops the work. What came stays for the next run.
pub fn pull(
    reference: &ImageReference,
    options: &PullOptions,
    transports: &Transports,
    store: &Store,
    progress: &dyn Progress,
) -> Result<Pulled, FetchError> {
    let (measure, traffic) = (Measure::start(progress), Traffic::default());
    let (mut plans, mut useless) = (0, Vec::new());
    let (plan, layers) = loop {
        plans += 1;
        let plan = Plan::make(reference, options, &useless, transports, store, progress)?;
        match (carry_out(&plan, store, &traffic, progress), plan.found_delta()) {
            (Ok(layers), _) => break (plan, layers),
            (Err(error), _) if plans == MAX_PLANS => return Err(error),
            (Err(error), _) if error.cause() == Cause::DamagedLayer => {
                progress.note(&format!("{error}; looking for another way"));
            }
            (Err(error), Some(delta)) if may_be_the_deltas_fault(error.cause()) => {
                let name = delta.image().reference();
                progress.note(&format!("going on without the delta {name}: {error}"));
                useless.push(delta.digest());
            }
            (Err(error), _) => return Err(error),
        }
    };
    let mut report = PullReport::of(&plan);
    let name = options.name.clone().unwrap_or_else(|| reference.clone());
    let manifest = plan.opened.image().and_then(Image::manifest);
    let image = store.keep_image(&name, manifest, plan.opened.config(), &layers)?;
    report.fetched_bytes = traffic.fetched.into_inner();
    report.resumed_bytes = traffic.resumed.into_inner();
    report.seconds = measure.seconds();
    report.peak_memory = measure.peak_memory();
    Ok(Pulled { image, layers, report })
}

/// Whether another way, without the delta that was found, may do: not if the machine or the network is to blame.
fn may_be_the_deltas_fault(cause: Cause) -> bool {
    cause.kind() == ErrorKind::Content
        || matches!(
            cause,
            Cause::Missing
                | Cause::MissingBlob
                | Cause::Unauthorized
                | Cause::Denied
                | Cause::Refused
                | Cause::Protocol
                | Cause::Passing
                | Cause::RateLimited
        )
}

impl Pulled {
    /// The image as the store has it: its layers are plain tars.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Returns what was done.
    pub fn report(&self) -> &PullReport {
        &self.report
    }

    /// Writes the image to a place that was opened for it, `reference`. Config and image ID are the same there; the
    /// manifest is one of its own, since the layers are compressed anew, or not at all.
    ///
    /// # Errors
    /// If the place can't take the image.
    pub fn write_to(
        &self,
        destination: Destination,
        reference: &ImageReference,
        transports: &Transports,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<Digest, FetchError> {
        let kind = ManifestKind::for_destination(reference);
        let plain = reference.holds_plain_layers();
        let packed = pack_stored(&self.image, &self.layers, kind, plain, store)?;
        Ok(transports.write_to(destination, packed.contents(), progress)?)
    }
}
