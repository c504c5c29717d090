//! An oci-delta as the Go generator writes one, and the images that it is between.

use remora::image::{Digest, media_type};
use serde_json::{Value, json};

use super::{Artifact, Scene};
use crate::images::Bench;
use crate::sample_image::{SampleImage, Style, noise};

const DELTA: &str = "io.github.containers.delta";
/// Where the content of a tar's first file begins, and where text is changed in it.
pub(super) const CONTENT: usize = 512;
const CHANGED: std::ops::Range<usize> = 10_000..10_020;

/// One operation of a stream: its number, its size, its bytes.
type Operation<'a> = (u8, usize, &'a [u8]);

pub(super) fn operations(operations: &[Operation<'_>]) -> Vec<u8> {
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

pub(super) fn packed(raw: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(raw, 3).expect("memory")
}

/// Images of a kind that such generators make deltas of: of the three layers one stays, one is changed and one is new.
pub(super) fn images() -> [SampleImage; 2] {
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
pub(super) fn stream(target: &SampleImage) -> Vec<u8> {
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
pub(super) fn artifact([base, target]: &[SampleImage; 2], changed: Vec<u8>) -> Artifact {
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
pub(super) fn scene([base, target]: &[SampleImage; 2], delta: Artifact) -> Scene {
    let bench = Bench::new();
    let base = bench.put("base", &base.contents);
    let target = bench.put("target", &target.contents);
    Scene { bench, base, target, delta }
}

/// A stream of these operations.
pub(super) fn stream_of(parts: &[Operation<'_>]) -> Vec<u8> {
    [&b"tardf1\n\0"[..], &packed(&operations(parts))].concat()
}
