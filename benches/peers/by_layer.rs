//! Tools that make a patch for each changed layer.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::contender::{Contender, Made};
use crate::external::patch_from;
use crate::pair::{Pair, compare};
use crate::process::{self, Usage};

/// The engine's algorithm: a signature of the concatenated base with 512-byte blocks, a delta for
/// each changed layer, each through gzip.
pub(crate) struct Rdiff;

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

    fn apply(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Usage, Failure> {
        let mut usage = Usage::default();
        for (index, layer) in pair.changed.iter().enumerate() {
            let (delta, rebuilt) = (work.join(format!("delta-{index}")), work.join("rebuilt"));
            let mut gzip = Command::new("gzip");
            gzip.args(["-d", "-c"]).arg(delta.with_extension("gz"));
            usage += process::run(gzip.stdout(Stdio::from(File::create(&delta)?)), limit)?;
            let mut rdiff = Command::new("rdiff");
            rdiff.args(["-f", "patch"]).args([&pair.base, &delta, &rebuilt]);
            usage += process::run(&mut rdiff, limit)?;
            compare(&rebuilt, layer)?;
        }
        Ok(usage)
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

/// Each changed layer as a patch to the base's layer at the same place, or the last one, as diffah makes them: zstd at its
/// highest level.
pub(crate) struct ZstdByLayer;

impl Contender for ZstdByLayer {
    fn name(&self) -> String {
        "zstd --ultra -22, layer by layer".to_owned()
    }

    fn missing(&self) -> Option<String> {
        process::missing(&["zstd"])
    }

    fn encode(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure> {
        let (mut usage, mut bytes) = (Usage::default(), 0);
        for (index, layer) in pair.changed.iter().enumerate() {
            let delta = work.join(format!("delta-{index}"));
            let mut make = Command::new("zstd");
            make.args(["-q", "-f", "--ultra", "-22", "--long=29"]);
            make.arg(patch_from(pair.base_of(index))).arg(layer).arg("-o").arg(&delta);
            usage += process::run(&mut make, limit)?;
            bytes += fs::metadata(delta)?.len();
        }
        Ok(Made { bytes, usage })
    }

    fn apply(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Usage, Failure> {
        let (mut usage, rebuilt) = (Usage::default(), work.join("rebuilt"));
        for (index, layer) in pair.changed.iter().enumerate() {
            let mut undo = Command::new("zstd");
            undo.args(["-q", "-f", "-d", "--long=29", "--memory=2048MB"]);
            undo.arg(patch_from(pair.base_of(index))).arg(work.join(format!("delta-{index}")));
            usage += process::run(undo.arg("-o").arg(&rebuilt), limit)?;
            compare(&rebuilt, layer)?;
        }
        Ok(usage)
    }
}
