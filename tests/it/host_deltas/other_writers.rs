//! oci-deltas as other generators write them: what is valid is taken, and what is not is refused with what is wrong.

use remora::apply::find_deltas;
use remora::artifact::{ArtifactDelta, LayerForm, inspect};
use remora::image::{Digest, ImageReference, UnpackLimits, media_type};
use remora::progress::Silent;
use serde_json::{Value, json};

use super::{Artifact, Scene};
use crate::images::{Bench, layer_tar, linux, parse};
use crate::registry_server::RegistryServer;
use crate::sample_image::{SampleImage, Style, noise};

const DELTA: &str = "io.github.containers.delta";
/// Where the content of a tar's first file begins, and where text is changed in it.
const CONTENT: usize = 512;
const CHANGED: std::ops::Range<usize> = 10_000..10_020;

/// One operation of a stream: its number, its size, its bytes.
type Operation<'a> = (u8, usize, &'a [u8]);

fn operations(operations: &[Operation<'_>]) -> Vec<u8> {
    let mut raw = Vec::new();
    for (number, size, bytes) in operations {
        raw.push(*number);
        let mut size = *size;
        while size > 127 {
            raw.push(size as u8 | 128);
            size >>= 7;
        }
        raw.push(size as u8);
        raw.extend_from_slice(bytes);
    }
    raw
}

fn packed(raw: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(raw, 3).expect("memory")
}

/// Images of a kind that such generators make deltas of: of the three layers one stays, one is changed and one is new.
fn images() -> [SampleImage; 2] {
    let of = |tars| SampleImage::of_tars(Style::Oci, "amd64", tars);
    let text = noise(1, 30_000);
    let mut changed = text.clone();
    changed[CHANGED].fill(b'x');
    let tar = |name, content: &[u8]| crate::images::tar(&[(name, content)]);
    let [stays, new] = [tar("etc/name", b"one"), tar("usr/new", &noise(2, 300))];
    [
        of(vec![stays.clone(), tar("usr/text", &text)]),
        of(vec![stays, tar("usr/text", &changed), new]),
    ]
}

/// The changed layer of [`images`], made of the file of the base in two frames and one that says nothing, with an operation
/// of each kind, some of them idle.
fn stream(target: &SampleImage) -> Vec<u8> {
    let tar = &target.tars[1];
    let (path, text) = (b"usr/text", &tar[CONTENT..CONTENT + 30_000]);
    let end = &tar[CONTENT + 30_000..];
    let one = operations(&[
        (0, CONTENT, &tar[..CONTENT]),
        (1, path.len(), path),
        (4, 1 << 40, b""),
        (1, path.len(), path),
        (2, CHANGED.start, b""),
        (0, CHANGED.len(), &text[CHANGED]),
        (4, CHANGED.end, b""),
        (2, 0, b""),
    ]);
    let rest = 30_000 - CHANGED.end;
    let other = operations(&[(3, 100, &[0; 100]), (2, rest - 100, b""), (0, end.len(), end)]);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
    [&b"tardf1\n\0"[..], &packed(&one), &skipped, &packed(&other)].concat()
}

/// What a signature signs.
const PAYLOAD: &[u8] = br#"{"critical":{}}"#;

/// A signature, as cosign puts it into a manifest.
fn signature() -> Value {
    let described = |kind: &str, blob: &[u8]| json!({ "mediaType": kind, "digest": Digest::of(blob), "size": blob.len() });
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": described(media_type::OCI_CONFIG, b"{}"),
        "layers": [described("application/vnd.dev.cosign.simplesigning.v1+json", PAYLOAD)],
    })
}

/// What the Go generator writes of the pair: no media type in the manifest, annotations that nobody reads, layers before
/// what names them, and a signature.
fn artifact([base, target]: &[SampleImage; 2], changed: Vec<u8>) -> Artifact {
    let digests: Vec<Digest> = target.contents.layers.iter().map(|layer| layer.digest).collect();
    let part = |kind: &str, content: &str, to: Option<Digest>| {
        let mut notes = json!({ format!("{DELTA}.content"): content });
        if let Some(to) = to {
            notes[format!("{DELTA}.to")] = json!(to);
        }
        json!({ "mediaType": kind, "annotations": notes })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "artifactType": "application/vnd.io.github.containers.oci-delta.v1",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2 },
        "layers": [
            part("application/vnd.tar-diff", "image-layer", Some(digests[1])),
            part(media_type::OCI_LAYER_GZIP, "image-layer", Some(digests[2])),
            part(media_type::OCI_MANIFEST, "cosign-signature", None),
            part("application/vnd.dev.cosign.simplesigning.v1+json", "cosign-signature-content", None),
            part(media_type::OCI_CONFIG, "image-config", None),
            part(media_type::OCI_MANIFEST, "image-manifest", None),
        ],
        "subject": {
            "mediaType": media_type::OCI_MANIFEST,
            "digest": target.manifest_digest(),
            "size": target.contents.manifest.len(),
        },
        "annotations": {
            format!("{DELTA}.source-config"): base.id(),
            format!("{DELTA}.source"): base.manifest_digest(),
            format!("{DELTA}.target"): target.manifest_digest(),
            format!("{DELTA}.reused"): json!([digests[0]]).to_string(),
            format!("{DELTA}.reused-diff-id"): json!([Digest::of(&target.tars[0])]).to_string(),
        },
    });
    let blobs = vec![
        changed,
        target.blob(2).to_vec(),
        signature().to_string().into_bytes(),
        PAYLOAD.to_vec(),
        target.contents.config.clone(),
        target.contents.manifest.clone(),
    ];
    Artifact { manifest, blobs }
}

/// The images in a bench, and the artifact `delta` as if it had been made there.
fn scene([base, target]: &[SampleImage; 2], delta: Artifact) -> Scene {
    let bench = Bench::new();
    let base = bench.put("base", &base.contents);
    let target = bench.put("target", &target.contents);
    Scene { bench, base, target, delta }
}

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
    let found = find_deltas(&scene.bench.transports, name, &opened, &Silent).expect("answered");
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

fn stream_of(parts: &[Operation<'_>]) -> Vec<u8> {
    [&b"tardf1\n\0"[..], &packed(&operations(parts))].concat()
}

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
