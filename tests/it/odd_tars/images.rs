//! Images whose layers gave other tools trouble, through the command line.

use std::fs;
use std::process::{Command, Output};

use remora::image::{DiffId, Digest};
use remora::rootfs;

use super::build::{Header, Magic, PREFIX, UID, archive, entry, file, long, padded, pax};
use crate::images::{Bench, image, tar};
use crate::sample_image::noise;
use crate::v2::device::Device;
use crate::v2::folder::differences_apart_from;
use crate::v2::layers::Unpacked;

fn base() -> Vec<u8> {
    tar(&[("etc/a", &noise(3, 4000)), ("etc/b", b"as it was")])
}

/// Runs `remora create` on the images `old` and `new`.
fn create(bench: &Bench, format: &str, output: &str) -> Output {
    let images = ["old", "new"].map(|tag| bench.reference(tag).to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.arg("create").args(images).args(["--quiet", "--format", format, "--output", output]);
    command.env("REMORA_STORE", bench.store.path()).output().expect("runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn odd_layers() -> Vec<(&'static str, Vec<u8>)> {
    let stored = [&padded(b"2\n1\n2\n3000\n3\n")[..], b"abcde"].concat();
    let sparse = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.realsize", "4000"),
    ];
    let nobody = Header::new(Magic::Ustar, "u", b'0', 1)
        .with_base_256(UID, 8, u32::MAX.into())
        .with_base_256(super::build::GID, 8, u64::from(u32::MAX) - 1);
    let old_go = Header::new(Magic::Gnu, &"g".repeat(90), b'0', 4)
        .with_base_256(UID, 8, 369_884_941)
        .with(PREFIX, b"app/modules/some/deep/folder");
    let twice = [("path", "first"), ("gid", "1"), ("path", ""), ("gid", "9")];
    let names = [pax(b'x', &[("path", "loses")]), long(b'L', b"wins\0")].concat();
    let long_name = "n".repeat(120) + "/" + &"m".repeat(130);
    vec![
        (
            "a sparse file",
            archive(&[
                pax(b'x', &sparse),
                entry(
                    Header::new(Magic::Ustar, "GNUSparseFile.0/sparse", b'0', stored.len()),
                    &stored,
                ),
                file("after", b"x"),
            ]),
        ),
        (
            "names of two kinds",
            archive(&[
                names,
                file("own", b"1"),
                long(b'L', long_name.as_bytes()),
                file("own", b"2"),
            ]),
        ),
        (
            "a size in an extended header",
            archive(&[
                pax(b'x', &[("size", "600")]),
                Header::new(Magic::Ustar, "big", b'0', 0).sealed(false),
                padded(&noise(1, 600)),
                file("next", b"x"),
            ]),
        ),
        ("an owner that nobody can be", archive(&[entry(nobody, b"1")])),
        (
            "empty values",
            archive(&[
                pax(b'x', &[("path", ""), ("uid", ""), ("mtime", ""), ("uid", "7")]),
                file("k", b"1"),
            ]),
        ),
        ("keys that come twice", archive(&[pax(b'x', &twice), file("own", b"1")])),
        (
            "two extended headers",
            archive(&[
                pax(b'x', &[("path", "lost")]),
                pax(b'x', &[("gid", "9")]),
                file("own", b"1"),
            ]),
        ),
        (
            "an empty long name",
            archive(&[long(b'L', b""), file("p", b"1"), long(b'L', b"\0"), file("q", b"2")]),
        ),
        ("a prefix in a header of GNU's", archive(&[entry(old_go, b"1234")])),
    ]
}

#[test]
fn odd_layers_become_what_umoci_unpacks() {
    let base = base();
    for (name, odd) in odd_layers() {
        let bench = Bench::new();
        bench.put("old", &image().layer(&base).build());
        bench.put("new", &image().layer(&base).layer(&odd).build());
        let delta = bench.path().join("delta");
        let made = create(&bench, "v2", delta.to_str().expect("text"));
        assert!(made.status.success(), "{name}: {}", said(&made));
        let v3 = create(&bench, "v3", &bench.reference("delta").to_string());
        assert!(v3.status.success(), "{name}: {}", said(&v3));

        let unpacked = |layers: &[&[u8]]| Unpacked::new(layers).expect("umoci takes them");
        let device = Device::with(&unpacked(&[&base]).root());
        let (code, log) = device.apply(&fs::read(&delta).expect("made"), 60);
        assert_eq!(code, Some(0), "{name}: {log}");
        let target = unpacked(&[&base, &odd]);
        let folders = folders(&[&base, &odd]);
        let differences = differences_apart_from(&device.files(), &target.root(), &folders);
        assert!(differences.is_empty(), "{name}: {}", differences.join("\n"));
    }
}

/// Paths of directories: umoci gives those without an entry times of its own.
fn folders(layers: &[&[u8]]) -> Vec<Vec<u8>> {
    let sparse = rootfs::SparseFiles::of_layers(layers).expect("valid");
    let tree = rootfs::Tree::from_layers(layers, &sparse).expect("valid");
    crate::v2::layers::directories(&tree)
}

/// A zstd frame that says its window has `1 << log` bytes.
fn zstd_frame(tar: &[u8], log: u8) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("memory");
    std::io::Write::write_all(&mut encoder, tar).expect("memory");
    let mut frame = encoder.finish().expect("memory");
    assert_eq!(frame[4] & 0xe0, 0, "a window and no size of the content");
    frame[5] = (log - 10) << 3;
    frame
}

#[test]
fn zstd_layers_are_taken_or_refused_by_what_is_too_much() {
    let layer = tar(&[("k", &noise(8, 20_000))]);
    let skippable =
        [&[0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4][..], &zstd_frame(&layer, 23)].concat();
    for (name, blob, refusal) in [
        ("a skippable frame first", skippable, None),
        ("a window of 2^27", zstd_frame(&layer, 27), None),
        (
            "a window of 2^28",
            zstd_frame(&layer, 28),
            Some("window has 268435456 bytes, and the limit is 134217728"),
        ),
        (
            "a window of 2^31",
            zstd_frame(&layer, 31),
            Some("window has 2147483648 bytes, and the limit is 134217728"),
        ),
    ] {
        let bench = Bench::new();
        bench.put("old", &image().layer(&base()).build());
        let diff_id = DiffId(Digest::of(&layer));
        bench.put("new", &image().layer(&base()).blob(blob, diff_id).build());
        for format in ["v3", "v2"] {
            let output = match format {
                "v3" => bench.reference("delta").to_string(),
                _ => bench.path().join("delta").display().to_string(),
            };
            let made = create(&bench, format, &output);
            let expected = if refusal.is_some() { 4 } else { 0 };
            assert_eq!(made.status.code(), Some(expected), "{name}, {format}: {}", said(&made));
            assert!(said(&made).contains(refusal.unwrap_or_default()), "{name}: {}", said(&made));
        }
    }
}

#[test]
fn encrypted_layers_are_refused_as_such() {
    let bench = Bench::new();
    bench.put("old", &image().layer(&base()).build());
    let layer = tar(&[("k", b"secret")]);
    let mut contents = image().layer(&base()).layer(&layer).build();
    let manifest = String::from_utf8(contents.manifest.clone()).expect("text");
    let plain = remora::image::media_type::DOCKER_LAYER_GZIP;
    let last = manifest.rfind(plain).expect("layers");
    let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    contents.manifest =
        format!("{}{encrypted}{}", &manifest[..last], &manifest[last + plain.len()..]).into_bytes();
    bench.put("new", &contents);
    for (format, output) in [("v3", bench.reference("delta").to_string()), ("v2", "-".to_owned())] {
        let refused = create(&bench, format, &output);
        assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
        assert!(said(&refused).contains("layer 2 is encrypted"), "{}", said(&refused));
        assert!(refused.stdout.is_empty());
    }
}
