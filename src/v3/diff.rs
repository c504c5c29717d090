//! The cost of a delta, and the reasons for it, without making one.

use std::io;

use serde::Serialize;

use super::blob::write_delta;
use super::create::{DeltaLayer, report};
use super::file_costs::{FileCost, FileCosts};
use super::refuse::load_pair;
use super::{DeltaReport, V3Error};
use crate::delta::{Goal, Options};
use crate::image::Image;
use crate::librsync::Prices;
use crate::measure::Measure;
use crate::pack::{Allowance, Compression};
use crate::progress::Progress;
use crate::store::Store;

/// The scope of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct DiffOptions {
    /// How commands are found, and how hard blobs are compressed.
    pub encoding: Options,
    /// How blobs are compressed.
    pub compression: Compression,
    /// The device whose update time is estimated.
    pub device: Goal,
    /// How many files to name.
    pub files: usize,
}

/// The cost of a delta, and the reasons for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DiffReport {
    /// The delta that would be made; it has no digest.
    #[serde(flatten)]
    pub delta: DeltaReport,
    /// How many times smaller the delta is than a plain pull, if that is known.
    pub ratio: Option<f64>,
    /// Estimated time for a device to fetch and apply the delta, in seconds.
    pub update_seconds: Option<f64>,
    /// Estimated time for a device to fetch the target without a delta, in seconds.
    pub pull_seconds: Option<f64>,
    /// The paths that cost the most literal bytes, the costliest first.
    pub files: Vec<FileCost>,
}

/// Says what the delta from `base` to `target` would cost. The delta is computed exactly as
/// [`create`](super::create) does, then thrown away.
///
/// # Errors
/// If a delta between the images could not be applied ([`V3Error::BaseWithoutLayers`],
/// [`V3Error::NotLinux`]), or a layer cannot be fetched or stored.
pub fn diff(
    base: &Image,
    target: &Image,
    store: &Store,
    options: &DiffOptions,
    progress: &dyn Progress,
) -> Result<DiffReport, V3Error> {
    let measure = Measure::start(progress);
    let pair = load_pair(base, target, store, &options.encoding, options.compression, progress)?;
    let prices = Prices::of_goal(&options.encoding.goal);
    let mut costs = FileCosts::default();
    let mut layers = Vec::new();
    let mut allowance = Allowance::of_images(pair.bytes());
    pair.encode(&prices, options.encoding.search(), progress, |index, commands| {
        let target = &pair.target_layers[index];
        let (compression, encoding) = (options.compression, &options.encoding);
        let blob =
            write_delta(target, commands, compression, encoding, &mut allowance, io::sink())?;
        layers.push(DeltaLayer { blob, stats: commands.iter().collect() });
        if options.files > 0 {
            costs.add(target, commands);
        }
        Ok::<_, V3Error>(())
    })?;
    let delta = report(&pair, None, &layers, &measure);
    Ok(DiffReport {
        ratio: delta.ratio(),
        update_seconds: delta.update_seconds(&options.device),
        pull_seconds: delta.pull_seconds(&options.device),
        files: costs.costliest(options.files),
        delta,
    })
}
