//! Making a delta image.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::blob::write_delta;
use super::config::delta_config;
use super::refuse::load_pair;
use super::{ARTIFACT_TYPE, DeltaReport, LayerReport, V3Error, verify};
use crate::delta::{Command, CommandStats, Options};
use crate::dialect::Dialect;
use crate::image::{Digest, Image, ImageContents, ImageReference};
use crate::librsync::{Prices, stream_len};
use crate::measure::Measure;
use crate::pack::{
    About, Allowance, BlobId, Compression, Failures, Growing, Growth, ManifestKind, PackedImage,
    Pair, Source, Written, artifact_manifest, pull_sizes,
};
use crate::progress::{Progress, check};
use crate::store::{Store, Workspace, verify_layers};
use crate::temporary::{TemporaryFile, TemporaryPath};

/// How a delta is made.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CreateOptions {
    /// How commands are found, and how hard blobs are compressed.
    pub encoding: Options,
    /// How blobs are compressed. A docker archive takes none.
    pub compression: Compression,
    /// The kind of manifest that the delta gets.
    pub manifest: ManifestKind,
    /// Apply the delta once and compare every diff ID before it is handed out.
    pub verify: bool,
}

impl CreateOptions {
    /// Returns the options that are usual at `destination`: a docker archive takes plain tars only, an OCI layout
    /// OCI's manifests.
    pub fn for_destination(destination: &ImageReference) -> Self {
        let usual = CreateOptions::default();
        let plain = destination.holds_plain_layers();
        CreateOptions {
            compression: if plain { Compression::None } else { usual.compression },
            manifest: ManifestKind::for_destination(destination),
            ..usual
        }
    }
}

impl Default for CreateOptions {
    fn default() -> Self {
        CreateOptions {
            encoding: Options::default(),
            compression: Compression::default(),
            manifest: ManifestKind::default(),
            verify: true,
        }
    }
}

/// A delta image that has been made. The delta's blobs are temporary files that go when it is dropped.
#[derive(Debug)]
pub struct Delta {
    image: PackedImage,
    report: DeltaReport,
}

impl Delta {
    /// The image, ready to be written.
    pub fn contents(&self) -> &ImageContents {
        self.image.contents()
    }

    /// Returns the report on what it is made of.
    pub fn report(&self) -> &DeltaReport {
        &self.report
    }
}

/// A layer of the delta, and what it is made of.
pub(super) struct DeltaLayer<W> {
    pub(super) blob: Written<W>,
    pub(super) stats: CommandStats,
}

/// Makes the delta that turns `base` into `target`. Layers that `store` does not have are fetched
/// into it. The same two images and options give the same bytes everywhere.
///
/// # Errors
/// If a layer cannot be fetched or stored, no device could apply the delta, its blobs cannot be
/// written, `progress` stops the work or the delta does not pass its check. Nothing is left behind.
pub fn create(
    base: &Image,
    target: &Image,
    store: &Store,
    options: &CreateOptions,
    progress: &dyn Progress,
) -> Result<Delta, V3Error> {
    let measure = Measure::start(progress);
    let pair = load(base, target, store, options, progress)?;
    make(&pair, store, options, &measure, progress)
}

/// Fetches what `store` does not have of the two images, and refuses what can't be made.
pub(super) fn load<'a>(
    base: &'a Image,
    target: &'a Image,
    store: &Store,
    options: &CreateOptions,
    progress: &dyn Progress,
) -> Result<Pair<'a>, V3Error> {
    load_pair(base, target, store, &options.encoding, options.compression, progress)
}

/// Says how much [`make`] will have to do.
pub(super) fn expect(pair: &Pair<'_>, options: &CreateOptions, progress: &dyn Progress) {
    pair.expect(progress);
    if options.verify {
        verify::expect(pair, progress);
    }
}

/// Makes the delta of a pair whose layers are at hand.
pub(super) fn make(
    pair: &Pair<'_>,
    store: &Store,
    options: &CreateOptions,
    measure: &Measure,
    progress: &dyn Progress,
) -> Result<Delta, V3Error> {
    let scratch = store.scratch()?;
    check(progress)?;
    let layers = make_layers(pair, options, &scratch, progress)?;
    let contents = image_contents(pair, options, &layers)?;
    check_usable(pair, &contents, store)?;
    let digest = Digest::of(&contents.manifest);
    let report = report(pair, Some(digest), &layers, measure);
    let blobs = layers.into_iter().map(|layer| layer.blob.out).collect();
    Ok(Delta { image: PackedImage::new(contents, blobs, scratch), report })
}

/// Checks that readers will take the delta: they have limits that no proof of its layers meets.
fn check_usable(pair: &Pair<'_>, contents: &ImageContents, store: &Store) -> Result<(), V3Error> {
    contents.check_readable().map_err(|error| V3Error::Unreadable(Box::new(error)))?;
    let blobs = contents.layers.iter().map(|blob| blob.size).sum();
    pair.check_usable(blobs, &store.limits()).map_err(V3Error::TooLarge)
}

/// A blob of more raw bytes than this is verified while it is compressed, by a thread of its own that
/// waits for it; a smaller one afterwards, when a thread of the pool has time.
const FOLLOWED_BYTES: u64 = 1 << 20;

/// Makes one layer after another, and verifies them meanwhile.
fn make_layers(
    pair: &Pair<'_>,
    options: &CreateOptions,
    scratch: &Workspace,
    progress: &dyn Progress,
) -> Result<Vec<DeltaLayer<TemporaryPath>>, V3Error> {
    let base = &pair.base_stream();
    let failures = &Failures::<V3Error>::default();
    let prove = |index, path: &Path, growth: &Growth| {
        failures.note(verify::verify_layer(pair, base, index, path, growth, progress));
    };
    let prices = Prices::of_goal(&options.encoding.goal);
    let mut layers = Vec::with_capacity(pair.sources.len());
    let mut allowance = Allowance::of_images(pair.bytes());
    thread::scope(|threads| {
        rayon::scope(|scope| {
            if options.verify {
                verify::expect(pair, progress);
                for index in 0..pair.base_layers.len() {
                    scope.spawn(move |_| failures.note(verify::verify_base_layer(pair, index)));
                }
            }
            pair.encode(&prices, options.encoding.search(), progress, |index, commands| {
                check(progress)?;
                let (out, growth) = (scratch.new_file()?, Arc::new(Growth::default()));
                let path = out.path().to_owned();
                let mut follow = stream_len(commands) > FOLLOWED_BYTES;
                if options.verify && follow {
                    let (path, growth) = (path.clone(), growth.clone());
                    let follower = thread::Builder::new().name("prove".to_owned());
                    let spawned =
                        follower.spawn_scoped(threads, move || prove(index, &path, &growth));
                    follow = spawned.is_ok();
                }
                let target = &pair.target_layers[index];
                let blob = write_layer(target, commands, options, &mut allowance, out, &growth)?;
                let blob = Written { out: blob.out.close(), id: blob.id, diff_id: blob.diff_id };
                layers.push(DeltaLayer { blob, stats: commands.iter().collect() });
                if options.verify && !follow {
                    scope.spawn(move |_| prove(index, &path, &growth));
                }
                Ok::<_, V3Error>(())
            })
        })
    })?;
    let all_layers = || pair.base_layers.iter().chain(&pair.target_layers);
    failures.first().map_err(|error| error.of_proof(|| verify_layers(all_layers())))?;
    Ok(layers)
}

/// Writes the blob that makes `target` into `out`, and tells whoever follows it how far it is.
fn write_layer(
    target: &[u8],
    commands: &[Command],
    options: &CreateOptions,
    allowance: &mut Allowance,
    out: TemporaryFile,
    growth: &Growth,
) -> io::Result<Written<TemporaryFile>> {
    let _end = growth.end_on_drop();
    let out = Growing::new(out, growth);
    let (compression, encoding) = (options.compression, &options.encoding);
    let Written { out, id, diff_id } =
        write_delta(target, commands, compression, encoding, allowance, out)?;
    Ok(Written { out: out.into_inner(), id, diff_id })
}

fn image_contents(
    pair: &Pair<'_>,
    options: &CreateOptions,
    layers: &[DeltaLayer<TemporaryPath>],
) -> Result<ImageContents, V3Error> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer.blob.diff_id).collect();
    let config = delta_config(pair.base.id(), pair.target.config(), &diff_ids)?;
    let blobs: Vec<BlobId> = layers.iter().map(|layer| layer.blob.id).collect();
    let gzip = options.compression == Compression::Gzip;
    let about = About {
        artifact_type: ARTIFACT_TYPE,
        subject: pair.target.manifest(),
        annotations: [(Dialect::V3.base_annotation(), pair.base.id().to_string())].into(),
    };
    let config_id = BlobId::of(&config);
    let manifest = artifact_manifest(options.manifest, config_id, &blobs, gzip, about);
    Ok(ImageContents {
        manifest,
        manifest_media_type: options.manifest.media_type().to_owned(),
        config,
        layers: layers.iter().map(|layer| layer.blob.to_blob()).collect(),
        mount_from: Vec::new(),
    })
}

/// The report on `layers`, which are those of the delta between the images of `pair`.
pub(super) fn report<W>(
    pair: &Pair<'_>,
    delta_digest: Option<Digest>,
    layers: &[DeltaLayer<W>],
    measure: &Measure,
) -> DeltaReport {
    let pulls = pull_sizes(pair.base, pair.target);
    let layer_report = |(index, layer): (usize, &DeltaLayer<W>)| {
        let shared = pair.sources[index] == Source::Shared;
        let diff_id = pair.target_layers[index].diff_id();
        LayerReport::new(diff_id, Some(shared), pulls[index], layer.blob.id.size, layer.stats)
    };
    let layers = layers.iter().enumerate().map(layer_report).collect();
    DeltaReport::new(pair.base.id(), pair.target.id(), delta_digest, layers, measure)
}
