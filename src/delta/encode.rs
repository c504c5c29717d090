//! The encoder's one interface: a base and all targets in, commands for each target out.

use libdeflater::{CompressionLvl, Compressor};

use super::baseline::Baseline;
use super::fine::Fine;
use super::{Algorithm, Base, Command, Options};
use crate::librsync::write_stream;

/// Finds commands that make targets from a base. Built once for all targets, so that the base is
/// searched and indexed once.
pub struct Encoder<'a> {
    targets: &'a [&'a [u8]],
    method: Method<'a>,
}

enum Method<'a> {
    Fine(Box<Fine<'a>>),
    Rsync(Baseline),
    /// Both, and the one whose stream deflates better.
    Smaller(Box<Fine<'a>>, Baseline),
}

/// Up to this many bytes of base and targets the baseline is tried as well: on inputs as small the
/// fine method's estimates may be wrong by more than there is to gain. On larger ones it was never
/// seen to lose, and a second encoding would cost as much as the first.
const SMALL_BYTES: u64 = 2 << 20;

impl<'a> Encoder<'a> {
    /// Prepares to encode `targets` against `base`: this is where indexes are built. `advance` is
    /// told how many bytes of targets have been looked at.
    pub fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        options: Options,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Self {
        let bytes = base.len() + targets.iter().map(|target| target.len() as u64).sum::<u64>();
        let fine = || Box::new(Fine::new(base, targets, &options, advance));
        let method = match options.algorithm {
            Algorithm::Rsync => Method::Rsync(Baseline::new(base)),
            Algorithm::Fine if bytes <= SMALL_BYTES => Method::Smaller(fine(), Baseline::new(base)),
            Algorithm::Fine => Method::Fine(fine()),
        };
        Encoder { targets, method }
    }

    /// The commands that make target number `index`. They make exactly its bytes; two commands of
    /// a kind that could be one are one. `advance` is told how many bytes of the target are done.
    pub fn encode(&self, index: usize, advance: &(dyn Fn(u64) + Sync)) -> Vec<Command> {
        let target = self.targets[index];
        match &self.method {
            Method::Fine(fine) => fine.encode(index, advance),
            Method::Rsync(baseline) => baseline.encode(target, advance),
            Method::Smaller(fine, baseline) => {
                let fine = fine.encode(index, advance);
                let blocks = baseline.encode(target, &|_| {});
                let better = deflated_bytes(target, &fine) <= deflated_bytes(target, &blocks);
                if better { fine } else { blocks }
            }
        }
    }
}

/// How many bytes the stream of these commands takes at deflate's best.
fn deflated_bytes(target: &[u8], commands: &[Command]) -> usize {
    let mut stream = Vec::new();
    write_stream(target, commands, &mut stream).expect("writing to a Vec cannot fail");
    let mut deflated = Compressor::new(CompressionLvl::best());
    let mut out = vec![0; deflated.deflate_compress_bound(stream.len())];
    deflated.deflate_compress(&stream, &mut out).expect("as large as it may get")
}
