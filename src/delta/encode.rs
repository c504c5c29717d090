//! The encoder's one interface: a base and all targets in, commands for each target out.

use super::baseline::Baseline;
use super::fine::Fine;
use super::{Algorithm, Base, Command, Options};

/// Finds commands that make targets from a base. Built once for all targets, so that the base is
/// searched and indexed once.
pub struct Encoder<'a> {
    targets: &'a [&'a [u8]],
    method: Method<'a>,
}

enum Method<'a> {
    Fine(Box<Fine<'a>>),
    Rsync(Baseline),
}

impl<'a> Encoder<'a> {
    /// Prepares to encode `targets` against `base`: this is where indexes are built. `advance` is
    /// told how many bytes of targets have been looked at.
    pub fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        options: Options,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Self {
        let method = match options.algorithm {
            Algorithm::Fine => Method::Fine(Box::new(Fine::new(base, targets, &options, advance))),
            Algorithm::Rsync => Method::Rsync(Baseline::new(base)),
        };
        Encoder { targets, method }
    }

    /// The commands that make target number `index`. They make exactly its bytes; two commands of
    /// a kind that could be one are one. `advance` is told how many bytes of the target are done.
    pub fn encode(&self, index: usize, advance: &(dyn Fn(u64) + Sync)) -> Vec<Command> {
        match &self.method {
            Method::Fine(fine) => fine.encode(index, advance),
            Method::Rsync(baseline) => baseline.encode(self.targets[index], advance),
        }
    }
}
