//! `tests/install`, which brings what tests run: a tool that is there but does not work is missing too.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::tools::missing;

/// A compiler whose C library's start files are missing, as Debian's gcc is without libc6-dev.
const CANNOT_LINK: &str = "echo 'cannot find Scrt1.o' >&2; exit 1";
/// A compiler that makes a file wherever it is asked to.
const LINKS: &str = "while [ $# -gt 0 ]; do [ \"$1\" = -o ] && : > \"$2\"; shift; done";
/// Packages come to nothing: `apt-get` notes what it was asked for, beside itself.
const APT: &str = "echo \"$@\" >> \"${0%/*}/asked\"";

/// Puts a program into `folder`, a line of shell.
fn put(folder: &Path, program: &str, line: &str) {
    let path = folder.join(program);
    fs::write(&path, format!("#!/bin/sh\n{line}\n")).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
}

/// Runs `tests/install` where the programs of `folder` come first, as user number `user`.
fn install(folder: &Path, user: u32, programs: &[&str]) -> Output {
    put(folder, "id", &format!("echo {user}"));
    put(folder, "apt-get", APT);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let output = Command::new(&script).args(programs).env("PATH", path).output();
    output.unwrap_or_else(|error| missing("tests/install", &error))
}

#[test]
fn packages_that_apt_is_asked_for() {
    for (programs, compiler, expected) in [
        (&["cc"][..], CANNOT_LINK, Some("gcc libc6-dev")),
        (&["c++"], CANNOT_LINK, Some("g++ libc6-dev")),
        (&["cc", "c++", "sh"], LINKS, None),
        (&["cc", "no-such-tool"], LINKS, Some("no-such-tool")),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        put(folder.path(), "cc", compiler);
        put(folder.path(), "c++", compiler);
        let output = install(folder.path(), 0, programs);
        let asked = fs::read_to_string(folder.path().join("asked")).unwrap_or_default();
        let installed =
            asked.lines().find_map(|line| line.split_once("recommends ")).map(|line| line.1);
        assert_eq!(installed, expected, "{programs:?}");
        // Nothing was installed here, which must not pass for success.
        assert_eq!(output.status.success(), expected.is_none(), "{programs:?}");
    }
}

#[test]
fn who_may_not_install_is_told_the_packages() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "cc", CANNOT_LINK);
    let output = install(folder.path(), 1000, &["cc", "htpasswd-of-nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "tests/install: please install: gcc libc6-dev htpasswd-of-nowhere\n");
    assert!(!folder.path().join("asked").exists(), "apt-get was run");
}
