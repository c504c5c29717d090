//! `remora pull`: an image into the store, by the cheapest way, and on to whatever runs it.

use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use clap::Args;
use remora::fetch::{self, LayerWay, PullOptions, PullReport, Pulled, Way};
use remora::image::{Destination, Digest, ImageReference, Transports};
use serde::Serialize;

use super::access::{self, AccessArguments};
use super::failure::Failure;
use super::image_name;
use super::replace;
use super::report;
use super::session::Session;
use super::units;
use super::way_arguments::WayArguments;

const EXAMPLES: &str = "\
Examples:
  Version 2, by a delta from version 1 that was pulled before:
    remora pull registry.example.com/app:2
  See beforehand which way it would come, and how many bytes that takes:
    remora pull registry.example.com/app:2 --dry-run
  Into Podman or containerd:
    remora pull registry.example.com/app:2 --to docker-archive:-:app:2 | podman load
    remora pull registry.example.com/app:2 \\
      --to oci-archive:-:registry.example.com/app:2 | ctr images import -
  From a USB stick that holds a delta, onto a machine that has version 1:
    remora pull oci-archive:stick.tar --as registry.example.com/app:2";

/// Fetch an image by the cheapest way there is.
///
/// Layers that are here already are not fetched. Of the others, those come by a delta for which one is found from an
/// image that was pulled before (or is named with --from) and that is smaller than the layer: among what refers to
/// TARGET in its registry, and behind tags that begin with delta-. TARGET may be a delta itself. Every layer is
/// compared with its digest. A run that was interrupted goes on where it stopped.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Pull {
    /// The image; or a delta from an image that is here
    #[arg(value_parser = image_name::input)]
    target: ImageReference,
    /// Write the image there too; may be repeated
    #[arg(long = "to", value_name = "REFERENCE", value_parser = image_name::output)]
    places: Vec<ImageReference>,
    /// The name that the image is kept by [default: TARGET]
    #[arg(long = "as", value_name = "NAME", value_parser = image_name::input)]
    name: Option<ImageReference>,
    /// Overwrite an archive even if it holds other images, or is none
    #[arg(long)]
    replace: bool,
    /// Say which way the image would come, and fetch nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    way: WayArguments,
    #[command(flatten)]
    pub(super) access: AccessArguments,
}

impl Pull {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let begun = Instant::now();
        let transports = self.access.transports(&self.named())?;
        let store = self.access.store()?;
        let (mut options, progress) = (self.options()?, session.progress());
        options.make_delta = !self.dry_run;
        if self.dry_run {
            let report = fetch::plan(&self.target, &options, &transports, &store, progress)?;
            return session.answer(&Answer { report, dry_run: true, places: Vec::new() });
        }
        let to_stdout = self.claim_stdout(session)?;
        let places = self.open_places(&transports)?;
        let pulled = fetch::pull(&self.target, &options, &transports, &store, progress)?;
        let write = |place: (&ImageReference, Destination)| {
            self.write(&pulled, place, &transports, session)
        };
        let places = self.places.iter().zip(places).map(write).collect::<Result<_, _>>()?;
        let mut report = pulled.report().clone();
        // Writing the image on is part of the work.
        report.seconds = begun.elapsed().as_secs_f64();
        session.summary(&Answer { report, dry_run: false, places }, to_stdout)
    }

    fn named(&self) -> Vec<&ImageReference> {
        [&self.target].into_iter().chain(self.way.bases()).chain(&self.places).collect()
    }

    fn options(&self) -> Result<PullOptions, Failure> {
        let mut options = self.way.options(&self.access)?;
        options.name = self.name.clone();
        Ok(options)
    }

    /// Whether an image goes to stdout, which has room for one.
    fn claim_stdout(&self, session: &Session) -> Result<bool, Failure> {
        let mut claimed = false;
        for place in &self.places {
            if access::claim_stdout(place, session)? && std::mem::replace(&mut claimed, true) {
                return Err(Failure::usage(
                    "standard output cannot carry two images",
                    "name a file for one of them",
                ));
            }
        }
        Ok(claimed)
    }

    fn open_places(&self, transports: &Transports) -> Result<Vec<Destination>, Failure> {
        let open = |place: &ImageReference| {
            for input in [&self.target].into_iter().chain(self.way.bases()) {
                access::refuse_input_as_output(place, [input, input])?;
            }
            place.path().map_or(Ok(()), |path| self.access.refuse_in_store(path))?;
            if !self.replace {
                replace::refuse_for_image(place, transports)?;
            }
            Ok(transports.destination(place)?)
        };
        self.places.iter().map(open).collect()
    }

    fn write(
        &self,
        pulled: &Pulled,
        (place, destination): (&ImageReference, Destination),
        transports: &Transports,
        session: &Session,
    ) -> Result<Place, Failure> {
        let store = self.access.store()?;
        let digest = pulled.write_to(destination, place, transports, &store, session.progress())?;
        Ok(Place { reference: place.to_string(), digest })
    }
}

/// Where the image was written.
#[derive(Serialize)]
struct Place {
    reference: String,
    digest: Digest,
}

/// What was pulled.
#[derive(Serialize)]
struct Answer {
    dry_run: bool,
    places: Vec<Place>,
    #[serde(flatten)]
    report: PullReport,
}

impl Display for Answer {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        if self.dry_run {
            writeln!(out, "a dry run: nothing was fetched; this is what would be")?;
        }
        writeln!(out, "image:   {}", report.reference)?;
        writeln!(out, "id:      {}", report.id)?;
        self.places.iter().try_for_each(|place| writeln!(out, "written: {}", place.reference))?;
        if let (Some(delta), Some(base)) = (&report.delta, &report.base) {
            let format = report.delta_format.map(|format| format!(" ({format})"));
            writeln!(out, "delta:   {delta}{}", format.unwrap_or_default())?;
            writeln!(out, "base:    {base}")?;
        }
        if let Some(trust) = &report.trust {
            writeln!(out, "trust:   {trust}")?;
        }
        writeln!(out, "layers:  {}", describe(&report.layers))?;
        writeln!(out, "fetch:   {}", self.fetch())?;
        match self.dry_run {
            true => writeln!(out, "time:    about {}", units::seconds(report.modelled_seconds)),
            false => report::write_effort(out, report.seconds, report.peak_memory),
        }
    }
}

impl Answer {
    fn fetch(&self) -> String {
        let report = &self.report;
        let bytes = if self.dry_run { report.bytes } else { report.fetched_bytes };
        let mut text = units::bytes(bytes);
        if let Some(all) = report.plain_bytes.filter(|all| *all > bytes) {
            text += &format!(" instead of {}", units::bytes(all));
        }
        if report.resumed_bytes > 0 {
            text += &format!("; {} were here from before", units::bytes(report.resumed_bytes));
        }
        text
    }
}

/// How many layers came which way.
fn describe(layers: &[LayerWay]) -> String {
    let count = |way| layers.iter().filter(|layer| layer.way == way).count();
    let parts = [
        (count(Way::AtHand), "here already"),
        (count(Way::Delta), "by delta"),
        (count(Way::Layers), "as they are"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, how)| format!("{count} {how}")).collect();
    match parts.len() {
        0 => "none".to_owned(),
        _ => parts.join(", "),
    }
}
