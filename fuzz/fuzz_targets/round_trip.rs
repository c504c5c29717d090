//! Encode and patch: whatever base and target are, the commands make the target.

#![no_main]

use libfuzzer_sys::{arbitrary, fuzz_target};
use remora::delta::{Algorithm, Base, Effort, Encoder, Goal, Options};
use remora::librsync::{Prices, patch, write_stream};

/// A base in slices, and a target that is made of parts of it and new bytes.
#[derive(arbitrary::Arbitrary, Debug)]
struct Pair {
    base: Vec<Vec<u8>>,
    /// How often each slice is repeated, so that bases grow beyond one input.
    repeats: u8,
    parts: Vec<Part>,
    effort: u8,
    blocks: bool,
    link: bool,
}

#[derive(arbitrary::Arbitrary, Debug)]
enum Part {
    Copied { slice: u8, from: u16, len: u16 },
    New(Vec<u8>),
    Zeros(u16),
}

fn target(parts: &[Part], base: &[Vec<u8>]) -> Vec<u8> {
    let mut target = Vec::new();
    for part in parts {
        match part {
            Part::New(bytes) => target.extend_from_slice(bytes),
            Part::Zeros(len) => target.resize(target.len() + usize::from(*len), 0),
            Part::Copied { slice, from, len } => {
                let Some(slice) = base.get(usize::from(*slice) % base.len().max(1)) else {
                    continue;
                };
                let from = usize::from(*from).min(slice.len());
                let to = (from + usize::from(*len)).min(slice.len());
                target.extend_from_slice(&slice[from..to]);
            }
        }
    }
    target
}

fuzz_target!(|pair: Pair| {
    let repeats = usize::from(pair.repeats % 32) + 1;
    let slices: Vec<Vec<u8>> = pair.base.iter().map(|slice| slice.repeat(repeats)).collect();
    let target = target(&pair.parts, &slices);
    let base = Base::new(slices.iter().map(|slice| &slice[..]).collect());
    let goal = match pair.link {
        true => {
            Goal::UpdateTime { bytes_per_second: 1e6, copy_seconds: 5e-5, literal_seconds: 2e-5 }
        }
        false => Goal::Size,
    };
    let algorithm = if pair.blocks { Algorithm::Rsync } else { Algorithm::Fine };
    let effort = Effort::new(pair.effort % 9 + 1).expect("1 to 9");
    let (targets, prices) = ([&target[..]], Prices::of_goal(&goal));
    let mut search = Options::default().search();
    (search.algorithm, search.effort, search.memory) = (algorithm, effort, 16 << 20);
    let encoder = Encoder::new(&base, &targets, &prices, search, &|_| true).expect("memory");
    let commands = encoder.encode(0, &|_| true);
    let mut stream = Vec::new();
    write_stream(&target, &commands, &mut stream).expect("memory");
    let mut rebuilt = Vec::new();
    patch(&base, &stream[..], &mut rebuilt, target.len() as u64).expect("our own stream");
    assert!(rebuilt == target);
});
