//! The encoder's one interface: a base and all targets in, commands for each target out.

use std::collections::TryReserveError;

use super::fine::Fine;
use super::{Advance, Algorithm, Base, Command, Pricing, Rival, Search};

/// Finds commands that make targets from a base. Built once for all targets, so that the base is
/// searched and indexed once.
pub struct Encoder<'a> {
    targets: &'a [&'a [u8]],
    pricing: &'a dyn Pricing,
    method: Method<'a>,
}

enum Method<'a> {
    Fine(Box<Fine<'a>>),
    Rival(Box<dyn Rival>),
    /// Both, and the one whose stream packs better.
    Smaller(Box<Fine<'a>>, Box<dyn Rival>),
}

/// Up to this many bytes of base and targets the rival is tried as well: on inputs as small the
/// fine method's estimates may be wrong by more than there is to gain. On larger ones it was never
/// seen to lose, and a second encoding would cost as much as the first.
const SMALL_BYTES: u64 = 2 << 20;

impl<'a> Encoder<'a> {
    /// Prepares to encode `targets` against `base` for a stream in which commands cost what `pricing`
    /// says: this is where indexes are built. `advance` is told how many bytes of targets have been
    /// looked at, and says whether to go on.
    ///
    /// # Errors
    /// If the system does not give the memory for an index.
    pub fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        pricing: &'a dyn Pricing,
        search: Search,
        advance: &Advance<'_>,
    ) -> Result<Self, TryReserveError> {
        let bytes = base.len() + targets.iter().map(|target| target.len() as u64).sum::<u64>();
        let fine = || Fine::new(base, targets, pricing, &search, advance).map(Box::new);
        let method = match search.algorithm {
            Algorithm::Rsync => Method::Rival(pricing.rival(base)),
            Algorithm::Fine if bytes <= SMALL_BYTES => {
                Method::Smaller(fine()?, pricing.rival(base))
            }
            Algorithm::Fine => Method::Fine(fine()?),
        };
        Ok(Encoder { targets, pricing, method })
    }

    /// Returns the commands that make target number `index`. The commands make exactly its bytes;
    /// two commands of a kind that could be one are one. `advance` is told how many bytes of the
    /// target are done, and says whether to go on.
    pub fn encode(&self, index: usize, advance: &Advance<'_>) -> Vec<Command> {
        let target = self.targets[index];
        match &self.method {
            Method::Fine(fine) => fine.encode(index, advance),
            Method::Rival(rival) => rival.encode(target, advance),
            Method::Smaller(fine, rival) => {
                let fine = fine.encode(index, advance);
                let other = rival.encode(target, &|_| advance(0));
                let packed = |commands: &[Command]| self.pricing.packed_len(target, commands);
                let better = packed(&fine) <= packed(&other);
                if better { fine } else { other }
            }
        }
    }
}
