//! Deltas that others made: balena-engine's and C librsync's own test data.
//!
//! They are not part of this repository. They are looked for in `../shared/testdata` beside the
//! checkout, or in `testdata` of the folder that `REMORA_SHARED` names.

use std::fs;
use std::path::{Path, PathBuf};

use remora::ErrorKind;
use remora::delta::Base;
use remora::image::{Digest, Image, UnpackLimits};
use remora::librsync::patch;
use remora::progress::Silent;
use remora::v3::{self, V3Error};

use super::apply;
use crate::images::{Bench, parse};

/// The folder `name` of the given test data; `None`, and a line that says so, where nobody put it.
#[allow(clippy::print_stderr, reason = "a test that looks at nothing must say so")]
fn given(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let named = std::env::var_os("REMORA_SHARED").map(PathBuf::from);
    if named.is_none() && !beside.exists() {
        eprintln!("not tested: {} is not there; name it with REMORA_SHARED", beside.display());
        return None;
    }
    let folder = named.unwrap_or(beside).join("testdata").join(name);
    assert!(folder.is_dir(), "{} should be a folder with test data", folder.display());
    Some(folder)
}

/// Opens one of balena-engine's test images.
fn busybox(bench: &Bench, folder: &Path, name: &str) -> Image {
    let path = folder.join(format!("busybox-{name}.tar.gz"));
    bench.open(&parse(&format!("docker-archive:{}", path.display())))
}

#[test]
fn the_engines_own_delta_makes_busybox_1_29_from_1_24() {
    let Some(folder) = given("balena-engine") else { return };
    let bench = Bench::new();
    let [base, target, delta] =
        ["1.24", "1.29", "delta"].map(|name| busybox(&bench, &folder, name));
    let rebuilt = apply(&bench, &base, &delta).expect("applies");
    let expected = "758ec7f3a1ee85f8f08399b55641bfb13e8c1109287ddc5e22b68c3d653152ee";
    assert_eq!(Digest::of(&rebuilt.contents().config).hex(), expected);
    assert_eq!(rebuilt.contents().config, target.config().bytes());
    assert_eq!(bench.put("rebuilt", rebuilt.contents()).id(), target.id());

    let report = v3::inspect(&delta, &UnpackLimits::default(), &Silent).expect("read");
    assert_eq!((report.base_id, report.target_id), (base.id(), target.id()));
    assert_eq!(report.layers[0].size, 1_369_600);
}

#[test]
fn the_engines_damaged_deltas_are_refused_with_the_place() {
    let Some(folder) = given("balena-engine") else { return };
    let bench = Bench::new();
    let base = busybox(&bench, &folder, "1.24");
    for (name, expected) in [
        ("delta-bad-magic", "layer 1: command 0 at byte 0: the delta starts with ["),
        ("delta-truncated", "layer 1: command 3 at byte 9969: the delta ends before its END"),
    ] {
        let delta = busybox(&bench, &folder, name);
        let error = apply(&bench, &base, &delta).expect_err(name);
        assert!(matches!(error, V3Error::Layer { layer: 1, .. }), "{error}");
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.kind(), ErrorKind::Content);
        let error = v3::inspect(&delta, &UnpackLimits::default(), &Silent).expect_err(name);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    assert!(bench.work_in_progress().is_empty());
}

#[test]
fn librsyncs_golden_deltas_decode_and_apply() {
    let Some(folder) = given("librsync") else { return };
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("readable") {
        let path = entry.expect("entry").path();
        if path.extension() != Some("delta".as_ref()) {
            continue;
        }
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let number = name.split('-').next().expect("a number");
        let read = |extension: &str| fs::read(folder.join(format!("{number}.{extension}")));
        let (old, new) = (read("old").expect("there"), read("new").expect("there"));
        let delta = fs::read(&path).expect("there");
        let mut made = Vec::new();
        patch(&Base::new(vec![&old]), &delta[..], &mut made, new.len() as u64).expect(&name);
        assert!(made == new, "{name}");
        count += 1;
    }
    assert!(count >= 20, "only {count} deltas in {}", folder.display());
}
