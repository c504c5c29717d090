//! An ordinary user, with users set aside for it or without: one that this machine need not have. Its lines of
//! /etc/passwd and the like are mounted over the machine's, for one command only.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::fs::{CWD, Gid, Uid};
use tempfile::TempDir;

use crate::tools::{missing, output};

/// The user's number, which is its group's too.
pub(super) const UID: u32 = 54_321;
/// The first of the users that are set aside for it.
pub(super) const FIRST: u32 = 3_000_000;

/// What mounts the files in the folder `$1` over the machine's, and runs the rest as the user.
const BECOME: &str = "\
for name in passwd group subuid subgid; do
    [ -e /etc/$name ] || : > /etc/$name
    mount --bind \"$1/$name\" /etc/$name || exit 99
done
user=$2
shift 2
exec setpriv --reuid $user --regid $user --clear-groups \"$@\"";

/// A folder of the user's, with `remora` in it.
pub(super) struct OrdinaryUser {
    folder: TempDir,
}

impl OrdinaryUser {
    pub(super) fn new(has_ranges: bool) -> Self {
        // Without it owners would be recorded, and nothing would tell why.
        output::<&str>("newuidmap", &[]);
        let user = OrdinaryUser { folder: tempfile::tempdir().expect("a folder") };
        let line = format!("someone:x:{UID}:{UID}::/:/bin/sh\n");
        let put = |name: &str, text: &str| fs::write(user.path(name), text).expect("written");
        put("passwd", &format!("root:x:0:0:root:/root:/bin/sh\n{line}"));
        put("group", &format!("root:x:0:\nsomeone:x:{UID}:\n"));
        let ranges = format!("someone:{FIRST}:65536\n");
        for name in ["subuid", "subgid"] {
            put(name, if has_ranges { &ranges } else { "" });
        }
        fs::copy(env!("CARGO_BIN_EXE_remora"), user.path("remora")).expect("copied");
        fs::set_permissions(user.path("remora"), fs::Permissions::from_mode(0o755)).expect("set");
        user.give(user.folder.path());
        user
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gives a file or folder with all that is in it to the user.
    pub(super) fn give(&self, path: &Path) {
        let (uid, gid) = (Some(Uid::from_raw(UID)), Some(Gid::from_raw(UID)));
        rustix::fs::chownat(CWD, path, uid, gid, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
            .expect("given (these tests need root)");
        if path.is_dir() && !path.is_symlink() {
            for entry in fs::read_dir(path).expect("readable") {
                self.give(&entry.expect("entry").path());
            }
        }
    }

    /// Runs a program as the user, in its folder.
    pub(super) fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", BECOME, "sh"]);
        command.arg(self.folder.path()).arg(UID.to_string()).args(arguments);
        command.current_dir(self.folder.path()).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.folder.path()).env("REMORA_STORE", self.path("store"));
        command.output().unwrap_or_else(|error| missing("unshare", &error))
    }

    /// Runs a program as the user, which must succeed. Returns what it printed.
    pub(super) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs `remora` as the user and returns its answer.
    pub(super) fn remora(&self, arguments: &[&str]) -> serde_json::Value {
        let remora = self.path("remora");
        let whole = [&[remora.to_str().expect("text")], arguments, &["--json"]].concat();
        serde_json::from_str(&self.succeed(&whole)).expect("JSON")
    }
}
