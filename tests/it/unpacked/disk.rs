//! Disks that come and go.

use std::fs;
use std::path::PathBuf;

use super::ordinary_user::OrdinaryUser;
use crate::tools::run;

/// A disk of its own, in memory, at a folder of the user's.
pub(super) struct Disk(PathBuf);

impl Disk {
    pub(super) fn mount(user: &OrdinaryUser, name: &str, size: &str) -> Self {
        let path = user.path(name);
        fs::create_dir_all(&path).expect("made");
        let options = format!("mode=0755,size={size}");
        run("mount", &["-t", "tmpfs", "-o", &options, "remora", path.to_str().expect("text")]);
        user.give(&path);
        Disk(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &[self.0.to_str().expect("text")]);
    }
}
