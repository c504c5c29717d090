//! Other people's programs read what we write.

use std::fs;

use remora::apply::ApplyOptions;
use remora::image::{Digest, Image};
use remora::progress::Silent;
use remora::v3::{Compression, CreateOptions, ManifestKind};
use serde_json::Value;

use super::{apply, create, release_pair};
use crate::images::{Bench, delta_stream, layer_tar, parse};
use crate::registry_server::RegistryServer;
use crate::tools::{self, skopeo};

struct Made {
    bench: Bench,
    base: Image,
    target: Image,
    delta: Image,
}

fn made(options: &CreateOptions) -> Made {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let delta = create(&bench, &base, &target, options).expect("made");
    let delta = bench.put("delta", delta.contents());
    Made { bench, base, target, delta }
}

fn base_stream(base: &Image) -> Vec<u8> {
    (0..base.layer_count()).flat_map(|index| layer_tar(base, index)).collect()
}

#[test]
fn rdiff_applies_our_commands_to_the_concatenated_base() {
    let Made { bench, base, target, delta } = made(&CreateOptions::default());
    let path = |name: &str| bench.path().join(name);
    fs::write(path("stream"), base_stream(&base)).expect("written");
    for index in 0..target.layer_count() {
        fs::write(path("commands"), delta_stream(&delta, index)).expect("written");
        tools::run(
            "rdiff",
            &["--force".into(), "patch".into(), path("stream"), path("commands"), path("layer")],
        );
        assert!(fs::read(path("layer")).expect("made") == layer_tar(&target, index), "{index}");
    }
}

#[test]
fn fast_rsync_applies_our_commands_to_the_concatenated_base() {
    let Made { bench: _bench, base, target, delta } = made(&CreateOptions::default());
    let stream = base_stream(&base);
    for index in 0..target.layer_count() {
        let mut layer = Vec::new();
        fast_rsync::apply(&stream, &delta_stream(&delta, index), &mut layer).expect("applies");
        assert!(layer == layer_tar(&target, index), "{index}");
    }
}

#[test]
fn skopeo_reads_and_copies_the_delta_image() {
    for compression in [Compression::Gzip, Compression::None] {
        // In a layout skopeo looks for OCI manifests only.
        let manifest = ManifestKind::Oci;
        let mut options = CreateOptions::default();
        (options.manifest, options.compression) = (manifest, compression);
        let Made { bench, delta, .. } = made(&options);
        let source = delta.reference().to_string();
        let raw = skopeo(&["inspect", "--raw", &source]);
        assert_eq!(
            Some(Digest::of(raw.as_bytes())),
            delta.manifest().map(|manifest| manifest.digest())
        );
        let config = skopeo(&["inspect", "--config", "--raw", &source]);
        assert_eq!(Digest::of(config.as_bytes()), delta.id().0);

        // A copy reads every blob and checks it.
        let copy = format!("dir:{}", bench.path().join("copy").display());
        skopeo(&["copy", "--preserve-digests", &source, &copy]);
        let described: Value = serde_json::from_str(&skopeo(&["inspect", &copy])).expect("json");
        assert_eq!(described["Os"], "linux");
    }
}

#[test]
fn skopeo_finds_the_target_in_what_apply_writes() {
    let Made { bench, base, target, delta } = made(&CreateOptions::default());
    for transport in ["oci", "oci-archive", "docker-archive"] {
        let file = bench.path().join(transport);
        let destination = parse(&format!("{transport}:{}:app:2", file.display()));
        let options = ApplyOptions::for_destination(&destination);
        let rebuilt =
            remora::apply::apply(&base, &delta, &bench.store, options, &Silent).expect("applies");
        bench.put_at(&destination, rebuilt.contents());

        let source = destination.to_string();
        let config = skopeo(&["inspect", "--config", "--raw", &source]);
        assert_eq!(Digest::of(config.as_bytes()), target.id().0, "{transport}");
        // Unpacks every layer and compares it with its diff ID.
        let copy = format!("docker-archive:{}.copy", file.display());
        skopeo(&["copy", &source, &copy]);
    }
}

#[test]
fn what_is_rebuilt_twice_has_the_same_manifest() {
    let Made { bench, base, delta, .. } = made(&CreateOptions::default());
    let manifest = || apply(&bench, &base, &delta).expect("applies").contents().manifest.clone();
    assert_eq!(manifest(), manifest());
}

#[test]
fn a_delta_goes_through_a_registry_to_a_machine_that_has_only_the_base() {
    let registry = RegistryServer::open();
    let place = |tag: &str| parse(&format!("{}/app:{tag}", registry.address()));
    let (base, target) = release_pair();
    let here = Bench::new();
    let base = here.put_at(&place("1"), &base.build());
    let target = here.put_at(&place("2"), &target.build());
    for manifest in [ManifestKind::Docker, ManifestKind::Oci] {
        let mut options = CreateOptions::default();
        options.manifest = manifest;
        let delta = create(&here, &base, &target, &options).expect("made");
        let pushed = here.put_at(&place("delta"), delta.contents());
        let digest = pushed.manifest().map(|manifest| manifest.digest());
        assert_eq!(digest, delta.report().delta_digest);

        let there = Bench::new();
        let (base, delta) = (there.open(&place("1")), there.open(&place("delta")));
        let rebuilt = apply(&there, &base, &delta).expect("applies");
        there.put_at(&place("rebuilt"), rebuilt.contents());
        let source = format!("docker://{}/app:rebuilt", registry.address());
        let config = skopeo(&["inspect", "--tls-verify=false", "--config", "--raw", &source]);
        assert_eq!(Digest::of(config.as_bytes()), target.id().0);

        // skopeo unpacks every layer of the result, and copies the delta unchanged.
        let archive = format!("docker-archive:{}", there.path().join("copy.tar").display());
        skopeo(&["copy", "--src-tls-verify=false", &source, &archive]);
        let source = format!("docker://{}/app:delta", registry.address());
        let folder = format!("dir:{}", there.path().join("copy").display());
        skopeo(&["copy", "--preserve-digests", "--src-tls-verify=false", &source, &folder]);
    }
}
