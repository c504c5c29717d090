//! How fast the parts of an encoder are, on made-up data: run with `cargo bench --bench kernels`.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use remora::delta::{Base, Command, Effort, Encoder, Goal, Options, tar_entries};
use remora::librsync::{Prices, patch, write_stream};

fn main() {
    divan::main();
}

const LEN: usize = 4 << 20;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Unchanged,
    /// Noise with addresses in it that moved, as in a program compiled again.
    Binary,
    /// Lines of words, some of them elsewhere.
    Text,
}

const KINDS: [Kind; 3] = [Kind::Unchanged, Kind::Binary, Kind::Text];

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 >> 33
    }
}

fn pair(kind: Kind) -> (Vec<u8>, Vec<u8>) {
    let mut noise = Noise(1);
    match kind {
        Kind::Unchanged => {
            let bytes: Vec<u8> = (0..LEN).map(|_| noise.next() as u8).collect();
            (bytes.clone(), bytes)
        }
        Kind::Binary => {
            let base: Vec<u8> = (0..LEN).map(|_| noise.next() as u8).collect();
            let mut target = base.clone();
            let mut at = 0;
            while at + 4 < LEN {
                target[at] = target[at].wrapping_add(16);
                at += 20 + (noise.next() % 100) as usize;
            }
            (base, target)
        }
        Kind::Text => {
            let words: Vec<String> = (0..2000).map(|_| format!("{:x}", noise.next())).collect();
            let base = text(&words, &mut noise);
            let mut lines: Vec<&[u8]> = base.split_inclusive(|&byte| byte == b'\n').collect();
            let count = lines.len();
            for _ in 0..count / 10 {
                lines.swap(noise.next() as usize % count, noise.next() as usize % count);
            }
            (base.clone(), lines.concat())
        }
    }
}

fn text(words: &[String], noise: &mut Noise) -> Vec<u8> {
    let mut text = Vec::with_capacity(LEN + 64);
    while text.len() < LEN {
        text.extend_from_slice(words[noise.next() as usize % words.len()].as_bytes());
        text.push(if noise.next().is_multiple_of(8) { b'\n' } else { b' ' });
    }
    text
}

fn options(goal: Goal, level: u8) -> Options {
    let mut options = Options::default();
    (options.goal, options.effort) = (goal, Effort::new(level).expect("a level"));
    options
}

fn commands(base: &[u8], target: &[u8], options: Options) -> Vec<Command> {
    let base = Base::new(vec![base]);
    Encoder::new(&base, &[target], &Prices::of_goal(&options.goal), options.search(), &|_| true)
        .expect("memory")
        .encode(0, &|_| true)
}

#[divan::bench(args = KINDS, sample_count = 5)]
fn index(bencher: Bencher<'_, '_>, kind: Kind) {
    let (base, target) = pair(kind);
    let (base, targets) = (Base::new(vec![&base]), [&target[..]]);
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        let prices = Prices::of_goal(&Goal::default());
        let search = Options::default().search();
        black_box(Encoder::new(&base, &targets, &prices, search, &|_| true).expect("memory"));
    });
}

#[divan::bench(args = KINDS, sample_count = 5)]
fn encode_for_time(bencher: Bencher<'_, '_>, kind: Kind) {
    encode(bencher, kind, options(Goal::default(), 5));
}

#[divan::bench(args = KINDS, sample_count = 5)]
fn encode_for_size(bencher: Bencher<'_, '_>, kind: Kind) {
    encode(bencher, kind, options(Goal::Size, 5));
}

#[divan::bench(args = KINDS, sample_count = 5)]
fn encode_fast(bencher: Bencher<'_, '_>, kind: Kind) {
    encode(bencher, kind, options(Goal::default(), 1));
}

fn encode(bencher: Bencher<'_, '_>, kind: Kind, options: Options) {
    let (base, target) = pair(kind);
    let (base, targets) = (Base::new(vec![&base]), [&target[..]]);
    let prices = Prices::of_goal(&options.goal);
    let encoder =
        Encoder::new(&base, &targets, &prices, options.search(), &|_| true).expect("memory");
    bencher.counter(BytesCount::new(LEN)).bench_local(|| black_box(encoder.encode(0, &|_| true)));
}

#[divan::bench(args = KINDS, sample_count = 20)]
fn write(bencher: Bencher<'_, '_>, kind: Kind) {
    let (base, target) = pair(kind);
    let commands = commands(&base, &target, options(Goal::Size, 1));
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        write_stream(&target, &commands, &mut Vec::with_capacity(LEN)).expect("memory");
    });
}

#[divan::bench(args = KINDS, sample_count = 20)]
fn undo(bencher: Bencher<'_, '_>, kind: Kind) {
    let (base, target) = pair(kind);
    let mut stream = Vec::new();
    let commands = commands(&base, &target, options(Goal::Size, 1));
    write_stream(&target, &commands, &mut stream).expect("memory");
    let base = Base::new(vec![&base]);
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        patch(&base, &stream[..], &mut Vec::with_capacity(LEN), u64::MAX).expect("a delta");
    });
}

#[divan::bench]
fn list_tar_entries(bencher: Bencher<'_, '_>) {
    let mut archive = tar::Builder::new(Vec::new());
    for number in 0..1000 {
        let mut header = tar::Header::new_gnu();
        header.set_size(4096);
        archive.append_data(&mut header, format!("file-{number}"), &[7; 4096][..]).expect("memory");
    }
    let archive = archive.into_inner().expect("memory");
    bencher
        .counter(BytesCount::new(archive.len()))
        .bench_local(|| tar_entries(black_box(&archive)).count());
}
