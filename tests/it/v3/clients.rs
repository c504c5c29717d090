//! Other people's programs read what we write.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use remora::image::{Digest, Image};
use remora::progress::Silent;
use remora::v3::{self, ApplyOptions, Compression, CreateOptions, ManifestKind};
use serde_json::Value;

use super::{apply, create, release_pair};
use crate::images::{Bench, delta_stream, layer_tar, parse};

/// Runs a program that must be installed and succeed, and gives what it prints.
fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("cannot run {program}: {error}; install it with apt-get install {program}")
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {}: {stderr}", output.status);
    output.stdout
}

fn skopeo(arguments: &[&str]) -> Vec<u8> {
    run("skopeo", &[&["--insecure-policy"], arguments].concat())
}

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
        run(
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
        let options = CreateOptions { manifest, compression, ..CreateOptions::default() };
        let Made { bench, delta, .. } = made(&options);
        let source = delta.reference().to_string();
        let raw = skopeo(&["inspect", "--raw", &source]);
        assert_eq!(Some(Digest::of(&raw)), delta.manifest().map(|manifest| manifest.digest()));
        let config = skopeo(&["inspect", "--config", "--raw", &source]);
        assert_eq!(Digest::of(&config), delta.id().0);

        // A copy reads every blob and checks it.
        let copy = format!("dir:{}", bench.path().join("copy").display());
        skopeo(&["copy", "--preserve-digests", &source, &copy]);
        let described: Value = serde_json::from_slice(&skopeo(&["inspect", &copy])).expect("json");
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
        let rebuilt = v3::apply(&base, &delta, &bench.store, options, &Silent).expect("applies");
        bench.put_at(&destination, rebuilt.contents());

        let source = destination.to_string();
        let config = skopeo(&["inspect", "--config", "--raw", &source]);
        assert_eq!(Digest::of(&config), target.id().0, "{transport}");
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
