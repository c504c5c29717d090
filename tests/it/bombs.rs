//! Small inputs that want to be large, or never end: each is refused soon, by its name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use remora::apply::ApplyError;
use remora::image::{
    DiffId, Digest, Excess, ImageError, ImageReference, TransportSettings, Transports, UnpackLimits,
};
use remora::progress::Silent;
use remora::store::StoreError;
use remora::v3::V3Error;
use remora::{Error, ErrorKind, Remedy};

use crate::images::{Bench, gzip, image, linux, parse, tar};
use crate::tools::run;

const MIB: usize = 1 << 20;

/// Zeros with a number behind them, and a zstd layer of those.
fn zeros(mib: usize, number: u8) -> (Vec<u8>, DiffId) {
    let mut bytes = vec![0; mib * MIB];
    bytes.push(number);
    let blob = zstd::encode_all(&bytes[..], 3).expect("vec");
    (blob, DiffId(Digest::of(&bytes)))
}

fn limits(change: impl FnOnce(&mut UnpackLimits)) -> UnpackLimits {
    let mut limits = UnpackLimits::default();
    change(&mut limits);
    limits
}

#[test]
fn layers_that_unpack_to_too_much_are_refused_one_by_one_and_together() {
    let mut bench = Bench::new();
    let put = |bench: &Bench, tag: &str, layers: &[(Vec<u8>, DiffId)]| {
        let add = |image: crate::images::ImageBuilder, layer: &(Vec<u8>, DiffId)| {
            image.blob(layer.0.clone(), layer.1)
        };
        bench.put(tag, &layers.iter().fold(image(), add).build())
    };
    let one = put(&bench, "one", &[zeros(80, 1)]);
    let many = put(&bench, "many", &[zeros(30, 1), zeros(30, 2), zeros(30, 3)]);
    let twice = put(&bench, "twice", &[zeros(1, 1), zeros(1, 1)]);

    let error = bench.store.ensure_layers(&[&one], &Silent).expect_err("one layer");
    assert!(
        matches!(error, StoreError::TooLarge { excess: Excess::Ratio { ratio: 1100, .. }, .. }),
        "{error}"
    );
    assert_eq!((error.kind(), error.remedy()), (ErrorKind::Content, Some(Remedy::LargerLayers)));
    let error = bench.store.ensure_layers(&[&many], &Silent).expect_err("layers together");
    assert!(matches!(error, StoreError::TooLarge { excess: Excess::Ratio { .. }, .. }), "{error}");
    bench.store = bench.store.clone().with_limits(limits(|limits| limits.image_bytes = 3 << 19));
    let error = bench.store.ensure_layers(&[&twice], &Silent).expect_err("one layer twice");
    assert!(matches!(error, StoreError::ImageTooLarge { excess: Excess::Image(_), .. }), "{error}");
    bench.store = bench.store.clone().with_limits(limits(|limits| limits.ratio = 1 << 20));
    bench.store.ensure_layers(&[&one, &many, &twice], &Silent).expect("allowed");
    assert!(bench.work_in_progress().is_empty());
}

#[test]
fn a_delta_that_copies_a_small_base_again_and_again_is_refused() {
    let bench = Bench::new();
    let layer = tar(&[("zeros", &vec![0; 60_000])]);
    let base = bench.put("base", &image().layer(&layer).build());
    let copy = [&b"\x46\x00"[..], &(60_000_u16).to_be_bytes()].concat();
    let stream = [&b"rs\x026"[..], &copy.repeat(2_000), b"\0"].concat();
    let target = image().blob(Vec::new(), DiffId(Digest::of(b"never made")));
    let blob = gzip(&tar(&[("d", &stream)]));
    let diff_id = DiffId(Digest::of(&blob));
    let delta = image().delta(&base.id().to_string(), &target.config()).blob(blob, diff_id);
    let delta = bench.put("delta", &delta.build());
    let mut bench = bench;
    bench.store = bench.store.clone().with_limits(limits(|limits| limits.ratio = 1));
    let error = crate::v3::apply(&bench, &base, &delta).expect_err("too large");
    assert!(matches!(error, ApplyError::V3(V3Error::Layer { layer: 1, .. })), "{error}");
    assert_eq!(error.kind(), ErrorKind::Content);
    assert_eq!(Error::from(error).remedy(), Some(Remedy::LargerLayers));
    assert!(bench.work_in_progress().is_empty());
}

#[test]
fn archives_that_unpack_to_too_much_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let open = |limits: UnpackLimits, name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        let settings = TransportSettings::default().changed(|settings| settings.limits = limits);
        let transports = Transports::new(settings).expect("no files");
        let reference = parse(&format!("docker-archive:{}", path.display()));
        transports.open(&reference, &linux()).map(drop).expect_err(name)
    };
    let zeros = vec![0; 80 * MIB];
    let bomb = zstd::encode_all(&zeros[..], 3).expect("vec");
    let error = open(UnpackLimits::default(), "ratio", &bomb);
    assert!(matches!(error, ImageError::TooLarge { excess: Excess::Ratio { .. }, .. }), "{error}");
    let small = limits(|limits| limits.archive_bytes = MIB as u64);
    let error = open(small, "size", &gzip(&zeros[..2 * MIB]));
    assert!(matches!(error, ImageError::TooLarge { excess: Excess::Archive(_), .. }), "{error}");
    assert_eq!((error.kind(), error.remedy()), (ErrorKind::Content, Some(Remedy::LargerLayers)));
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let bench = Bench::new();
    let contents = image().layer(&tar(&[("a", b"b")])).build();
    let opened = bench.put("image", &contents);
    let layout = bench.path().join("layout");
    let reference = bench.reference("image");
    let begun = Instant::now();

    let blob = opened.manifest().expect("one").layers()[0].digest;
    let blob = layout.join("blobs/sha256").join(blob.hex());
    fs::remove_file(&blob).expect("removed");
    run("mkfifo", &[&blob]);
    let error = bench.store.ensure_layers(&[&opened], &Silent).expect_err("a pipe");
    assert!(error.to_string().ends_with("it is a named pipe, not a file"), "{error}");

    let index = layout.join("index.json");
    fs::remove_file(&index).expect("removed");
    symlink("/dev/zero", &index).expect("linked");
    let open = |reference: &ImageReference| {
        bench.transports.open(reference, &linux()).map(drop).expect_err("no file").to_string()
    };
    assert!(open(&reference).ends_with("it is a device, not a file"));
    fs::remove_file(&index).expect("removed");
    run("mkfifo", &[&index]);
    assert!(open(&reference).ends_with("it is a named pipe, not a file"));
    assert!(open(&parse("docker-archive:/dev/zero")).ends_with("it is a device, not a file"));

    let ca_file = Some(Path::new("/dev/zero").to_owned());
    let settings = TransportSettings::default().changed(|settings| settings.ca_file = ca_file);
    let error = Transports::new(settings).map(drop).expect_err("no file");
    assert!(error.to_string().ends_with("it is a device, not a file"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_archive_is_not_waited_for_longer_than_somebody_may_take_to_write_it() {
    let folder = tempfile::tempdir().expect("folder");
    let pipe = folder.path().join("pipe");
    run("mkfifo", &[&pipe]);
    let transports = Transports::new(TransportSettings::default()).expect("no files");
    let reference = parse(&format!("docker-archive:{}", pipe.display()));
    let error = transports.open(&reference, &linux()).map(drop).expect_err("nobody writes");
    assert!(error.to_string().ends_with("nobody writes into this named pipe"), "{error}");
}

#[test]
fn an_archive_may_come_through_a_shells_pipe_however_late() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/thermostat-1.0.tar");
    let folder = tempfile::tempdir().expect("folder");
    let script = format!(
        "{} create docker-archive:<(sleep 1; cat {archive}) docker-archive:{archive} -o oci:{}/out",
        env!("CARGO_BIN_EXE_remora"),
        folder.path().display(),
        archive = archive.display(),
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("REMORA_STORE", folder.path().join("store"));
    let output = bash.output().expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
