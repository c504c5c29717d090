use std::io::Read as _;

use super::method::GZIP_PIECE_BYTES;
use super::*;
use crate::delta::Effort;
use crate::image::decompress;

fn compress(compression: Compression, raw: &[u8], step: usize) -> Vec<u8> {
    let (options, mut allowance) = (Options::default(), Allowance::of_images(1 << 30));
    let len = raw.len() as u64;
    let mut encoder = Encoder::new(compression, &options, len, &mut allowance, Vec::new());
    raw.chunks(step).for_each(|chunk| encoder.write_all(chunk).expect("vec"));
    encoder.finish().expect("vec")
}

fn raw(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 3 * 7 + i / 1000) as u8).collect()
}

/// Enough for several pieces, the last of them not full.
const LARGE: usize = (5 << 20) + 17;

const ALL: [Compression; 4] =
    [Compression::Gzip, Compression::Bzip2, Compression::Xz, Compression::None];

#[test]
fn what_goes_in_comes_out() {
    for compression in ALL {
        for len in [1, 1000, *GZIP_PIECE_BYTES.start() as usize, LARGE] {
            let raw = raw(len);
            let blob = compress(compression, &raw, 100_000);
            let mut out = Vec::new();
            let mut reader = decompress(&blob[..]).expect("readable");
            reader.read_to_end(&mut out).expect("whole");
            assert!(out == raw, "{compression:?} {len}");
        }
    }
}

#[test]
fn the_highest_effort_makes_small_streams_no_larger() {
    let raw = raw(20_000);
    let len_at = |effort| {
        let effort = Effort::new(effort).expect("1 to 9");
        let options = Options { effort, ..Options::default() };
        let mut allowance = Allowance::of_images(0);
        let mut encoder =
            Encoder::new(Compression::Gzip, &options, raw.len() as u64, &mut allowance, Vec::new());
        encoder.write_all(&raw).expect("vec");
        let blob = encoder.finish().expect("vec");
        let mut out = Vec::new();
        decompress(&blob[..]).and_then(|mut reader| reader.read_to_end(&mut out)).expect("ok");
        assert!(out == raw);
        blob.len()
    };
    assert!(len_at(9) <= len_at(8));
}

#[test]
fn the_bytes_depend_on_neither_threads_nor_writes() {
    let raw = raw(LARGE);
    for compression in [Compression::Gzip, Compression::Bzip2] {
        let of_threads = |threads, step| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("pool").install(|| compress(compression, &raw, step))
        };
        let expected = of_threads(1, raw.len());
        assert!(of_threads(2, 4096) == expected, "{compression:?}");
        assert!(of_threads(16, 999_983) == expected, "{compression:?}");
    }
}
