//! Artifacts of deltas: any manifest, with any parts, is read or refused, and what is read fits together.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use remora::artifact::{ArtifactDelta, inspect};
use remora::image::{
    Digest, ImageReference, Platform, TransportSettings, Transports, UnpackLimits,
};
use remora::progress::Silent;
use serde_json::{Value, json};

/// What a layer may have here, and all together.
const LAYER_BYTES: u64 = 1 << 20;

/// Puts `blob` into the layout at `folder`, and its digest and size into `descriptor`.
fn put(folder: &Path, blob: &[u8], descriptor: &mut Value) {
    let digest = Digest::of(blob);
    fs::write(folder.join("blobs/sha256").join(digest.hex().to_string()), blob).expect("writable");
    if let Value::Object(descriptor) = descriptor {
        descriptor.insert("digest".to_owned(), json!(digest));
        descriptor.insert("size".to_owned(), json!(blob.len()));
    }
}

/// Whether a blob's annotations say that it is the `content`.
fn is(descriptor: &Value, content: &str) -> bool {
    let notes = descriptor["annotations"].as_object();
    notes.is_some_and(|notes| notes.values().any(|value| value == content))
}

/// Writes a layout of the artifact `manifest` with its parts, all digests right: no input would have them by chance.
fn lay_out(folder: &Path, manifest: &[u8], [config, target, layer]: [&[u8]; 3]) {
    let mut target: Value = serde_json::from_slice(target).unwrap_or_default();
    if let Some(named) = target.get_mut("config") {
        put(folder, config, named);
    }
    let target = target.to_string().into_bytes();
    put(folder, b"{}", &mut Value::Null);
    let Ok(mut manifest) = serde_json::from_slice::<Value>(manifest) else { return };
    let blobs = manifest.get_mut("layers").and_then(Value::as_array_mut);
    for descriptor in blobs.into_iter().flatten() {
        let is = |content| is(descriptor, content);
        let blob = if is("image-config") {
            config
        } else if is("image-manifest") {
            &target
        } else {
            layer
        };
        put(folder, blob, descriptor);
    }
    let mut entry = json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json" });
    put(folder, manifest.to_string().as_bytes(), &mut entry);
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(folder.join("index.json"), index.to_string()).expect("writable");
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("remora-fuzz-artifact-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("blobs/sha256")).expect("the temporary folder is writable");
    fs::write(folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).expect("writable");
    folder
}

// The input: the artifact's manifest, the target's config, the target's manifest and the blob of every layer, with a zero byte
// after each of the first three.
fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(4, |byte| *byte == 0).map(|part| part.to_owned());
    let [manifest, config, target, layer] = [(); 4].map(|()| parts.next().unwrap_or_default());
    let folder = folder();
    lay_out(&folder, &manifest, [&config, &target, &layer]);
    let transports = Transports::new(TransportSettings::default()).expect("nobody is asked");
    let reference: ImageReference =
        format!("oci:{}", folder.display()).parse().expect("a reference");
    let Ok(artifact) = transports.open_any(&reference, &Platform::host(), &Silent) else { return };
    let Ok(delta) = ArtifactDelta::of(&artifact, &Silent) else { return };
    assert_eq!(delta.image().layer_count(), delta.target().diff_ids().len());
    let _ = delta.signatures(&Silent);
    let mut limits = UnpackLimits::default();
    limits.layer_bytes = LAYER_BYTES;
    if let Ok(inspection) = inspect(&delta, &limits, &Silent) {
        assert_eq!(inspection.layers.len(), delta.target().diff_ids().len());
        assert_eq!(inspection.base_id, delta.base());
    }
});
