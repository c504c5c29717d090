//! Pulling an image into the store, and from there to where it is wanted.

use super::FetchError;
use super::by_any_way::by_any_way;
use super::options::PullOptions;
use super::plan::Plan;
use super::report::PullReport;
use super::request::Request;
use super::tried::Tried;
use crate::apply::Traffic;
use crate::image::{Destination, Digest, Image, ImageReference, Transports};
use crate::measure::Measure;
use crate::pack::{ManifestKind, pack_stored};
use crate::progress::Progress;
use crate::store::{KeptLayer, Store};

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
    let request = Request { reference, options, transports, store, progress };
    Ok(PullReport::of(&Plan::make(&request, &mut Tried::default())?))
}

/// Fetches the image `reference` into the store by the cheapest way there is, and keeps it there under its name. An
/// interrupted run is taken up by the next one: layers that are complete stay, and so does the part of a blob that
/// came. A delta that was found and turns out to be of no use is told of and done without.
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
    let request = Request { reference, options, transports, store, progress };
    let (plan, layers) = by_any_way(&request, &traffic, |_| Ok(()))?;
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
