//! What commands cost in a batch.

use crate::delta::{Base, Command, Figures, Pricing, Rival};
use crate::librsync;

/// What a literal stretch costs more than a LITERAL of a librsync stream, in bits: it is a deflate
/// stream of its own, with a header, an end, and a token in front.
const STRETCH_BITS: f64 = 24.0;

/// Prices of a batch's tokens. Runs of blocks and stretches of literals lie in it much as COPY and
/// LITERAL do in a deflated librsync stream, which is the model for all but [`STRETCH_BITS`].
#[derive(Debug)]
pub(super) struct TokenPrices(librsync::Prices);

impl TokenPrices {
    pub(super) fn new() -> Self {
        TokenPrices(librsync::Prices::with_extra_bits(0.0, STRETCH_BITS))
    }
}

impl Pricing for TokenPrices {
    fn figures(&self) -> Figures {
        self.0.figures()
    }

    fn write_command(&self, command: &Command, out: &mut Vec<u8>) -> Option<usize> {
        self.0.write_command(command, out)
    }

    fn packed_len(&self, target: &[u8], commands: &[Command]) -> usize {
        self.0.packed_len(target, commands)
    }

    fn rival(&self, base: &Base<'_>) -> Box<dyn Rival> {
        self.0.rival(base)
    }
}
