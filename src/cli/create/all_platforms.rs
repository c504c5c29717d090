//! `create --platform all`: one delta for each platform that both images have, published under one index.

use std::fmt::{self, Display, Formatter};

use remora::Dialect;
use remora::delta::Goal;
use remora::image::{
    Image, ImageContents, ImageReference, IndexContents, Platform, PlatformImage, Transports,
};
use remora::progress::Progress;
use remora::store::Store;
use remora::v3::{DeltaReport, Links};
use serde::Serialize;

use super::prepared::Prepared;
use super::request::Request;
use crate::cli::access;
use crate::cli::failure::Failure;
use crate::cli::report;
use crate::cli::session::Session;

/// Refuses a place that keeps no platforms.
pub(super) fn refuse_plain(output: &ImageReference) -> Result<(), Failure> {
    match output.holds_plain_layers() {
        false => Ok(()),
        true => Err(Failure::usage(
            format!("{output} is a docker archive, which holds no index of platforms"),
            "write to a registry, oci:DIR:TAG or oci-archive:FILE:TAG, or name one --platform",
        )),
    }
}

/// A delta of any kind that is published with others.
pub(super) trait Delta {
    fn contents(&self) -> &ImageContents;
    fn report(&self) -> &DeltaReport;
}

/// What makes the deltas of all platforms.
pub(super) trait Maker {
    type Delta: Delta;

    fn format(&self) -> Dialect;

    /// Makes the delta of each of `pairs`, base and target, in their order. Calls `begin` with its number before one is made.
    fn make(
        &self,
        pairs: &[(&Image, &Image)],
        with: &With<'_>,
        begin: &dyn Fn(usize),
    ) -> Result<Vec<Self::Delta>, Failure>;
}

/// What deltas are made with.
pub(super) struct With<'a> {
    pub(super) store: &'a Store,
    pub(super) transports: &'a Transports,
    pub(super) session: &'a Session,
}

/// Makes the deltas and publishes them together.
pub(super) fn create<M: Maker>(
    request: &Request,
    maker: &M,
    prepared: Prepared,
    session: &Session,
) -> Result<(), Failure> {
    let Prepared { output, to_stdout, transports, digest_file, destination } = prepared;
    let bases = open_all(&transports, &request.base, session.progress())?;
    let targets = open_all(&transports, &request.target, session.progress())?;
    let (pairs, skipped) = pair_up(bases, targets);
    if pairs.is_empty() {
        return Err(nothing_in_common(request, &skipped));
    }
    let store = request.access.store()?;
    let images: Vec<_> = pairs.iter().map(|pair| (&pair.base, &pair.target)).collect();
    let begin = |number: usize| {
        let platform = &pairs[number].platform;
        session.progress().note(&format!("making the delta for {platform}"));
    };
    let with = With { store: &store, transports: &transports, session };
    let made = maker.make(&images, &with, &begin)?;
    let platforms = pairs.iter().map(|pair| pair.platform.clone());
    let deltas: Vec<(Platform, M::Delta)> = platforms.zip(made).collect();
    let contents =
        |(platform, delta): &(Platform, M::Delta)| (platform.clone(), delta.contents().clone());
    let index = IndexContents::new(deltas.iter().map(contents).collect())?;
    if let Some(destination) = destination {
        transports.write_index_to(destination, &index, session.progress())?;
        digest_file.write(index.digest(), &output)?;
    }
    // Of v3 alone it is known what commands cost a device.
    let device = (maker.format() == Dialect::V3).then(|| request.encoding.device());
    let made = deltas.iter().map(|(platform, delta)| Made::new(platform, delta.report(), device));
    let summary = Summary {
        format: maker.format(),
        output: (!request.dry_run).then(|| output.to_string()),
        delta_digest: index.digest(),
        deltas: made.collect(),
        skipped,
    };
    session.summary(&summary, to_stdout)
}

/// The images of all platforms, each with the platform that it is for.
fn open_all(
    transports: &Transports,
    reference: &ImageReference,
    progress: &dyn Progress,
) -> Result<Vec<(Platform, Image)>, Failure> {
    let mut found: Vec<(Platform, Image)> = Vec::new();
    for PlatformImage { platform, image } in transports.open_all(reference, progress)? {
        access::refuse_delta(&image)?;
        let platform = platform.ok_or_else(|| {
            Failure::usage(
                format!("{reference} does not say which platform it is for"),
                "name one that all devices are with --platform, for instance linux/arm64",
            )
        })?;
        // Of two for one platform the first counts, as for whoever pulls.
        if !found.iter().any(|(other, _)| other.is_same(&platform)) {
            found.push((platform, image));
        }
    }
    Ok(found)
}

/// The two images of one platform.
struct Pair {
    platform: Platform,
    base: Image,
    target: Image,
}

/// A platform that one of the images has only.
#[derive(Serialize)]
struct Skipped {
    platform: Platform,
    only_in: Side,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Base,
    Target,
}

/// Puts the images side by side, in the order of platforms.
fn pair_up(
    mut bases: Vec<(Platform, Image)>,
    mut targets: Vec<(Platform, Image)>,
) -> (Vec<Pair>, Vec<Skipped>) {
    targets.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (mut pairs, mut skipped) = (Vec::new(), Vec::new());
    for (platform, target) in targets {
        match bases.iter().position(|(base, _)| base.is_same(&platform)) {
            Some(found) => {
                let (_, base) = bases.swap_remove(found);
                pairs.push(Pair { platform, base, target });
            }
            None => skipped.push(Skipped { platform, only_in: Side::Target }),
        }
    }
    bases.sort_by(|(one, _), (other, _)| one.cmp(other));
    let only_base = |(platform, _)| Skipped { platform, only_in: Side::Base };
    skipped.extend(bases.into_iter().map(only_base));
    (pairs, skipped)
}

fn nothing_in_common(request: &Request, skipped: &[Skipped]) -> Failure {
    let of = |side: Side| {
        let all = skipped.iter().filter(|skipped| skipped.only_in == side);
        all.map(|skipped| skipped.platform.to_string()).collect::<Vec<_>>().join(", ")
    };
    Failure::usage(
        format!(
            "{} and {} have no platform in common: one has {}, the other {}",
            request.base,
            request.target,
            of(Side::Base),
            of(Side::Target)
        ),
        "name two images for the same platforms",
    )
}

/// The delta that was made for one platform.
#[derive(Serialize)]
struct Made<'a> {
    platform: &'a Platform,
    #[serde(flatten)]
    report: &'a DeltaReport,
    #[serde(flatten)]
    links: Option<Links>,
    #[serde(skip)]
    device: Option<Goal>,
}

impl<'a> Made<'a> {
    fn new(platform: &'a Platform, report: &'a DeltaReport, device: Option<Goal>) -> Self {
        let links = device.as_ref().and_then(|device| Links::new(report, device));
        Made { platform, report, links, device }
    }
}

/// The answer: all deltas that were made.
#[derive(Serialize)]
struct Summary<'a> {
    format: Dialect,
    /// Where the index is; nowhere after a dry run.
    output: Option<String>,
    /// The digest of the index.
    delta_digest: remora::image::Digest,
    deltas: Vec<Made<'a>>,
    skipped: Vec<Skipped>,
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        report::write_output(out, self.output.as_deref())?;
        writeln!(out, "digest:  {}", self.delta_digest)?;
        for made in &self.deltas {
            writeln!(out, "\nfor:     {}", made.platform)?;
            report::write_images(out, &made.report.base_id, &made.report.target_id)?;
            match &made.device {
                Some(device) => {
                    report::write_totals(out, made.report, device, made.links.as_ref())?;
                }
                None => {
                    report::write_fetch(out, made.report)?;
                    report::write_unpaid(out, made.report)?;
                }
            }
            let total = &made.report.total;
            report::write_effort(out, total.seconds, total.peak_memory)?;
        }
        for Skipped { platform, only_in } in &self.skipped {
            let side = match only_in {
                Side::Base => "BASE",
                Side::Target => "TARGET",
            };
            writeln!(out, "note:    only {side} is for {platform} too: no delta for that")?;
        }
        Ok(())
    }
}
