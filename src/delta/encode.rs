//! The encoder's one interface: a base and all targets in, commands for each target out.

use super::baseline::Baseline;
use super::{Algorithm, Base, Command, Options};

/// Finds commands that make targets from a base. Built once for all targets, so that the base is
/// searched and indexed once.
pub struct Encoder<'a> {
    targets: &'a [&'a [u8]],
    method: Method,
}

enum Method {
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
        targets.iter().for_each(|target| advance(target.len() as u64));
        let method = match options.algorithm {
            Algorithm::Rsync | Algorithm::Fine => Method::Rsync(Baseline::new(base)),
        };
        Encoder { targets, method }
    }

    /// The commands that make target number `index`. They make exactly its bytes; two commands of
    /// a kind that could be one are one. `advance` is told how many bytes of the target are done.
    pub fn encode(&self, index: usize, advance: &(dyn Fn(u64) + Sync)) -> Vec<Command> {
        match &self.method {
            Method::Rsync(baseline) => baseline.encode(self.targets[index], advance),
        }
    }
}
