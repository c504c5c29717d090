//! What commands cost in a librsync stream that is deflated, as a gzip layer has it.

use libdeflater::{CompressionLvl, Compressor};

use super::baseline::Baseline;
use super::stream::{header_len, write_header, write_stream};
use crate::delta::{Base, Command, Figures, Goal, NEARNESS_CLASSES, Pricing, Repeats, Rival};

/// The least that a COPY and the LITERAL it splits off take, in bits.
const CHEAPEST_COMMANDS: u32 = 40;
/// What a COPY takes by nearness, in bits. From the tokens of deflate in real deltas.
const PRESUMED_COPY: [u32; NEARNESS_CLASSES] = [20, 26, 33, 36];
/// What a COPY costs beside its own bytes, in bits.
const DISTURBANCE: u32 = 4;
/// The least that a LITERAL takes, in bits.
const LITERAL_MIN: u32 = 2;
/// What a second length byte takes, in bits.
const LONG_COPY: u32 = 6;
/// Window and longest match of deflate (RFC 1951), and what a match takes beside its distance.
const DEFLATE: Repeats = Repeats { window: 32 << 10, longest: 258, token_bits: 9 };

/// Prices of a deflated librsync stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    copy_extra: f64,
    literal_extra: f64,
    only_size: bool,
}

impl Prices {
    /// Returns the prices for a device that does what `goal` says: commands cost their bytes, and what
    /// the device could have downloaded while it carries them out.
    pub fn of_goal(goal: &Goal) -> Self {
        Prices {
            copy_extra: goal.copy_bytes() * 8.0,
            literal_extra: goal.literal_bytes() * 8.0,
            only_size: *goal == Goal::Size,
        }
    }

    /// Returns the prices of a stream that stands for one whose commands take so many bits more.
    pub fn with_extra_bits(copy_extra: f64, literal_extra: f64) -> Self {
        Prices { copy_extra, literal_extra, only_size: false }
    }
}

impl Pricing for Prices {
    fn figures(&self) -> Figures {
        Figures {
            copy_extra: self.copy_extra,
            literal_extra: self.literal_extra,
            only_size: self.only_size,
            cheapest_commands: CHEAPEST_COMMANDS,
            presumed_copy: PRESUMED_COPY,
            disturbance: DISTURBANCE,
            literal_min: LITERAL_MIN,
            long_copy: LONG_COPY,
            repeats: DEFLATE,
        }
    }

    fn write_command(&self, command: &Command, out: &mut Vec<u8>) -> Option<usize> {
        write_header(command, out);
        match *command {
            // The length's bytes come last, those of the offset before them, the lowest last.
            Command::Copy { len, .. } => {
                let len_bytes = header_len(&Command::Copy { offset: 0, len }) - 2;
                Some(out.len() - len_bytes - 1)
            }
            Command::Literal { .. } => None,
        }
    }

    fn packed_len(&self, target: &[u8], commands: &[Command]) -> usize {
        let mut stream = Vec::new();
        write_stream(target, commands, &mut stream).expect("writing to a Vec cannot fail");
        let mut compressor = Compressor::new(CompressionLvl::best());
        let mut out = vec![0; compressor.deflate_compress_bound(stream.len())];
        compressor.deflate_compress(&stream, &mut out).expect("as large as it may get")
    }

    fn rival(&self, base: &Base<'_>) -> Box<dyn Rival> {
        Box::new(Baseline::new(base))
    }
}
