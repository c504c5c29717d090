//! What a dialect says of its stream, so that commands are chosen by what they cost there.

use std::fmt;

use super::{Advance, Base, Command};

/// How many classes of nearness offsets are told apart by.
pub const NEARNESS_CLASSES: usize = 4;

/// A dialect's prices: how its stream has commands, and what they cost.
///
/// The search asks nothing else about a stream. A dialect that is compressed by another method, or
/// frames its commands otherwise, implements this and leaves the search as it is.
pub trait Pricing: fmt::Debug + Send + Sync {
    /// Returns the figures behind the prices.
    fn figures(&self) -> Figures;

    /// Appends to `out` what `command` takes in the stream before any literal bytes. Returns for a
    /// COPY where in `out` the lowest byte of its offset is, if the stream has one.
    fn write_command(&self, command: &Command, out: &mut Vec<u8>) -> Option<usize>;

    /// Returns how many bytes are left of the whole stream that turns a base into `target` by
    /// `commands`, once it is compressed.
    fn packed_len(&self, target: &[u8], commands: &[Command]) -> usize;

    /// Returns the method by which the stream's own tools find commands for `base`, to compare
    /// with, and to take if it does better on small inputs.
    fn rival(&self, base: &Base<'_>) -> Box<dyn Rival>;
}

/// Another method to find commands, ready for one base.
pub trait Rival: Send + Sync {
    /// Returns the commands that make `target`. `advance` is told how many of its bytes are done.
    fn encode(&self, target: &[u8], advance: &Advance<'_>) -> Vec<Command>;
}

/// The cost of commands in a stream, in bits of its compressed form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// The cost of a COPY beside the stream, for instance the device's time.
    pub copy_extra: f64,
    /// The cost of a LITERAL beside the stream.
    pub literal_extra: f64,
    /// Whether nothing but size counts: more time is spent on the choice.
    pub only_size: bool,
    /// The least that a COPY and the LITERAL it splits off take.
    pub cheapest_commands: u32,
    /// The bits that a COPY is presumed to take before any is seen, without the lowest byte of its
    /// offset. The first is that of offsets that differ from the one before in their lowest byte
    /// only, the last of those that differ in more than the lowest three.
    pub presumed_copy: [u32; NEARNESS_CLASSES],
    /// The cost of a COPY beside its own bytes: a COPY breaks repeats and blurs the statistics around it.
    pub disturbance: u32,
    /// The least that a LITERAL takes, without its bytes.
    pub literal_min: u32,
    /// The bits that a COPY of more than 255 bytes takes more than a shorter one.
    pub long_copy: u32,
    /// The cost of repeats within the stream.
    pub repeats: Repeats,
}

/// The price that a compressor pays for bytes that the stream has had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    /// How far back they may be, in bytes.
    pub window: usize,
    /// The longest repeat, in bytes.
    pub longest: usize,
    /// The bits that a repeat takes beside those of its distance.
    pub token_bits: u32,
}
