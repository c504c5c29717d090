//! The plain block-matching baseline: fast_rsync over aligned 512-byte blocks of the base, as
//! rdiff and balena-engine do it.

use fast_rsync::{Signature, SignatureOptions, diff};
use rayon::prelude::*;

use super::CommandReader;
use crate::delta::{Advance, Base, Command, Rival};

const BLOCK: usize = 512;
/// The strong sum is MD4, 16 bytes; 8 of them keep the signature small and a false match would be
/// caught by the verification of every delta.
const STRONG_SUM: u32 = 8;
/// The target is cut into pieces of this size, whatever the number of threads.
const PIECE: usize = 4 << 20;

/// The signature of a base, ready to be compared with targets.
pub(super) struct Baseline {
    signature: Signature,
}

impl Baseline {
    pub(super) fn new(base: &Base<'_>) -> Self {
        let options = SignatureOptions { block_size: BLOCK as u32, crypto_hash_size: STRONG_SUM };
        let mut joined = Signature::calculate(&[], options).into_serialized();
        let header = joined.len();
        for run in block_runs(base) {
            let sums: Vec<Vec<u8>> = run
                .par_chunks(PIECE)
                .map(|piece| Signature::calculate(piece, options).into_serialized())
                .collect();
            sums.iter().for_each(|sums| joined.extend_from_slice(&sums[header..]));
        }
        let signature = Signature::deserialize(joined).expect("made of whole signatures");
        Baseline { signature }
    }
}

impl Rival for Baseline {
    fn encode(&self, target: &[u8], advance: &Advance<'_>) -> Vec<Command> {
        let index = self.signature.index();
        let pieces: Vec<Vec<Command>> = target
            .par_chunks(PIECE)
            .map(|piece| {
                if !advance(0) {
                    return vec![Command::Literal { len: piece.len() as u64 }];
                }
                let mut stream = Vec::new();
                diff(&index, piece, &mut stream).expect("writing to a Vec cannot fail");
                advance(piece.len() as u64);
                commands_of(&stream)
            })
            .collect();
        join(pieces)
    }
}

/// The base as runs of whole blocks, in stream order; a block that spans slices is a run of its
/// own, and the last run may end with a shorter block.
fn block_runs<'a>(base: &Base<'a>) -> Vec<std::borrow::Cow<'a, [u8]>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < base.len() {
        let tail = base.tail(at);
        let whole = tail.len() / BLOCK * BLOCK;
        if whole > 0 {
            runs.push(tail[..whole].into());
            at += whole as u64;
        } else {
            let len = (base.len() - at).min(BLOCK as u64);
            let pieces = base.pieces(at, len).expect("inside the base");
            runs.push(pieces.collect::<Vec<_>>().concat().into());
            at += len;
        }
    }
    runs
}

fn commands_of(stream: &[u8]) -> Vec<Command> {
    let mut reader = CommandReader::new(stream).expect("fast_rsync writes the magic number");
    std::iter::from_fn(|| reader.next_command().expect("fast_rsync writes valid streams")).collect()
}

/// Joins the commands of neighbouring pieces: what continues across a seam becomes one command.
fn join(pieces: Vec<Vec<Command>>) -> Vec<Command> {
    let mut joined: Vec<Command> = Vec::with_capacity(pieces.iter().map(Vec::len).sum());
    for command in pieces.into_iter().flatten() {
        match (joined.last_mut(), command) {
            (_, command) if command.is_empty() => {}
            (Some(Command::Copy { offset, len }), Command::Copy { offset: next, len: more })
                if *offset + *len == next =>
            {
                *len += more;
            }
            (Some(Command::Literal { len }), Command::Literal { len: more }) => *len += more,
            _ => joined.push(command),
        }
    }
    joined
}
