//! Hosts without balena-engine: whom they trust, and the engines that images go to and come from.

mod containerd;
mod daemon;
mod embedded_signatures;
mod odd_engines;
mod pipes;
mod trust;

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The fixture's releases, and their configs' digests.
const BASE: &str = "oci:fixtures/thermostat:1.0";
const TARGET: &str = "oci:fixtures/thermostat:1.1";

/// Remora with a store of its own, at the root of the checkout.
fn remora(folder: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("REMORA_STORE", folder.join("store"));
    command.env_remove("DOCKER_HOST").env_remove("DOCKER_TLS_VERIFY");
    command.envs(environment.iter().copied());
    command
}

/// Runs Remora, which must succeed.
fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let output = remora(folder, environment).args(arguments).output().expect("started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    output
}

/// A folder with the delta between the fixture's releases, `oci:FOLDER/delta:1`.
fn with_delta() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let delta = format!("oci:{}:1", folder.path().join("delta").display());
    run(folder.path(), &[], &["create", BASE, TARGET, "--output", &delta]);
    (folder, delta)
}

/// The image ID of a release of the fixture.
fn id(reference: &str) -> String {
    let transports = remora::image::Transports::new(Default::default()).expect("no files");
    let platform = "linux/amd64".parse().expect("a platform");
    let image = transports.open(&reference.parse().expect("a reference"), &platform);
    image.expect("the fixture").id().to_string()
}
