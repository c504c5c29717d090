//! The other tools. Each row of [`contenders`] says what is run; nothing is tuned to a pair.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::by_layer::{Rdiff, ZstdByLayer};
use crate::contender::{Contender, Made};
use crate::pair::{Pair, compare};
use crate::process::{self, Usage};
use crate::trees::{Rsync, TarDiff};

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
        Box::new(SinglePatch {
            tool: "hdiffz",
            options: "-m-6 -c-lzma2-9-64m",
            encode: |make, base, target, delta| {
                make.args(["-f", "-m-6", "-c-lzma2-9-64m"]).args([base, target, delta]);
            },
            decode: |undo, base, delta, target| {
                undo.arg("-f").args([base, delta, target]);
            },
        }),
        Box::new(ZstdByLayer),
        Box::new(TarDiff),
    ];
    if with_rsync {
        contenders.push(Box::new(Rsync));
    }
    contenders
}

pub(crate) fn patch_from(base: &Path) -> String {
    format!("--patch-from={}", base.display())
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
        let usage = process::run(make.stdout(Stdio::null()), limit)?;
        Ok(Made { bytes: fs::metadata(delta)?.len(), usage })
    }

    fn apply(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Usage, Failure> {
        let rebuilt = work.join("rebuilt");
        let mut undo = Command::new(self.decoder());
        (self.decode)(&mut undo, &pair.base, &work.join("delta"), &rebuilt);
        let usage = process::run(undo.stdout(Stdio::null()), limit)?;
        compare(&rebuilt, &pair.target)?;
        Ok(usage)
    }
}

impl SinglePatch {
    /// The program that undoes the patch.
    fn decoder(&self) -> &'static str {
        match self.tool {
            "bsdiff" => "bspatch",
            "hdiffz" => "hpatchz",
            tool => tool,
        }
    }
}
