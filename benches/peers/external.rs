//! The other tools. Each row of [`contenders`] says what is run; nothing is tuned to a pair.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::contender::{Contender, Made};
use crate::pair::{Pair, compare};
use crate::process::{self, Usage};

/// What is run beside Remora.
pub(crate) fn contenders(with_rsync: bool) -> Vec<Box<dyn Contender>> {
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Rdiff),
        Box::new(SinglePatch {
            tool: "xdelta3",
            options: "-9 -S lzma -B 536870912",
            encode: |make, base, target, delta| {
                make.args(["-e", "-f", "-9", "-S", "lzma", "-B", "536870912", "-s"]);
                make.args([base, target, delta]);
            },
            decode: |undo, base, delta, target| {
                undo.args(["-d", "-f", "-B", "536870912", "-s"]).args([base, delta, target]);
            },
        }),
        Box::new(SinglePatch {
            tool: "zstd",
            options: "-19 --long=29 --patch-from",
            encode: |make, base, target, delta| {
                make.args(["-q", "-f", "-19", "--long=29"]).arg(patch_from(base)).arg(target);
                make.arg("-o").arg(delta);
            },
            decode: |undo, base, delta, target| {
                undo.args(["-q", "-f", "-d", "--long=29", "--memory=2048MB"]).arg(patch_from(base));
                undo.arg(delta).arg("-o").arg(target);
            },
        }),
        Box::new(SinglePatch {
            tool: "bsdiff",
            options: "",
            encode: |make, base, target, delta| {
                make.args([base, target, delta]);
            },
            decode: |undo, base, delta, target| {
                undo.args([base, target, delta]);
            },
        }),
    ];
    if with_rsync {
        contenders.push(Box::new(Rsync));
    }
    contenders
}

fn patch_from(base: &Path) -> String {
    format!("--patch-from={}", base.display())
}

/// The engine's algorithm: a signature of the concatenated base with 512-byte blocks, a delta for
/// each changed layer, each through gzip.
struct Rdiff;

impl Contender for Rdiff {
    fn name(&self) -> String {
        "rdiff -b 512 + gzip -6".to_owned()
    }

    fn missing(&self) -> Option<String> {
        process::missing(&["rdiff", "gzip"])
    }

    fn encode(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure> {
        let signature = work.join("signature");
        let mut rdiff = Command::new("rdiff");
        rdiff.args(["-f", "-b", "512", "signature"]).args([&pair.base, &signature]);
        let mut usage = process::run(&mut rdiff, limit)?;
        let mut bytes = 0;
        for (index, layer) in pair.changed.iter().enumerate() {
            let delta = work.join(format!("delta-{index}"));
            let mut rdiff = Command::new("rdiff");
            rdiff.args(["-f", "delta"]).args([&signature, layer, &delta]);
            usage += process::run(&mut rdiff, limit)?;
            let (packed, packing) = gzip(&delta, limit)?;
            usage += packing;
            bytes += packed;
        }
        Ok(Made { bytes, usage })
    }

    fn verify(&self, pair: &Pair, work: &Path) -> Result<(), Failure> {
        for (index, layer) in pair.changed.iter().enumerate() {
            let delta = work.join(format!("delta-{index}"));
            let rebuilt = work.join("rebuilt");
            let mut rdiff = Command::new("rdiff");
            rdiff.args(["-f", "patch"]).args([&pair.base, &delta, &rebuilt]);
            process::run(&mut rdiff, Duration::MAX)?;
            compare(&rebuilt, layer)?;
        }
        Ok(())
    }
}

/// Compresses `path` to a file beside it, and gives its size.
fn gzip(path: &Path, limit: Duration) -> Result<(u64, Usage), Failure> {
    let packed = path.with_extension("gz");
    let mut gzip = Command::new("gzip");
    gzip.args(["-6", "-n", "-c"]).arg(path).stdout(Stdio::from(File::create(&packed)?));
    let usage = process::run(&mut gzip, limit)?;
    Ok((fs::metadata(packed)?.len(), usage))
}

/// Fills in the arguments: base, target, delta to encode; base, delta, target to decode.
type FillIn = fn(&mut Command, &Path, &Path, &Path);

/// A tool that makes one patch from one file to another: from all of the base to all layers of the
/// target that changed.
struct SinglePatch {
    tool: &'static str,
    options: &'static str,
    encode: FillIn,
    decode: FillIn,
}

impl Contender for SinglePatch {
    fn name(&self) -> String {
        format!("{} {}", self.tool, self.options).trim_end().to_owned()
    }

    fn missing(&self) -> Option<String> {
        process::missing(&[self.tool, self.decoder()])
    }

    fn encode(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure> {
        let delta = work.join("delta");
        let mut make = Command::new(self.tool);
        (self.encode)(&mut make, &pair.base, &pair.target, &delta);
        let usage = process::run(&mut make, limit)?;
        Ok(Made { bytes: fs::metadata(delta)?.len(), usage })
    }

    fn verify(&self, pair: &Pair, work: &Path) -> Result<(), Failure> {
        let rebuilt = work.join("rebuilt");
        let mut undo = Command::new(self.decoder());
        (self.decode)(&mut undo, &pair.base, &work.join("delta"), &rebuilt);
        process::run(&mut undo, Duration::MAX)?;
        compare(&rebuilt, &pair.target)
    }
}

impl SinglePatch {
    /// The program that undoes the patch.
    fn decoder(&self) -> &'static str {
        if self.tool == "bsdiff" { "bspatch" } else { self.tool }
    }
}

/// rsync's batch file between the unpacked images, with docker-delta's options; unpacking is not
/// counted.
struct Rsync;

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
        for (layout, tag, folder) in [(&pair.old, "old", "base"), (&pair.new, "new", "target")] {
            let mut umoci = Command::new("umoci");
            umoci.args(["unpack", "--image", &format!("{}:{tag}", layout.display())]);
            process::run(umoci.arg(work.join(folder)).stdout(Stdio::null()), Duration::MAX)?;
        }
        Ok(())
    }

    fn encode(&self, _pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure> {
        let batch = work.join("batch");
        let mut rsync = Command::new("rsync");
        rsync.args(RSYNC_OPTIONS).arg(format!("--only-write-batch={}", batch.display()));
        rsync.args([work.join("target/rootfs/"), work.join("base/rootfs/")]);
        let usage = process::run(&mut rsync, limit)?;
        Ok(Made { bytes: fs::metadata(batch)?.len(), usage })
    }

    fn verify(&self, _pair: &Pair, work: &Path) -> Result<(), Failure> {
        let mut apply = Command::new("rsync");
        apply.args(["--archive", "--delete"]);
        apply.arg(format!("--read-batch={}", work.join("batch").display()));
        process::run(apply.arg(work.join("base/rootfs/")), Duration::MAX)?;
        let mut diff = Command::new("diff");
        diff.args(["-r", "--no-dereference"]);
        diff.args([work.join("base/rootfs"), work.join("target/rootfs")]);
        process::run(diff.stdout(Stdio::null()), Duration::MAX).map(drop)
    }
}
