//! Tools that work on unpacked images.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::contender::{Contender, Made};
use crate::pair::{Pair, compare};
use crate::process::{self, Usage};

/// The generator of oci-delta's streams: each changed layer from the base's tree, which umoci unpacks; unpacking is not
/// counted.
pub(crate) struct TarDiff;

impl Contender for TarDiff {
    fn name(&self) -> String {
        "tar-diff -compression-level 19".to_owned()
    }

    fn missing(&self) -> Option<String> {
        process::missing(&["tar-diff", "tar-patch", "umoci", "tar"])
    }

    fn prepare(&self, pair: &Pair, work: &Path) -> Result<(), Failure> {
        unpack(&pair.old, "old", &work.join("base"))?;
        let mut tar = Command::new("tar");
        tar.args(["--numeric-owner", "-C"]).arg(work.join("base/rootfs"));
        process::run(tar.arg("-cf").arg(work.join("base.tar")).arg("."), Duration::MAX).map(drop)
    }

    fn encode(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure> {
        let (mut usage, mut bytes) = (Usage::default(), 0);
        for (index, layer) in pair.changed.iter().enumerate() {
            let delta = work.join(format!("delta-{index}"));
            let mut make = Command::new("tar-diff");
            make.args(["-compression-level", "19"]).arg(work.join("base.tar"));
            usage += process::run(make.args([layer, &delta]), limit)?;
            bytes += fs::metadata(delta)?.len();
        }
        Ok(Made { bytes, usage })
    }

    fn apply(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Usage, Failure> {
        let (mut usage, rebuilt) = (Usage::default(), work.join("rebuilt"));
        for (index, layer) in pair.changed.iter().enumerate() {
            let mut undo = Command::new("tar-patch");
            undo.arg(work.join(format!("delta-{index}"))).arg(work.join("base/rootfs"));
            usage += process::run(undo.arg(&rebuilt), limit)?;
            compare(&rebuilt, layer)?;
        }
        Ok(usage)
    }
}

/// rsync's batch file between the unpacked images, with docker-delta's options; unpacking is not
/// counted.
pub(crate) struct Rsync;

const RSYNC_OPTIONS: [&str; 9] = [
    "--quiet",
    "--archive",
    "--compress",
    "--checksum",
    "--no-i-r",
    "--delete",
    "--hard-links",
    "--compress-level=9",
    "--one-file-system",
];

impl Contender for Rsync {
    fn name(&self) -> String {
        "rsync --only-write-batch".to_owned()
    }

    fn missing(&self) -> Option<String> {
        process::missing(&["rsync", "umoci"])
    }

    fn prepare(&self, pair: &Pair, work: &Path) -> Result<(), Failure> {
        unpack(&pair.old, "old", &work.join("pristine"))?;
        unpack(&pair.new, "new", &work.join("target"))
    }

    fn encode(&self, _pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure> {
        let batch = work.join("batch");
        let mut rsync = Command::new("rsync");
        rsync.args(RSYNC_OPTIONS).arg(format!("--only-write-batch={}", batch.display()));
        rsync.args([work.join("target/rootfs/"), work.join("pristine/rootfs/")]);
        let usage = process::run(&mut rsync, limit)?;
        Ok(Made { bytes: fs::metadata(batch)?.len(), usage })
    }

    fn apply(&self, _pair: &Pair, work: &Path, limit: Duration) -> Result<Usage, Failure> {
        let mut copy = Command::new("rsync");
        copy.args(["--archive", "--hard-links", "--xattrs", "--delete"]);
        copy.args([work.join("pristine/rootfs/"), work.join("base/rootfs/")]);
        fs::create_dir_all(work.join("base/rootfs"))?;
        process::run(&mut copy, Duration::MAX)?;
        let mut apply = Command::new("rsync");
        apply.args(["--archive", "--delete"]);
        apply.arg(format!("--read-batch={}", work.join("batch").display()));
        let usage = process::run(apply.arg(work.join("base/rootfs/")), limit)?;
        let mut diff = Command::new("diff");
        diff.args(["-r", "--no-dereference"]);
        diff.args([work.join("base/rootfs"), work.join("target/rootfs")]);
        process::run(diff.stdout(Stdio::null()), Duration::MAX)?;
        Ok(usage)
    }
}

/// Unpacks the image `tag` of a layout below `folder`, into `rootfs`.
fn unpack(layout: &Path, tag: &str, folder: &Path) -> Result<(), Failure> {
    let mut umoci = Command::new("umoci");
    umoci.args(["unpack", "--image", &format!("{}:{tag}", layout.display())]);
    process::run(umoci.arg(folder).stdout(Stdio::null()), Duration::MAX).map(drop)
}
