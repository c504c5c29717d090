//! What must hold of deflating: the bytes are zlib's, and what is in them is the input.

use flate2::Crc;
use proptest::prelude::*;

use super::super::inflate;
use super::{Deflater, TooSlow};

/// Length and CRC-32 of what zlib 1.2.13 (Debian's, through Python's `zlib.compressobj(level, 8, -15, 8)`) makes of each input,
/// with the levels 1 to 9.
const BY_ZLIB: [[(usize, u32); 9]; 4] = [
    [
        (73788, 0xf5af77fb),
        (72662, 0xf04bc3d1),
        (73025, 0x0295f2e6),
        (73364, 0x860cfbd8),
        (74292, 0x1baf5586),
        (74365, 0xef9bfd7d),
        (74385, 0x05f19f9b),
        (74385, 0x05f19f9b),
        (74385, 0x05f19f9b),
    ],
    [
        (70025, 0x42d689b7),
        (70025, 0x42d689b7),
        (70025, 0x42d689b7),
        (70025, 0xbdf3815a),
        (70025, 0xbdf3815a),
        (70025, 0xbdf3815a),
        (70025, 0xbdf3815a),
        (70025, 0xbdf3815a),
        (70025, 0xbdf3815a),
    ],
    [
        (75757, 0x16710435),
        (75769, 0x9b894628),
        (75889, 0xb67a2412),
        (70212, 0x9cb46ba5),
        (69898, 0xe66c0894),
        (68694, 0x16798af6),
        (68411, 0x196a98de),
        (67438, 0x10f8c372),
        (67073, 0xcb8b952c),
    ],
    [
        (454, 0x8ef52da9),
        (454, 0x8ef52da9),
        (454, 0x8ef52da9),
        (114, 0x27390c0e),
        (114, 0x27390c0e),
        (114, 0x27390c0e),
        (114, 0x27390c0e),
        (114, 0x27390c0e),
        (114, 0x27390c0e),
    ],
];

/// Inputs that take every way through zlib: text of many blocks, what can't be deflated, distances and lengths of all kinds, and
/// one long run.
fn inputs() -> [Vec<u8>; 4] {
    let text = (0..12_000u64).map(|line| format!("{line} {}\n", line * line)).collect::<String>();
    let mut state = 7u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..70_000).map(next).collect();
    let some = |piece: usize| {
        let own = &noise[piece * 50..piece * 50 + piece % 300];
        [own, &vec![b'.'; piece % 90], &noise[..piece % 700]].concat()
    };
    let mixed = (0..1200).flat_map(some).collect();
    [text.into_bytes(), noise.clone(), mixed, vec![0; 100_000]]
}

fn deflate(deflater: &mut Deflater, input: &[u8], piece: usize) -> Vec<u8> {
    let mut packed = Vec::new();
    input.chunks(piece).for_each(|some| deflater.write(some, &mut packed).expect("vec"));
    deflater.finish(&mut packed).expect("vec");
    packed
}

#[test]
fn every_level_makes_the_bytes_that_zlib_makes() {
    let mut deflater = Deflater::new(1).expect("a level");
    for (number, (input, expected)) in inputs().iter().zip(BY_ZLIB).enumerate() {
        for (level, expected) in (1u8..).zip(expected) {
            assert!(deflater.restart(level));
            let packed = deflate(&mut deflater, input, input.len());
            let mut checksum = Crc::new();
            checksum.update(&packed);
            assert_eq!((packed.len(), checksum.sum()), expected, "input {number}, level {level}");
        }
    }
}

#[test]
fn the_shortest_inputs_are_those_of_zlib() {
    let cases: [(&[u8], &[u8]); 3] = [
        (b"", &[0x03, 0x00]),
        (b"a", &[0x4b, 0x04, 0x00]),
        (b"aaaaaa", &[0x4b, 0x4c, 0x04, 0x01, 0x00]),
    ];
    for (input, expected) in cases {
        let mut deflater = Deflater::new(6).expect("a level");
        assert_eq!(deflate(&mut deflater, input, 1), expected);
    }
}

#[test]
fn other_levels_there_are_none() {
    assert!(Deflater::new(0).is_none());
    assert!(Deflater::new(10).is_none());
    assert!(!Deflater::new(9).expect("a level").restart(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_goes_in_comes_out_whatever_the_pieces(
        parts in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 0..200),
        level in 1u8..=9,
        piece in 1usize..70_000,
    ) {
        let mut input = Vec::new();
        for (at, len, value) in parts {
            let len = usize::from(len) % 1500;
            match value % 3 {
                0 => input.extend(std::iter::repeat_n(value, len)),
                1 => input.extend((0..len).map(|byte| ((byte * usize::from(at)) >> 3) as u8)),
                _ => {
                    let start = usize::from(at) % (input.len() + 1);
                    input.extend_from_within(start..input.len().min(start + len));
                }
            }
        }
        let mut deflater = Deflater::new(level).expect("a level");
        let whole = deflate(&mut deflater, &input, input.len().max(1));
        prop_assert_eq!(inflate(&whole, input.len()), Some(input.clone()));
        prop_assert!(deflater.restart(level));
        prop_assert!(deflate(&mut deflater, &input, piece) == whole);
    }
}

#[test]
fn what_takes_zlib_very_long_is_refused_and_other_levels_of_it_are_not() {
    let mut noise = 1u32;
    let mut letter = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (noise >> 31) as u8
    };
    let input: Vec<u8> = (0..200_000).map(|_| letter()).collect();
    let deflated = |level| {
        let mut deflater = Deflater::new(level).expect("a level");
        let mut out = Vec::new();
        deflater.write(&input, &mut out).and_then(|()| deflater.finish(&mut out)).map(|()| out)
    };
    assert_eq!(inflate(&deflated(6).expect("as ever"), input.len()), Some(input.clone()));
    let error = deflated(9).expect_err("too slow");
    assert!(error.get_ref().is_some_and(|inner| inner.is::<TooSlow>()), "{error}");
}
