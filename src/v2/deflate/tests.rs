//! Whatever is compressed comes out of a real inflate, with the window fed as readers feed it.

use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;

use super::*;

/// A reader's inflate: literals are inflated, matched bytes are fed as stored blocks.
struct Reader(Decompress);

impl Reader {
    fn inflate(&mut self, mut data: &[u8], expected: usize) -> Vec<u8> {
        let mut out = vec![0; expected + 1];
        let start = self.0.total_out();
        while !data.is_empty() {
            let before = self.0.total_in();
            let made = (self.0.total_out() - start) as usize;
            self.0.decompress(data, &mut out[made..], FlushDecompress::Sync).expect("valid");
            let taken = (self.0.total_in() - before) as usize;
            assert!(taken > 0, "inflate stopped early");
            data = &data[taken..];
        }
        out.truncate((self.0.total_out() - start) as usize);
        out
    }

    fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(0xffff) {
            let len = (piece.len() as u16).to_le_bytes();
            let header = [0, len[0], len[1], !len[0], !len[1]];
            assert_eq!(self.inflate(&[&header, piece].concat(), piece.len()), piece);
        }
    }

    fn stretch(&mut self, mut compressed: Vec<u8>, expected: &[u8]) {
        compressed.extend_from_slice(&OPEN_END);
        assert!(self.inflate(&compressed, expected.len()) == expected, "another content");
    }
}

/// Compresses every second of the stretches that `cuts` make of `file`, and reads it back.
fn round_trip(file: &[u8], cuts: &[usize]) -> usize {
    let mut reader = Reader(Decompress::new(false));
    let mut deflater = Deflater::new(file, 0, Effort::default());
    let mut at = 0;
    let mut total = 0;
    for (number, &cut) in cuts.iter().chain([&file.len()]).enumerate() {
        let end = cut.clamp(at, file.len());
        if number % 2 == 1 {
            reader.feed(&file[at..end]);
        } else if end > at {
            let mut out = Vec::new();
            deflater.stretch(at..end, &mut out);
            total += out.len();
            reader.stretch(out, &file[at..end]);
        }
        at = end;
    }
    total
}

/// Bytes that are sometimes random, sometimes repeats of earlier ones.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let piece = (0usize..3000, any::<u8>(), any::<u64>(), any::<prop::sample::Index>());
    prop::collection::vec(piece, 0..40).prop_map(|pieces| {
        let mut out: Vec<u8> = Vec::new();
        for (len, kind, seed, from) in pieces {
            match kind % 4 {
                0 => out.resize(out.len() + len * 9, seed as u8),
                1 if !out.is_empty() => {
                    let from = from.index(out.len());
                    let to = out.len().min(from + len);
                    out.extend_from_within(from..to);
                }
                kind => {
                    let mask = if kind == 2 { 0x0f } else { 0xff };
                    let mut state = seed | 1;
                    out.extend((0..len).map(|_| {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        state as u8 & mask
                    }));
                }
            }
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn stretches_come_out_of_inflate(
        file in contents(),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(file.len() + 1)).collect();
        cuts.sort_unstable();
        round_trip(&file, &cuts);
        round_trip(&file, &[]);
    }
}

#[test]
fn a_stretch_refers_to_what_precedes_it() {
    let words: Vec<u8> =
        (0..600u32).flat_map(|n| format!("word {} ", n * n).into_bytes()).collect();
    let file = [&words[..], b"xyz", &words[100..400]].concat();
    let with_history = round_trip(&file, &[0, words.len() + 3]);
    assert!(with_history < 20, "{with_history} bytes");
}

#[test]
fn long_stretches_come_out_too() {
    let mut state = 1u32;
    let file: Vec<u8> = (0..3_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 29) as u8 * 7
        })
        .collect();
    let total = round_trip(&file, &[]);
    assert!(total < file.len() / 2, "{total} bytes");
}

#[test]
fn a_short_stretch_costs_little_more_than_its_bytes() {
    let file: Vec<u8> = (0..=255).collect();
    for len in 1..20 {
        let mut out = Vec::new();
        Deflater::new(&file, 100, Effort::default()).stretch(100..100 + len, &mut out);
        assert!(out.len() <= len + 2, "{len} bytes became {}", out.len());
    }
}
