//! Results on their way through pipes into Podman and containerd.

use std::path::Path;
use std::process::{Command, Stdio};

use remora::image::{ImageReference, Platform, Transports};
use tempfile::TempDir;

use super::containerd::Containerd;
use super::{BASE, TARGET, id, remora, with_delta};
use crate::tools;

const NAME: &str = "registry.example.com/app:2";

/// Lets Remora apply the delta into a pipe that `reader` reads; both must succeed.
fn apply_into(folder: &Path, delta: &str, output: &str, mut reader: Command) {
    let mut remora = remora(folder, &[]);
    remora.args(["apply", BASE, delta, "--output", output]).stdout(Stdio::piped());
    let mut writer = remora.stderr(Stdio::piped()).spawn().expect("started");
    let program = reader.get_program().to_string_lossy().into_owned();
    let pipe = writer.stdout.take().expect("a pipe");
    let read = reader.stdin(pipe).output().unwrap_or_else(|error| tools::missing(&program, &error));
    let told = String::from_utf8_lossy(&read.stderr);
    let written = writer.wait_with_output().expect("ended");
    let own = String::from_utf8_lossy(&written.stderr);
    assert!(written.status.success(), "{own} {told}");
    assert!(read.status.success(), "{program}: {told} {own}");
}

/// Podman with storage of its own.
fn podman(folder: &TempDir, arguments: &[&str]) -> Command {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut command = Command::new("podman");
    command.args(["--root", &at("data"), "--runroot", &at("run"), "--tmpdir", &at("tmp")]);
    // crun, which is podman's own choice, refuses machines with both versions of cgroups.
    command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
    command.args(["--storage-driver", "vfs", "--events-backend", "file"]).args(arguments);
    command
}

fn answer(mut command: Command) -> String {
    let output = command.output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// The digest of the manifest that the same result has in a layout.
fn manifest_digest(folder: &Path, delta: &str) -> String {
    let place = format!("oci:{}:2", folder.join("result").display());
    super::run(folder, &[], &["apply", BASE, delta, "--output", &place]);
    let transports = Transports::new(Default::default()).expect("no files");
    let reference: ImageReference = place.parse().expect("a reference");
    let image = transports.open(&reference, &Platform::host()).expect("written");
    image.manifest().expect("one of a layout").digest().to_string()
}

#[test]
fn podman_loads_what_comes_through_a_pipe_as_the_image_it_is() {
    let (folder, delta) = with_delta();
    let engine = tempfile::tempdir_in("/var/tmp").expect("a folder");
    for transport in ["docker-archive", "oci-archive"] {
        let output = format!("{transport}:-:{NAME}");
        apply_into(folder.path(), &delta, &output, podman(&engine, &["load"]));
        let found = answer(podman(&engine, &["image", "inspect", "--format", "{{.Id}}", NAME]));
        assert_eq!(format!("sha256:{found}"), id(TARGET), "{transport}");
        if transport == "oci-archive" {
            let format = ["image", "inspect", "--format", "{{.Digest}}", NAME];
            let digest = manifest_digest(folder.path(), &delta);
            assert_eq!(answer(podman(&engine, &format)), digest);
        }
        answer(podman(&engine, &["rmi", NAME]));
    }
}

#[test]
fn containerd_imports_what_comes_through_a_pipe_as_the_image_it_is() {
    let (folder, delta) = with_delta();
    let containerd = Containerd::start();
    for transport in ["oci-archive", "docker-archive"] {
        let mut import = containerd.ctr();
        import.args(["images", "import", "-"]);
        apply_into(folder.path(), &delta, &format!("{transport}:-:{NAME}"), import);
        let mut list = containerd.ctr();
        list.args(["images", "list", &format!("name=={NAME}")]);
        let list = answer(list);
        assert!(list.contains(NAME), "{transport}: {list}");
        if transport == "oci-archive" {
            assert!(list.contains(&manifest_digest(folder.path(), &delta)), "{list}");
        }
        // The config, by its digest.
        let mut content = containerd.ctr();
        content.args(["content", "get", &id(TARGET)]);
        assert!(answer(content).contains("rootfs"), "{transport}");
        let mut remove = containerd.ctr();
        remove.args(["images", "remove", "--sync", NAME]);
        answer(remove);
    }
}
