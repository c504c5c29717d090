//! oci-deltas are what other people's readers take: the crate `oci-delta`, which bootc and composefs use, rebuilds every
//! layer from files that umoci unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::small_pair;
use crate::images::{Bench, ImageBuilder, image, noise};
use crate::odd_tars::build::{Header, Magic, archive, entry, file, long, padded, pax};
use crate::tools::missing;
use crate::v2::layers::Unpacked;

/// Where link names begin in a header, and modes.
const LINK: usize = 157;
const MODE: usize = 100;

/// Builds the program around the crate, once a process; a second build has nothing to do.
fn applier() -> &'static Path {
    static APPLIER: OnceLock<PathBuf> = OnceLock::new();
    APPLIER.get_or_init(|| {
        let manifest =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oci_delta_applier/Cargo.toml");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oci-delta-applier");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
        let built = cargo.arg("--target-dir").arg(&target).output();
        let built = built.unwrap_or_else(|error| missing("cargo", &error));
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "needs apt-get install libssl-dev pkg-config: {said}");
        target.join("debug/oci-delta-applier")
    })
}

/// A header with this text in the field at `at`.
fn header(name: &str, flag: u8, at: usize, field: &str) -> Header {
    Header::new(Magic::Ustar, name, flag, 0).with(at, field.as_bytes())
}

/// The bytes of `content`, one in 40 changed.
fn changed(content: &[u8]) -> Vec<u8> {
    let mut changed = content.to_vec();
    changed.iter_mut().step_by(40).for_each(|byte| *byte = byte.wrapping_add(7));
    changed
}

/// A file of which some is not stored, in PAX's form.
fn sparse(name: &str, stored: &[u8]) -> Vec<u8> {
    let end = 1 << 20;
    let map = format!("2\n4096\n{}\n{end}\n0\n", stored.len());
    let (real, content) = (end.to_string(), [padded(map.as_bytes()), stored.to_vec()].concat());
    let records = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", name),
        ("GNU.sparse.realsize", &real),
    ];
    [pax(b'x', &records), file("usr/GNUSparseFile.0/sparse", &content)].concat()
}

/// Layers with all that trees and tars have that could lead a reader astray.
fn odd_pair() -> (ImageBuilder, ImageBuilder) {
    let [big, secret, holes, data, gone] =
        [(1, 3 << 20), (2, 20_000), (3, 9_000), (4, 30_000), (5, 20_000)].map(|(n, l)| noise(n, l));
    let name = format!("usr/{}/file", ["long"; 40].join("-"));
    let folder = |name| entry(header(name, b'5', MODE, "0000755"), b"");
    let private = |content: &[u8]| {
        let header = Header::new(Magic::Ustar, "etc/secret", b'0', content.len());
        entry(header.with(MODE, b"0000600"), content)
    };
    let noted = pax(b'x', &[("SCHILY.xattr.user.note", "hello"), ("mtime", "1700000000.5")]);
    let lower = archive(&[
        folder("usr/"),
        folder("usr/lib/"),
        file("usr/lib/big", &big),
        entry(header("usr/lib/other-name", b'1', LINK, "usr/lib/big"), b""),
        entry(header("lib", b'2', LINK, "usr/lib"), b""),
        noted.clone(),
        file("usr/noted", &data),
        [long(b'L', name.as_bytes()), file("usr/cut", &data)].concat(),
        private(&secret),
        sparse("usr/sparse", &holes),
        file("usr/gone", &gone),
        file("usr/empty", b""),
        file("var/data", &noise(6, 50_000)),
    ]);
    let upper = archive(&[file("usr/.wh.gone", b""), file("usr/noted", &changed(&data))]);
    let target = archive(&[
        folder("usr/"),
        file("usr/lib/big", &changed(&big)),
        file("usr/lib/moved", &big),
        entry(header("usr/lib/linked", b'1', LINK, "usr/lib/moved"), b""),
        noted,
        file("usr/noted", &data),
        [long(b'L', name.as_bytes()), file("usr/cut", &changed(&data))].concat(),
        private(&secret),
        sparse("usr/sparse", &changed(&holes)),
        file("usr/back", &gone),
        file("usr/data", &noise(6, 50_000)),
    ]);
    let base = image().layer(&lower).layer(&upper);
    let new = archive(&[file("usr/new", &noise(7, 5 << 20))]);
    (base, image().layer(&target).layer(&upper).layer(&new))
}

/// Makes the oci-delta of the images in `bench` with `options`, and applies it with the crate to the files at `tree`. Returns
/// of each layer whether it is left to the base, and its diff ID.
fn applied(bench: &Bench, options: &[&str], tree: &Path) -> Vec<(bool, String)> {
    let delta = bench.path().join(format!("delta{}", options.concat()));
    let images = ["base", "target"].map(|tag| bench.reference(tag).to_string());
    let output = format!("oci:{}", delta.display());
    let mut create = Command::new(env!("CARGO_BIN_EXE_remora"));
    create.arg("create").args(images).args(["--format", "oci-delta", "--output", &output]);
    let made = create.args(options).arg("--quiet").env("REMORA_STORE", bench.store.path()).output();
    let made = made.expect("runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let ran = Command::new(applier()).arg(&delta).arg(tree).output().expect("runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8(ran.stdout).expect("text");
    let of_line = |line: &str| {
        let (how, diff_id) = line.split_once(' ').expect("two words");
        (how == "kept", diff_id.to_owned())
    };
    said.lines().map(of_line).collect()
}

/// Leaves of the files at `tree` what a host without composefs has.
fn leave_usr_and_etc(tree: &Path) {
    for entry in fs::read_dir(tree).expect("readable") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("entry");
        if name != "usr" && name != "etc" {
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
}

#[test]
fn the_crate_of_bootc_and_composefs_rebuilds_every_layer() {
    for ((base, target), is_kept) in
        [(small_pair(), [true, false, false]), (odd_pair(), [false, true, false])]
    {
        let bench = Bench::new();
        let base = bench.put("base", &base.build());
        let target = bench.put("target", &target.build());
        let layers: Vec<Vec<u8>> =
            (0..base.layer_count()).map(|number| crate::images::layer_tar(&base, number)).collect();
        let layers: Vec<&[u8]> = layers.iter().map(|layer| &layer[..]).collect();
        let tree = Unpacked::new(&layers).expect("umoci takes them");
        let expected: Vec<(bool, String)> = is_kept
            .into_iter()
            .zip(target.config().diff_ids().iter().map(ToString::to_string))
            .collect();
        assert_eq!(applied(&bench, &[], &tree.root()), expected);
        leave_usr_and_etc(&tree.root());
        assert_eq!(applied(&bench, &["--for", "bootc"], &tree.root()), expected);
    }
}
