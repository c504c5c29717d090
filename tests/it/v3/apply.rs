//! `apply` takes what devices take, the forms that other tools write included.

use std::io::Write as _;

use remora::apply::ApplyError;
use remora::image::{DiffId, Digest, Image, ImageContents};

use super::apply;
use crate::images::{Bench, ImageBuilder, gzip, image, layer_tar, tar};

/// A base of two layers and a target that shares the first.
pub(super) struct Scene {
    pub(super) bench: Bench,
    pub(super) base: Image,
    pub(super) target: ImageBuilder,
}

pub(super) const BASE_FILE: &[u8] = b"some content";

pub(super) fn scene() -> Scene {
    let bench = Bench::new();
    let shared = tar(&[("shared", BASE_FILE)]);
    let base = image().layer(&shared).layer(&tar(&[("old", b"old")]));
    let base = bench.put("base", &base.build());
    let target = image().layer(&shared).layer(&tar(&[("new", b"new")]));
    Scene { bench, base, target }
}

impl Scene {
    /// The stream that makes the target's second layer: one literal.
    pub(super) fn second(&self) -> Vec<u8> {
        let layer = tar(&[("new", b"new")]);
        let len = u16::try_from(layer.len()).expect("short");
        [b"rs\x026\x42", &len.to_be_bytes()[..], &layer, b"\0"].concat()
    }

    /// A delta of these blobs from this base to this target.
    pub(super) fn delta(&self, blobs: &[Vec<u8>]) -> ImageContents {
        let mut delta = image().delta(&self.base.id().to_string(), &self.target.config());
        for blob in blobs {
            delta = delta.blob(blob.clone(), DiffId(Digest::of(blob)));
        }
        delta.build()
    }

    pub(super) fn apply(&self, blobs: &[Vec<u8>]) -> Result<Image, ApplyError> {
        let delta = self.bench.put("delta", &self.delta(blobs));
        let rebuilt = apply(&self.bench, &self.base, &delta)?;
        Ok(self.bench.put("rebuilt", rebuilt.contents()))
    }
}

/// The engine's blob for a shared layer.
pub(super) fn empty_tar() -> Vec<u8> {
    gzip(&[0; 1024])
}

fn packed(stream: &[u8]) -> Vec<u8> {
    tar(&[("delta", stream)])
}

#[test]
fn every_encoding_that_devices_read_is_read() {
    let scene = scene();
    let stream = packed(&scene.second());
    let (front, back) = stream.split_at(700);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(&stream).expect("vec");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(&stream).expect("vec");
    let blobs = [
        gzip(&stream),
        [gzip(front), gzip(back)].concat(),
        bzip2.finish().expect("vec"),
        xz.finish().expect("vec"),
        stream,
    ];
    for (index, blob) in blobs.into_iter().enumerate() {
        let rebuilt = scene.apply(&[empty_tar(), blob]).expect("applies");
        assert_eq!(rebuilt.config().bytes(), scene.target.config().as_bytes(), "{index}");
    }
}

#[test]
fn only_a_shared_layer_may_be_left_out() {
    let scene = scene();
    let error = scene.apply(&[empty_tar(), empty_tar()]).expect_err("second is not shared");
    assert_eq!(
        error.to_string(),
        "layer 2: the tar is empty, but base and target do not share this layer"
    );
}

#[test]
fn entries_after_the_delta_are_of_no_interest() {
    let scene = scene();
    let stream = scene.second();
    let blob = gzip(&tar(&[("delta", &stream), ("README", b"hello")]));
    scene.apply(&[empty_tar(), blob]).expect("applies");
}

#[test]
fn the_wrong_base_is_refused_by_its_image_id() {
    let scene = scene();
    let other = scene.bench.put("other", &image().layer(&tar(&[("x", b"x")])).build());
    let delta = scene.bench.put("delta", &scene.delta(&[empty_tar(), packed(&scene.second())]));
    let error = apply(&scene.bench, &other, &delta).expect_err("wrong base");
    assert!(
        matches!(error, ApplyError::WrongBase { expected, actual, .. }
            if expected == scene.base.id() && actual == other.id()),
        "{error}"
    );
}

#[test]
fn an_image_that_is_no_delta_is_refused() {
    let scene = scene();
    let error = apply(&scene.bench, &scene.base, &scene.base).expect_err("no delta");
    assert!(error.to_string().ends_with("its config has no label io.resin.delta.base"), "{error}");
}

#[test]
fn a_delta_with_too_few_or_too_many_layers_is_refused() {
    let scene = scene();
    let second = packed(&scene.second());
    for blobs in [vec![], vec![empty_tar()], vec![empty_tar(), second.clone(), second]] {
        let count = blobs.len();
        let error = scene.apply(&blobs).expect_err("wrong count");
        let expected = format!("has {count} layers, but the image it makes has 2");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
}

#[test]
fn layers_that_the_base_has_keep_their_blobs() {
    let (base, target) = super::release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let options = remora::v3::CreateOptions::default();
    let delta = super::create(&bench, &base, &target, &options).expect("made");
    let delta = bench.put("delta", delta.contents());
    let rebuilt = apply(&bench, &base, &delta).expect("applies");
    let blobs = |image: &Image| -> Vec<Digest> {
        image.manifest().expect("one").layers().iter().map(|layer| layer.digest).collect()
    };
    let made: Vec<Digest> = rebuilt.contents().layers.iter().map(|blob| blob.digest).collect();
    let of_base = blobs(&base);
    assert_eq!(made[0], of_base[0], "shared");
    assert_eq!(made[1], of_base[2], "moved");
    assert!(made[2..].iter().all(|blob| !of_base.contains(blob)), "new");

    let image = bench.put("rebuilt", rebuilt.contents());
    assert_eq!(image.id(), target.id());
    for index in 0..image.layer_count() {
        assert!(layer_tar(&image, index) == layer_tar(&target, index), "layer {index}");
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("pool");
    let alone = pool.install(|| apply(&bench, &base, &delta)).expect("applies");
    assert_eq!(alone.contents().manifest, rebuilt.contents().manifest);
}
