//! oci-deltas as other generators write them: what is valid is taken, and what is not is refused with what is wrong.

use remora::apply::find_deltas;
use remora::artifact::{ArtifactDelta, LayerForm, inspect};
use remora::image::{ImageReference, UnpackLimits};
use remora::progress::Silent;
use serde_json::json;

use super::Artifact;
use super::go_generator::{
    CONTENT, artifact, images, operations, packed, scene, stream, stream_of,
};
use crate::images::{layer_tar, linux, parse};
use crate::registry_server::RegistryServer;

#[test]
fn an_artifact_of_the_go_generator_is_read_and_applied() {
    let pair = images();
    let scene = scene(&pair, artifact(&pair, stream(&pair[1])));
    assert_eq!(scene.apply(&scene.delta).expect("applies"), pair[1].contents.config);
    let archive = parse(&format!("oci-archive:{}", scene.bench.path().join("delta.tar").display()));
    for place in [scene.bench.reference("delta"), archive] {
        scene.bench.transports.write(&place, &scene.delta.contents(), &Silent).expect("written");
        let opened = scene.bench.transports.open_any(&place, &linux(), &Silent).expect("opens");
        let delta = ArtifactDelta::of(&opened, &Silent).expect("reads");
        let inspection = inspect(&delta, &UnpackLimits::default(), &Silent).expect("whole");
        assert_eq!(inspection.target_digest, Some(pair[1].manifest_digest()));
        let forms: Vec<LayerForm> = inspection.layers.iter().map(|layer| layer.form).collect();
        assert_eq!(forms, [LayerForm::Kept, LayerForm::Delta, LayerForm::Whole]);
        assert_eq!(delta.signatures(&Silent).expect("whole").len(), 1);
    }
}

#[test]
fn a_whole_layer_may_be_of_any_kind_that_images_have() {
    let pair = images();
    let scene = scene(&pair, artifact(&pair, stream(&pair[1])));
    let tar = &pair[1].tars[2];
    for (kind, blob) in [
        ("v1.tar", tar.clone()),
        ("v1.tar+gzip", pair[1].blob(2).to_vec()),
        ("v1.tar+zstd", packed(tar)),
        ("nondistributable.v1.tar", tar.clone()),
        ("nondistributable.v1.tar+gzip", pair[1].blob(2).to_vec()),
        ("nondistributable.v1.tar+zstd", packed(tar)),
    ] {
        let mut delta = scene.delta.clone();
        delta.blobs[1] = blob;
        let kind = format!("application/vnd.oci.image.layer.{kind}");
        delta.manifest["layers"][1]["mediaType"] = json!(kind);
        assert_eq!(scene.apply(&delta).expect(&kind), pair[1].contents.config);
    }
}

#[test]
fn an_artifact_of_the_go_generator_is_found_beside_its_image() {
    let pair = images();
    let scene = scene(&pair, artifact(&pair, stream(&pair[1])));
    let registry = RegistryServer::open();
    let image = parse(&format!("{}/app:2", registry.address()));
    let place = parse(&format!("{}/app:any-name", registry.address()));
    let write = |place, contents| scene.bench.transports.write(place, contents, &Silent);
    write(&image, &pair[1].contents).expect("pushed");
    write(&place, &scene.delta.contents()).expect("pushed");
    let ImageReference::Registry(name) = &image else { panic!("a registry's: {image}") };
    let opened = scene.bench.open(&image);
    let found =
        find_deltas(&scene.bench.transports, name, &opened, None, &Silent).expect("answered");
    let [found] = &found[..] else { panic!("one delta: {found:?}") };
    assert_eq!((found.base_id, found.target_id), (pair[0].id(), pair[1].id()));
}

#[test]
fn a_stream_of_version_2_is_applied() {
    let pair = images();
    let base = layer_tar(&scene(&pair, artifact(&pair, Vec::new())).base, 1);
    let (file, tar) = (&base[CONTENT..CONTENT + 30_000], &pair[1].tars[1]);
    let mut encoder = zstd::Encoder::with_ref_prefix(Vec::new(), 3, file).expect("memory");
    std::io::copy(&mut &tar[CONTENT..CONTENT + 30_000], &mut encoder).expect("memory");
    let frame = encoder.finish().expect("memory");
    assert!(frame.len() < 1_000, "{} bytes", frame.len());
    let end = &tar[CONTENT + 30_000..];
    let raw = operations(&[
        (0, CONTENT, &tar[..CONTENT]),
        (1, 8, b"usr/text"),
        (5, frame.len(), &frame),
        (0, end.len(), end),
    ]);
    let two = [&b"tardf2\n\0"[..], &packed(&raw)].concat();
    let scene = scene(&pair, artifact(&pair, two));
    assert_eq!(scene.apply(&scene.delta).expect("applies"), pair[1].contents.config);
    // A later version is named, and nothing is left behind.
    let mut later = scene.delta.clone();
    later.blobs[0][5] = b'3';
    let error = scene.apply(&later).expect_err("version 3").to_string();
    assert!(error.contains("layer 2: no tar-diff of version 1 or 2"), "{error}");
    assert!(scene.bench.work_in_progress().is_empty());
}

/// What is done to the artifact, or to its stream, and what is said of it.
type Change = fn(&mut Artifact);

const CASES: [(&str, Change); 6] = [
    ("the base has no file \"usr/other\"", |delta| {
        delta.blobs[0] = stream_of(&[(1, 9, b"usr/other"), (2, 1, b"")]);
    }),
    ("the base has no file \"../usr/text\"", |delta| {
        delta.blobs[0] = stream_of(&[(1, 11, b"../usr/text"), (2, 1, b"")]);
    }),
    ("has no such operation", |delta| delta.blobs[0] = stream_of(&[(5, 1, b"a")])),
    ("layer 2: rebuilt as sha256:", |delta| delta.blobs[0] = stream_of(&[(0, 1, b"a")])),
    ("of the unknown type \"application/vnd.oci.image.layer.v1.tar+br\"", |delta| {
        delta.manifest["layers"][1]["mediaType"] =
            json!("application/vnd.oci.image.layer.v1.tar+br");
    }),
    ("it has no annotation io.github.containers.delta.source-config", |delta| {
        let notes = delta.manifest["annotations"].as_object_mut().expect("an object");
        notes.retain(|key, _| !key.ends_with("source-config"));
    }),
];

#[test]
fn an_artifact_of_others_that_cannot_be_applied_is_refused_with_what_is_wrong() {
    let pair = images();
    let scene = scene(&pair, artifact(&pair, stream(&pair[1])));
    for (expected, change) in CASES {
        let mut delta = scene.delta.clone();
        change(&mut delta);
        let error = scene.apply(&delta).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
