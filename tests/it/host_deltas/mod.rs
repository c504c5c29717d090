//! Deltas for hosts, which are artifacts, from end to end through the library.

mod damaged;
mod go_generator;
mod hostile;
mod other_readers;
mod other_writers;
mod registries;

use std::fs;

use remora::Dialect;
use remora::apply::{ApplyError, ApplyOptions, apply};
use remora::artifact::{self, CreateOptions};
use remora::image::{Blob, BlobData, Image, ImageContents, ImageReference};
use remora::progress::Silent;
use serde_json::{Value, json};

use crate::images::{Bench, ImageBuilder, image, linux, noise, tar};

/// Both dialects whose deltas are artifacts.
const DIALECTS: [Dialect; 2] = [Dialect::Remora, Dialect::OciDelta];

/// An artifact in the making, of which a test may change any part.
#[derive(Clone)]
struct Artifact {
    manifest: Value,
    blobs: Vec<Vec<u8>>,
}

/// A base, a target and the delta between them.
struct Scene {
    bench: Bench,
    base: Image,
    target: Image,
    delta: Artifact,
}

/// Two images that share a layer; of another, little has changed, and a third is new.
fn small_pair() -> (ImageBuilder, ImageBuilder) {
    let text: Vec<u8> =
        (0..600u32).flat_map(|n| format!("line {}\n", n * n % 977).into_bytes()).collect();
    let mut changed = text.clone();
    changed[1_000..1_010].copy_from_slice(b"0123456789");
    let shared = tar(&[("etc/name", b"one")]);
    let base = image().layer(&shared).layer(&tar(&[("usr/text", &text)]));
    let target = image()
        .layer(&shared)
        .layer(&tar(&[("usr/text", &changed)]))
        .layer(&tar(&[("usr/new", &text[500..900])]))
        .with("created", "2026-02-03T04:05:06Z".into());
    (base, target)
}

impl Scene {
    fn new(dialect: Dialect) -> Self {
        let bench = Bench::new();
        let (base, target) = small_pair();
        let base = bench.put("base", &base.build());
        let target = bench.put("target", &target.build());
        let options = CreateOptions::of(dialect);
        let delta =
            artifact::create(&base, &target, &bench.store, &options, &Silent).expect("made");
        let delta = Artifact::of(delta.contents());
        Scene { bench, base, target, delta }
    }

    /// Applies `delta`, put where an applier finds it; returns the image's config.
    fn apply(&self, delta: &Artifact) -> Result<Vec<u8>, ApplyError> {
        let place = self.bench.reference("delta");
        self.bench.transports.write(&place, &delta.contents(), &Silent).expect("written");
        self.apply_from(&place)
    }

    /// The same with a delta that is at `place`.
    fn apply_from(&self, place: &ImageReference) -> Result<Vec<u8>, ApplyError> {
        let opened = self.bench.transports.open_any(place, &linux(), &Silent)?;
        let mut options = ApplyOptions::default();
        options.plain_layers = true;
        let rebuilt = apply(&self.base, &opened, &self.bench.store, options, &Silent)?;
        Ok(rebuilt.contents().config.clone())
    }
}

impl Artifact {
    fn of(contents: &ImageContents) -> Self {
        let bytes = |blob: &Blob| match &blob.data {
            BlobData::File(path) => fs::read(path).expect("there"),
            BlobData::Bytes(bytes) => bytes.clone(),
            BlobData::Stored(_) => panic!("such small layers are no smaller than their deltas"),
        };
        Artifact {
            manifest: serde_json::from_slice(&contents.manifest).expect("JSON"),
            blobs: contents.layers.iter().map(bytes).collect(),
        }
    }

    /// The artifact as it is written, its manifest with the digests of its blobs.
    fn contents(&self) -> ImageContents {
        let blobs: Vec<Blob> = self.blobs.iter().cloned().map(Blob::from_bytes).collect();
        let mut manifest = self.manifest.clone();
        for (number, blob) in blobs.iter().enumerate() {
            manifest["layers"][number]["digest"] = json!(blob.digest);
            manifest["layers"][number]["size"] = json!(blob.size);
        }
        ImageContents {
            manifest: manifest.to_string().into_bytes(),
            manifest_media_type: remora::image::media_type::OCI_MANIFEST.to_owned(),
            config: b"{}".to_vec(),
            layers: blobs,
            mount_from: Vec::new(),
        }
    }

    /// The number of the blob that is the `content`, the `nth` of these.
    fn blob(&self, content: &str, nth: usize) -> usize {
        let layers = self.manifest["layers"].as_array().expect("an array");
        let is_it = |layer: &Value| {
            let notes = layer["annotations"].as_object().expect("annotations");
            notes.values().any(|value| value == content)
        };
        let found = layers.iter().enumerate().filter(|(_, layer)| is_it(layer)).nth(nth);
        found.expect("such a blob").0
    }
}

#[test]
fn a_delta_makes_the_target_and_brings_its_manifest() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        assert_eq!(scene.apply(&scene.delta).expect("applies"), scene.target.config().bytes());
        let brought = &scene.delta.blobs[scene.delta.blob("image-manifest", 0)];
        assert_eq!(brought, scene.target.manifest().expect("one").bytes());
        let subject = &scene.delta.manifest["subject"]["digest"];
        assert_eq!(*subject, json!(scene.target.manifest().expect("one").digest()));
        assert!(scene.bench.work_in_progress().is_empty());
    }
}

#[test]
fn the_same_images_make_the_same_bytes_with_any_number_of_threads() {
    for dialect in DIALECTS {
        let made = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
            pool.install(|| Scene::new(dialect).delta.contents().manifest)
        };
        assert_eq!(made(1), made(4));
    }
}

#[test]
fn layers_that_only_changed_their_place_are_left_to_the_base() {
    let [one, two] = [1, 2].map(|seed| tar(&[("file", &noise(seed, 20_000))]));
    for dialect in DIALECTS {
        let bench = Bench::new();
        let base = bench.put("base", &image().layer(&one).layer(&two).build());
        let target = bench.put("target", &image().layer(&two).layer(&one).build());
        let options = CreateOptions::of(dialect);
        let delta =
            artifact::create(&base, &target, &bench.store, &options, &Silent).expect("made");
        assert_eq!(delta.report().total.delta_bytes, 0);
        let opened = bench.reference("delta");
        bench.transports.write(&opened, delta.contents(), &Silent).expect("written");
        let opened = bench.transports.open_any(&opened, &linux(), &Silent).expect("opens");
        let options = ApplyOptions::default();
        let rebuilt = apply(&base, &opened, &bench.store, options, &Silent).expect("applies");
        // All blobs are the base's, so the target's manifest is kept with its digest.
        assert_eq!(rebuilt.contents().manifest, target.manifest().expect("one").bytes());
    }
}

#[test]
fn an_oci_delta_for_bootc_takes_from_usr_and_etc_alone() {
    let content = noise(7, 50_000);
    for (path, is_source) in [("usr/lib/x", true), ("etc/x", true), ("var/lib/x", false)] {
        let bench = Bench::new();
        let base = bench.put("base", &image().layer(&tar(&[(path, &content)])).build());
        let target = image().layer(&tar(&[("usr/lib/y", &content), ("new", b"1")]));
        let target = bench.put("target", &target.build());
        let mut options = CreateOptions::of(Dialect::OciDelta);
        let bytes = |options: &CreateOptions| {
            let delta = artifact::create(&base, &target, &bench.store, options, &Silent);
            delta.expect("made").report().total.delta_bytes
        };
        assert!(bytes(&options) < 1_000, "{path}");
        options.sources = artifact::Sources::Bootc;
        assert_eq!(bytes(&options) < 1_000, is_source, "{path}");
    }
}

#[test]
fn a_target_without_a_manifest_has_a_delta_of_the_own_dialect_alone() {
    let bench = Bench::new();
    let (base, target) = small_pair();
    let base = bench.put("base", &base.build());
    let archive = format!("docker-archive:{}/target.tar", bench.path().display());
    let mut plain = target.build();
    plain.layers = (0..3)
        .map(|layer| {
            let opened = bench.put("packed", &target.build());
            Blob::from_bytes(crate::images::layer_tar(&opened, layer))
        })
        .collect();
    let target = bench.put_at(&crate::images::parse(&archive), &plain);
    let make = |dialect| {
        artifact::create(&base, &target, &bench.store, &CreateOptions::of(dialect), &Silent)
    };
    let delta = make(Dialect::Remora).expect("made");
    let manifest: Value = serde_json::from_slice(&delta.contents().manifest).expect("JSON");
    assert_eq!(manifest["subject"], Value::Null);
    let error = make(Dialect::OciDelta).expect_err("no digests to name");
    assert!(matches!(error, artifact::ArtifactError::NoManifest { .. }), "{error}");
}

#[test]
fn a_base_without_layers_is_a_base() {
    for dialect in DIALECTS {
        let (_, target) = small_pair();
        let bench = Bench::new();
        let (base, target) =
            (bench.put("base", &image().build()), bench.put("target", &target.build()));
        let options = CreateOptions::of(dialect);
        let delta =
            artifact::create(&base, &target, &bench.store, &options, &Silent).expect("made");
        let place = bench.reference("delta");
        bench.transports.write(&place, delta.contents(), &Silent).expect("written");
        let opened = bench.transports.open_any(&place, &linux(), &Silent).expect("opens");
        let rebuilt = apply(&base, &opened, &bench.store, ApplyOptions::default(), &Silent);
        assert_eq!(rebuilt.expect("applies").contents().config, target.config().bytes());
    }
}

#[test]
fn a_base_that_is_no_file_tree_is_said_to_be_none_unless_tars_do() {
    let bench = Bench::new();
    let broken = &tar(&[("file", &noise(1, 20_000))])[..10_000];
    let base = bench.put("base", &image().layer(broken).build());
    let target = bench.put("target", &image().layer(&tar(&[("file", b"x")])).build());
    let create = |dialect| {
        let options = CreateOptions::of(dialect);
        artifact::create(&base, &target, &bench.store, &options, &Silent)
    };
    let error = create(Dialect::OciDelta).expect_err("no tree");
    assert!(error.to_string().starts_with("the base image: "), "{error}");
    assert_eq!(error.remedy(), Some(remora::Remedy::FormatWithoutTree));
    create(Dialect::Remora).expect("any bytes do");
}
