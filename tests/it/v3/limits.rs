//! What deltas cost while they are made and applied, and what happens when the disk has no room.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use remora::image::{DiffId, Digest, ImageReference};
use serde_json::Value;

use crate::images::{Bench, gzip, image, noise, tar};

/// Runs the `remora` program, after the shell commands `before`.
fn remora(before: &str, arguments: &[&str], store: &Path) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_remora")]);
    command.args(arguments).arg("--store").arg(store).stdin(Stdio::null());
    command.output().expect("sh runs")
}

/// The most anonymous memory that `apply` may take, whatever it applies.
const APPLY_MEMORY: u64 = 64 << 20;
const MIB: usize = 1 << 20;

#[test]
fn apply_takes_little_memory_whatever_the_size_of_layers() {
    let bench = Bench::new();
    // Half of the new layer comes from the base and half from the delta; both are larger than what
    // apply may take.
    let (old, new) = (vec![b'o'; 80 * MIB], vec![b'n'; 80 * MIB]);
    let base = image().layer(&old);
    let layer = [&old[..], &new].concat();
    let mut stream = b"rs\x026\x47\x00\x05\x00\x00\x00\x43\x05\x00\x00\x00".to_vec();
    stream.write_all(&new).expect("vec");
    stream.push(0);
    let target = image().layer(&layer);
    drop(layer);
    let base = bench.put("base", &base.build());
    let blob = gzip(&tar(&[("delta", &stream)]));
    let diff_id = DiffId(Digest::of(&blob));
    let delta = image().delta(&base.id().to_string(), &target.config()).blob(blob, diff_id);
    let delta = bench.put("delta", &delta.build());
    drop((old, new, stream));

    let output = bench.reference("rebuilt").to_string();
    let (base, delta) = (base.reference().to_string(), delta.reference().to_string());
    let arguments = ["apply", &base, &delta, "--output", &output, "--json"];
    let ran = remora(":", &arguments, &bench.path().join("other-store"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let report: Value = serde_json::from_slice(&ran.stdout).expect("json");
    let peak = report["total"]["peak_memory"].as_u64().expect("a number");
    assert!(peak <= APPLY_MEMORY, "{peak} bytes");
    assert_eq!(
        bench.open(&bench.reference("rebuilt")).config().bytes(),
        target.config().as_bytes()
    );
}

/// Everything below `folder` that is a file.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_disk_without_room_leaves_nothing_behind() {
    let bench = Bench::new();
    let base = image().layer(&tar(&[("a", &noise(1, 1000))]));
    let target = image().layer(&tar(&[("a", &noise(2, MIB))]));
    let [base, target] = [("base", base), ("target", target)]
        .map(|(name, image)| bench.put(name, &image.build()).reference().to_string());
    let store = bench.path().join("other-store");
    let output: ImageReference =
        crate::images::parse(&format!("oci:{}/out:x", bench.path().display()));
    let output = output.to_string();
    let arguments = ["create", &base, &target, "--output", &output];

    // No file may have more than 512 KiB: the target's layer does not fit into the store.
    let small = "ulimit -f 1024";
    let ran = remora(small, &arguments, &store);
    assert_eq!(ran.status.code(), Some(3), "{}", String::from_utf8_lossy(&ran.stderr));

    // With the layers in the store already, it is the delta's blob that does not fit.
    let warm = remora(":", &["diff", &base, &target], &store);
    assert!(warm.status.success(), "{}", String::from_utf8_lossy(&warm.stderr));
    let ran = remora(small, &arguments, &store);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("cannot write a layer blob"), "{stderr}");
    for folder in ["incoming", "scratch"] {
        assert_eq!(files(&store.join(folder)), [""; 0].map(std::path::PathBuf::from));
    }
    assert_eq!(files(&bench.path().join("out")), [""; 0].map(std::path::PathBuf::from));
}
