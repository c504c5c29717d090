//! `remora apply`: rebuild a target image from its base and a delta.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::Cause;
use remora::apply::{ApplyOptions, FoundDelta, LayerDeltas, apply_opened, find_deltas};
use remora::image::{Image, ImageReference, RegistryReference, Transports};
use remora::v3::DeltaReport;
use serde::Serialize;

use super::access::{self, AccessArguments};
use super::delta_place::DeltaPlace;
use super::digest_file::DigestArguments;
use super::failure::Failure;
use super::image_name;
use super::replace;
use super::report;
use super::session::Session;
use super::units;

const EXAMPLES: &str = "\
Examples:
  Rebuild version 2 from version 1 and the delta between them:
    remora apply registry.example.com/app:1 registry.example.com/app:delta-1-2 --output oci:app:2
  Let Remora find the delta in the registry of the new image:
    remora apply oci:app:1 registry.example.com/app:2 --output oci:app:2
  With a docker engine at both ends:
    docker save app:1 | remora apply docker-archive:- registry.example.com/app:delta-1-2 \\
      --output docker-archive:-:app:2 | docker load";

/// Rebuild the target image from its base and a delta.
///
/// Takes a delta of any format but v2, whoever made it, and finds out by itself which it is. Given the target in place of the delta, it takes the smallest that
/// remora list finds for the two images. Every command is checked against the base and
/// every layer against its digest; nothing is left behind where something does not fit.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Apply {
    /// The image that the delta was made from
    #[arg(value_parser = image_name::input)]
    base: ImageReference,
    /// The delta; or the image that it makes, in the registry that has the delta
    delta: DeltaPlace,
    /// Where the rebuilt image goes
    #[arg(short, long, value_name = "REFERENCE", value_parser = image_name::output)]
    output: ImageReference,
    /// Overwrite an archive even if it holds other images, or is none
    #[arg(long)]
    replace: bool,
    /// Do everything but write the image
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    digest: DigestArguments,
    #[command(flatten)]
    pub(super) access: AccessArguments,
}

impl Apply {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let delta = self.delta.image()?;
        access::refuse_stdin_twice([&self.base, delta])?;
        access::refuse_input_as_output(&self.output, [&self.base, delta])?;
        let to_stdout = access::claim_stdout(&self.output, session)?;
        let transports = self.access.transports(&[&self.base, delta, &self.output])?;
        self.output.path().map_or(Ok(()), |path| self.access.refuse_in_store(path))?;
        if !self.replace {
            replace::refuse_for_image(&self.output, &transports)?;
        }
        let inputs = [&self.base, delta];
        let digest_file = self.digest.open(inputs, &self.output, &self.access, self.replace)?;
        let destination = match self.dry_run {
            true => None,
            false => Some(transports.destination(&self.output)?),
        };
        let base = self.access.open(&transports, &self.base)?;
        access::refuse_delta_as_base(&base)?;
        let named = self.access.open_any(&transports, delta)?;
        let delta = self.delta(named, &base, &transports, session)?;
        let store = self.access.store()?;
        let options = ApplyOptions::for_destination(&self.output);
        let rebuilt = apply_opened(&base, &delta, &store, options, session.progress())?;
        if let Some(destination) = destination {
            let contents = rebuilt.contents();
            let digest = transports.write_to(destination, contents, session.progress())?;
            digest_file.write(digest, &self.output)?;
        }
        rebuilt.forget_blobs(&store);
        let output = (!self.dry_run).then(|| self.output.to_string());
        let (delta, report) = (delta.image().reference().to_string(), rebuilt.report());
        session.summary(&Summary { output, delta, report }, to_stdout)
    }

    /// The delta: `named` itself, or if that is an image in a registry, the smallest that the registry has from
    /// `base` to it.
    fn delta(
        &self,
        named: Image,
        base: &Image,
        transports: &Transports,
        session: &Session,
    ) -> Result<LayerDeltas, Failure> {
        let target = match (LayerDeltas::of(named.clone(), session.progress()), named.reference()) {
            (Err(error), ImageReference::Registry(target)) if error.is_no_delta() => target,
            (delta, _) => return Ok(delta?),
        };
        let found = find_deltas(transports, target, &named)?;
        let fits =
            |delta: &&FoundDelta| (delta.base_id, delta.target_id) == (base.id(), named.id());
        let Some(delta) = found.iter().find(fits) else {
            return Err(self.no_delta(target, found.iter().any(|it| it.target_id == named.id())));
        };
        access::refuse_input_as_output(
            &self.output,
            [&self.base, &ImageReference::Registry(delta.reference.clone())],
        )?;
        let bytes = units::bytes(delta.delta_bytes);
        session.progress().note(&format!("using the delta {}, {bytes}", delta.reference));
        // By its digest: the tag may be of an index, and change meanwhile.
        let name = format!("{}@{}", target.repository(), delta.digest);
        let reference = RegistryReference::in_registry(target.host(), &name)?;
        let delta = self.access.open_any(transports, &ImageReference::Registry(reference))?;
        Ok(LayerDeltas::of(delta, session.progress())?)
    }

    fn no_delta(&self, target: &RegistryReference, has_others: bool) -> Failure {
        let others = match has_others {
            true => format!(", or see which images it has deltas from: remora list {target}"),
            false => String::new(),
        };
        Failure::new(
            Cause::Missing,
            format!("{target} is no delta, and its repository has none from {} to it", self.base),
            format!("make one with remora create {} {target}{others}", self.base),
        )
    }
}

/// What was rebuilt.
#[derive(Serialize)]
struct Summary<'a> {
    /// Where the image is; nowhere after a dry run.
    output: Option<String>,
    delta: String,
    #[serde(flatten)]
    report: &'a DeltaReport,
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let output = self.output.as_deref().unwrap_or("not written, this was a dry run");
        writeln!(out, "image:   {output}")?;
        writeln!(out, "delta:   {}", self.delta)?;
        report::write_images(out, &self.report.base_id, &self.report.target_id)?;
        report::write_effort(out, self.report.total.seconds, self.report.total.peak_memory)
    }
}
