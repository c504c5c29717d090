//! Data made to be hard to search: the work must stay in proportion to it, and the commands right.

use super::extent::COMPARED;
use super::*;
use crate::chunked;
use crate::librsync::{Prices, patch, write_stream};

const MIB: usize = 1 << 20;

/// The most bytes compared for each byte of base and target together: a few times what the hardest
/// of this data took (74), and far below what work that grows faster than the data would reach.
const WORK_PER_BYTE: u64 = 256;

/// Numbers that look random, the same ones every time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Changes one byte in about `every`.
fn mutated(mut bytes: Vec<u8>, every: u64, seed: u64) -> Vec<u8> {
    let mut noise = Noise(seed);
    let mut at = (noise.next() % every) as usize;
    while at < bytes.len() {
        bytes[at] ^= 1 + noise.next() as u8 % 255;
        at += 1 + (noise.next() % (2 * every)) as usize;
    }
    bytes
}

/// Bytes of two kinds in which every sequence of twenty comes once.
fn de_bruijn(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        let bit = (state ^ state >> 3) & 1;
        state = state >> 1 | bit << 19;
        b'a' + bit as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Repeats of one unit after another, of every length from 1 to 64.
fn all_periods(len: usize) -> Vec<u8> {
    let mut noise = Noise(1);
    let periodic = |period: usize| {
        let unit = noise.bytes(period);
        unit.into_iter().cycle().take(len / 64)
    };
    (1..=64).flat_map(periodic).collect()
}

/// Copies of one block, the same but for one byte in `step`, at another place in each copy.
fn staggered(block: &[u8], copies: usize, step: usize) -> Vec<u8> {
    let copy = |number: usize| {
        let mut copy = block.to_vec();
        copy.iter_mut().skip(number * 5 % step).step_by(step).for_each(|byte| *byte ^= 0x80);
        copy
    };
    (0..copies).flat_map(copy).collect()
}

/// Encodes on one thread and returns the bytes compared for each byte of base and target.
fn work_per_byte(base: &[u8], target: &[u8], goal: Goal) -> u64 {
    let work = || {
        COMPARED.set(0);
        let base = Base::new(vec![base]);
        let targets = [target];
        let (options, prices) = (Options::default(), Prices::of_goal(&goal));
        let encoder = Encoder::new(&base, &targets, &prices, options.search(), &|_| true).unwrap();
        let commands = encoder.encode(0, &|_| true);
        (commands, COMPARED.get())
    };
    let (commands, compared) =
        rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work);
    let mut stream = Vec::new();
    write_stream(target, &commands, &mut stream).unwrap();
    let mut rebuilt = Vec::with_capacity(target.len());
    patch(&Base::new(vec![base]), &stream[..], &mut rebuilt, u64::MAX).unwrap();
    assert!(rebuilt == target, "the commands make something else");
    compared / (base.len() + target.len()) as u64
}

/// The same for covers.
fn cover_work_per_byte(base: &[u8], target: &[u8]) -> u64 {
    let work = || {
        COMPARED.set(0);
        let base = Base::new(vec![base]);
        let targets = [target];
        let search = Options::default().search();
        let covers = Covers::new(&base, &targets, chunked::PRICES, &search, &|_| true).unwrap();
        let covers = covers.of_target(0, &|_| true).unwrap();
        (covers, COMPARED.get())
    };
    let (covers, compared) =
        rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work);
    let mut end = 0;
    for cover in covers {
        assert!(cover.start >= end && cover.len > 0, "covers overlap");
        assert!(cover.offset + cover.len <= base.len() as u64, "a cover is outside the base");
        end = cover.end();
    }
    assert!(end <= target.len() as u64, "a cover is outside the target");
    compared / (base.len() + target.len()) as u64
}

fn stays_bounded(base: &[u8], target: &[u8]) {
    let work = cover_work_per_byte(base, target);
    assert!(work <= WORK_PER_BYTE, "covers: {work} bytes compared for each byte");
    for goal in [Goal::Size, Goal::default()] {
        let work = work_per_byte(base, target, goal);
        assert!(work <= WORK_PER_BYTE, "{goal:?}: {work} bytes compared for each byte");
    }
}

#[test]
fn zeros() {
    stays_bounded(&vec![0; 2 * MIB], &vec![0; 3 * MIB]);
}

#[test]
fn zeros_with_a_few_other_bytes() {
    let zeros = || vec![0; 2 * MIB];
    stays_bounded(&mutated(zeros(), 50, 1), &mutated(zeros(), 50, 2));
    stays_bounded(&mutated(zeros(), 12, 1), &mutated(zeros(), 12, 2));
}

#[test]
fn repeats_of_every_period_with_a_few_changes() {
    let periods = || all_periods(MIB);
    stays_bounded(&periods(), &mutated(periods(), 100, 2));
    stays_bounded(&mutated(periods(), 100, 1), &mutated(periods(), 20, 2));
}

#[test]
fn every_sequence_of_two_byte_values_once() {
    let base = de_bruijn(MIB);
    // Backward it is another such sequence: every match is short.
    let target: Vec<u8> = base.iter().rev().copied().collect();
    stays_bounded(&base, &target);
}

#[test]
fn one_block_a_thousand_times() {
    let block = Noise(3).bytes(4096).repeat(500);
    stays_bounded(&block, &mutated(block.clone(), 100, 1));
    stays_bounded(&mutated(block.clone(), 40, 1), &mutated(block.clone(), 40, 2));
}

#[test]
fn seeds_alike_but_for_the_last_byte() {
    let mut noise = Noise(4);
    let mut seeds = |len| -> Vec<u8> {
        let seed =
            |_| b"fifteen letters".iter().copied().chain([noise.next() as u8]).collect::<Vec<u8>>();
        (0..len / 16).flat_map(seed).collect()
    };
    stays_bounded(&seeds(MIB), &seeds(MIB));
}

#[test]
fn copies_that_are_wrong_at_another_place_each() {
    let block = Noise(5).bytes(64 << 10);
    for step in [18, 24, 40, 200, 1000] {
        stays_bounded(&staggered(&block, 32, step), &mutated(block.repeat(16), 30, 6));
    }
}
