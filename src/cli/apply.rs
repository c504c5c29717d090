//! `remora apply`: rebuild a target image from its base and a delta.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::Cause;
use remora::apply::{
    ApplyError, ApplyOptions, FoundDelta, LayerDeltas, Rebuilt, apply_opened, find_deltas,
};
use remora::image::{Image, ImageError, ImageReference, Platform, RegistryReference, Transports};
use remora::store::Store;
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
        let base = self.access.open_any(&transports, &self.base)?;
        access::refuse_delta_as_base(&base)?;
        let named = self.access.open_any(&transports, delta)?;
        let store = self.access.store()?;
        let with = With { base: &base, transports: &transports, store: &store, session };
        let (delta, rebuilt) = self.rebuild(named, &with)?;
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

    /// Rebuilds the image by the delta `named`, or if that is an image in a registry, by the smallest delta that the
    /// registry has from the base to it, and that turns out to be of use.
    fn rebuild(&self, named: Image, with: &With<'_>) -> Result<(LayerDeltas, Rebuilt), Failure> {
        let progress = with.session.progress();
        let target = match (LayerDeltas::of(named.clone(), progress), named.reference()) {
            (Err(error), ImageReference::Registry(target)) if error.is_no_delta() => target,
            (delta, _) => return Ok(self.rebuild_by(delta?, with)?),
        };
        let mut found = self.found(target, &named, with)?.into_iter().peekable();
        while let Some(delta) = found.next() {
            let rebuilt = self.open(&delta, target, with).and_then(|it| self.rebuild_by(it, with));
            match rebuilt {
                Err(error) if error.cause().is_of_content_or_place() && found.peek().is_some() => {
                    let name = &delta.reference;
                    progress.note(&format!("going on without the delta {name}: {error}"));
                }
                done => return Ok(done?),
            }
        }
        Err(self.no_delta(target))
    }

    /// The deltas from the base to the image `named` that are tried, the smallest first; at least one.
    fn found(
        &self,
        target: &RegistryReference,
        named: &Image,
        with: &With<'_>,
    ) -> Result<Vec<FoundDelta>, Failure> {
        let mut found =
            find_deltas(with.transports, target, named, Some(with.base), with.session.progress())?;
        found.retain(|it| (it.base_id, it.target_id) == (with.base.id(), named.id()));
        found.truncate(MAX_TRIED);
        found.iter().try_for_each(|it| self.refuse_as_output(&it.reference))?;
        match found.is_empty() {
            true => Err(self.no_delta(target)),
            false => Ok(found),
        }
    }

    fn refuse_as_output(&self, delta: &RegistryReference) -> Result<(), Failure> {
        let delta = ImageReference::Registry(delta.clone());
        access::refuse_input_as_output(&self.output, [&self.base, &delta])
    }

    /// Opens a delta that was found beside `target`.
    fn open(
        &self,
        delta: &FoundDelta,
        target: &RegistryReference,
        with: &With<'_>,
    ) -> Result<LayerDeltas, ApplyError> {
        let (bytes, progress) = (units::bytes(delta.delta_bytes), with.session.progress());
        progress.note(&format!("using the delta {}, {bytes}", delta.reference));
        // By its digest: the tag may be of an index, and change meanwhile.
        let name = format!("{}@{}", target.repository(), delta.digest);
        let reference = RegistryReference::in_registry(target.host(), &name);
        let reference = ImageReference::Registry(reference.map_err(ImageError::from)?);
        let platform = with.base.platform().unwrap_or_else(Platform::host);
        LayerDeltas::of(with.transports.open_any(&reference, &platform, progress)?, progress)
    }

    fn rebuild_by(
        &self,
        delta: LayerDeltas,
        with: &With<'_>,
    ) -> Result<(LayerDeltas, Rebuilt), ApplyError> {
        let (options, progress) =
            (ApplyOptions::for_destination(&self.output), with.session.progress());
        let rebuilt = apply_opened(with.base, &delta, with.store, options, progress)?;
        Ok((delta, rebuilt))
    }

    fn no_delta(&self, target: &RegistryReference) -> Failure {
        let base = &self.base;
        Failure::new(
            Cause::Missing,
            format!("{target} is no delta, and its repository has none from {base} to it"),
            format!(
                "make one with remora create {base} {target}, or see which images it has deltas from: remora list {target}"
            ),
        )
    }
}

/// Deltas that are tried.
const MAX_TRIED: usize = 3;

/// What the image is rebuilt from and with.
struct With<'a> {
    base: &'a Image,
    transports: &'a Transports,
    store: &'a Store,
    session: &'a Session,
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
