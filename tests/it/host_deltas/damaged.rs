//! Deltas of which something was changed on the way, by somebody who made the digests fit: refused, or the same image.

use remora::apply::ApplyError;

use super::{Artifact, DIALECTS, Scene};

/// How far apart flipped bytes of JSON documents are.
const TEXT_STEP: usize = 7;

/// Fails unless `delta` is refused or makes the target, and nothing else.
fn assert_safe(scene: &Scene, delta: &Artifact, what: &str) {
    match scene.apply(delta) {
        Ok(config) => assert_eq!(config, scene.target.config().bytes(), "{what}"),
        Err(error) => assert!(!matches!(error, ApplyError::Write(_)), "{what}: {error}"),
    }
}

#[test]
fn no_flipped_bit_of_what_makes_a_layer_makes_another_image() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        for nth in 0..2 {
            let number = scene.delta.blob("image-layer", nth);
            for at in 0..scene.delta.blobs[number].len() {
                let mut delta = scene.delta.clone();
                delta.blobs[number][at] ^= 1 << (at % 8);
                assert_safe(&scene, &delta, &format!("{dialect}, blob {number}, byte {at}"));
            }
        }
        assert!(scene.bench.work_in_progress().is_empty());
    }
}

#[test]
fn no_cut_of_what_makes_a_layer_makes_another_image() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        let number = scene.delta.blob("image-layer", 0);
        for len in 0..scene.delta.blobs[number].len() {
            let mut delta = scene.delta.clone();
            delta.blobs[number].truncate(len);
            assert!(scene.apply(&delta).is_err(), "{dialect}, {len} bytes");
        }
        let mut delta = scene.delta.clone();
        delta.blobs[number].extend(b"more");
        assert_safe(&scene, &delta, "with bytes behind its end");
    }
}

#[test]
fn no_flipped_bit_of_the_brought_config_or_manifest_passes_for_the_target() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        for content in ["image-config", "image-manifest"] {
            let number = scene.delta.blob(content, 0);
            // Of text, one byte in a few says as much as all.
            for at in (0..scene.delta.blobs[number].len()).step_by(TEXT_STEP) {
                let mut delta = scene.delta.clone();
                delta.blobs[number][at] ^= 1 << (at % 8);
                // Another config is another image, and the brought manifest tells. A manifest may say the same in other
                // bytes; who trusts its digest compares that.
                if let Ok(config) = scene.apply(&delta) {
                    assert_eq!(config, scene.target.config().bytes(), "{content}, byte {at}");
                }
            }
        }
    }
}
