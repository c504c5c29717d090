//! Other people's programs that tests run.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

/// Fails the test with what to do where a program is missing.
pub(crate) fn missing(program: &str, error: &std::io::Error) -> ! {
    let package = match program {
        "busybox" => "busybox-static",
        "ctr" => "containerd",
        "chromedriver" => "chromium chromium-driver",
        "dockerd" => "docker.io",
        "htpasswd" => "apache2-utils",
        "go" => "golang-go",
        "newuidmap" => "uidmap",
        "node" => "nodejs",
        "podman" => "podman runc",
        "setfattr" => "attr",
        other => other,
    };
    match error.kind() {
        ErrorKind::NotFound => panic!("{program} is missing: apt-get install {package}"),
        _ => panic!("{program} cannot be started: {error}"),
    }
}

/// Runs a program and gives what it printed; it must succeed.
pub(crate) fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> String {
    let output = output(program, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs a program, successful or not.
pub(crate) fn output<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| missing(program, &error))
}

/// Runs skopeo without signature policies, which minimal systems have none of.
pub(crate) fn skopeo(arguments: &[&str]) -> String {
    run("skopeo", &[&["--insecure-policy"], arguments].concat())
}

/// Installs the npm packages that a folder names.
pub(crate) fn npm_install(folder: &Path) {
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]);
    let output = npm.current_dir(folder).output();
    let output = output.unwrap_or_else(|error| missing("npm", &error));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm install failed, it needs its registry: {errors}");
}
