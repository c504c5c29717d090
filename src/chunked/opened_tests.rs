//! What must hold of layer deltas that open archives: they make what they were made from, and what can't be is refused in bounds.

use std::io::Cursor;
use std::ops::Range;

use proptest::prelude::*;

use super::coding::Coder;
use super::format::{CHUNK_RAW_BYTES, MEMBERS};
use super::split::Splitter;
use super::streams::Streams;
use super::tests::decode;
use super::write::{code, write_chunks};
use super::*;
use crate::archives::test_zips::{deflated, zip};
use crate::delta::{
    Base, Covers, OPENED_RATIO, Opening, Options, PackedStretch, open_archives, test_files::tar,
};
use crate::leb128::{folded, push};

const LAYER_BYTES: u64 = 1 << 30;

/// The delta that makes `target` from `base`, in chunks of about `every` bytes, and how many members it opens.
fn encode(base: &Base<'_>, target: &[u8], every: u64) -> (Vec<u8>, usize) {
    let (options, targets) = (Options::default(), [target]);
    let search = options.search();
    let covers = Covers::new(base, &targets, PRICES, &search, &|_| true).expect("memory");
    let covers = covers.of_target(0, &|_| true).expect("memory");
    let cost =
        |opening: &Opening, range: Range<u64>| opening_cost(base, target, &covers, opening, range);
    let opening =
        open_archives(base, target, &covers, PRICES, &search, &cost, &|_| true).expect("memory");
    let coder = Coder::new(&options);
    let parts = Splitter::new(base, target, &covers, &[], &opening, &coder).every(every);
    let (mut spill, mut out) = (Cursor::new(Vec::new()), Vec::new());
    write_chunks(base, target, parts, &coder, &mut spill, &mut out).expect("memory");
    (out, opening.members.len())
}

/// A source text, one line of which says `word`.
fn source(number: u32, word: &str) -> String {
    let line = |line: u32| {
        let said = if line == 20 { word } else { "kept" };
        format!(
            "    entry_{} = {said}({:x})\n",
            line,
            number.wrapping_add(line).wrapping_mul(2_654_435_761)
        )
    };
    (0..60).map(line).collect()
}

/// Twelve members, packed with `level`, of which those from `changed` on say `word`.
fn wheel(changed: u32, word: &str, level: u8) -> Vec<u8> {
    let all = (0..12).map(|number| {
        let word = if number < changed { "kept" } else { word };
        (format!("package/module_{number}.py"), source(number * 1000, word))
    });
    let all: Vec<(String, String)> = all.collect();
    let members: Vec<(&str, &[u8], u8)> =
        all.iter().map(|(name, text)| (&name[..], text.as_bytes(), level)).collect();
    zip(&members)
}

#[test]
fn a_changed_line_in_packed_members_costs_little_in_one_chunk_and_in_many() {
    let old = tar(&[("etc/before", b"the same"), ("lib/tool-1.0.whl", &wheel(12, "", 6))]);
    let base = Base::new(vec![&old]);
    for level in [1, 6, 9] {
        let new = wheel(4, "changed", level);
        let target = tar(&[("etc/new", b"another"), ("lib/tool-1.1.whl", &new), ("end", b"end")]);
        let (delta, opened) = encode(&base, &target, LAYER_BYTES);
        assert_eq!(decode(&base, &delta).expect("whole"), target);
        assert!(opened >= 8, "{opened} at level {level}");
        assert!(delta.len() < new.len() / 4, "{} of {} at level {level}", delta.len(), new.len());
        assert_eq!(delta[7], 2, "the version says that members are open");
        let (delta, _) = encode(&base, &target, 1500);
        let index = Index::read(&mut &delta[..], LAYER_BYTES).expect("an index");
        let open = |chunk: &&ChunkEntry| chunk.stream(StreamKind::OpenedBase).0 > 0;
        assert!(index.chunks.iter().filter(open).count() > 2);
        assert_eq!(decode(&base, &delta).expect("whole"), target);
    }
}

#[test]
fn archives_that_did_not_change_or_that_zlib_did_not_pack_stay_as_they_are() {
    let old = tar(&[("tool.jar", &wheel(12, "", 6))]);
    let base = Base::new(vec![&old]);
    let moved = tar(&[("new", b"in front"), ("tool.jar", &wheel(12, "", 6))]);
    let (delta, opened) = encode(&base, &moved, LAYER_BYTES);
    assert_eq!((opened, delta[7]), (0, 1));
    assert_eq!(decode(&base, &delta).expect("whole"), moved);
    // One member that is stored in DEFLATE's own way: zlib's levels from 1 on pack it.
    let text = source(0, "another").into_bytes();
    let stored = [
        &[1][..],
        &(text.len() as u16).to_le_bytes(),
        &(!(text.len() as u16)).to_le_bytes(),
        &text,
    ]
    .concat();
    let mut archive = zip(&[("package/module_0.py", &text, 6)]);
    let packed = deflated(&text, 6);
    let at = archive.windows(packed.len()).position(|bytes| bytes == packed).expect("the member");
    archive[at..at + packed.len()].copy_from_slice(&stored[..packed.len()]);
    let target = tar(&[("tool.jar", &archive)]);
    let (delta, opened) = encode(&base, &target, LAYER_BYTES);
    assert_eq!(opened, 0);
    assert_eq!(decode(&base, &delta).expect("whole"), target);
}

#[test]
fn small_members_are_not_told_by_what_takes_much_longer_to_open() {
    let large: String = (0..400).map(|number| source(number, "kept")).collect();
    let old = tar(&[("lib/tool-1.jar", &zip(&[("m", large.as_bytes(), 6)]))]);
    let base = Base::new(vec![&old]);
    let new = zip(&[("m", &large.as_bytes()[5000..5300], 6)]);
    let files: Vec<(String, &[u8])> =
        (2..40).map(|number| (format!("lib/tool-{number}.jar"), &new[..])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, jar)| (&path[..], *jar)).collect();
    let target = tar(&files);
    let (delta, opened) = encode(&base, &target, LAYER_BYTES);
    assert_eq!(opened, 0);
    assert_eq!(decode(&base, &delta).expect("whole"), target);
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| push(&mut out, *number));
    out
}

/// What a chunk of `len` bytes makes whose streams are these.
fn rebuilt(
    literals: &[u8],
    members: &[u64],
    opened: &[u64],
    len: u64,
    base: &[u8],
) -> Result<Vec<u8>, ChunkError> {
    let mut streams = Streams::default();
    *streams.of_mut(StreamKind::Literals) = literals.to_vec();
    *streams.of_mut(StreamKind::Members) = numbers(members);
    *streams.of_mut(StreamKind::OpenedBase) = numbers(opened);
    let (entry, blob) = code(len, &streams, &Coder::new(&Options::default())).expect("memory");
    let mut made = Vec::new();
    let done = rebuild_chunk(&entry, &blob, &Base::new(vec![base]), &mut made);
    assert!(made.len() as u64 <= len);
    done.map(|_| made)
}

#[test]
fn members_that_cannot_be_are_refused() {
    let text = b"a member, a member, a member and some more of a member";
    let packed = deflated(text, 6);
    let (plain, len) = (text.len() as u64, packed.len() as u64);
    assert_eq!(rebuilt(text, &[plain, 0, plain, 6], &[], len, b"").expect("whole"), packed);
    let front = [&text[..4], &deflated(&text[4..], 9)].concat();
    let made = rebuilt(text, &[plain, 4, plain - 4, 9], &[], front.len() as u64, b"");
    assert_eq!(made.expect("whole"), front);
    let cases: [(&str, &[u64], u64); 11] = [
        ("level 0", &[plain, 0, plain, 0], len),
        ("level 10", &[plain, 0, plain, 10], len),
        ("a level of many bits", &[plain, 0, plain, 6 + 256], len),
        ("no content", &[plain, 0, 0, 6], len),
        ("more than there is", &[plain, 0, plain + 1, 6], len),
        ("behind the end", &[plain, plain, 1, 6], len),
        ("far behind the end", &[plain, u64::MAX, 1, 6], len),
        ("longer than the index says", &[plain, 0, plain, 6], len - 1),
        ("shorter than the index says", &[plain, 0, plain, 6], len + 1),
        ("eight times as much", &[8 * len + 1, 0, plain, 6], len),
        ("no number", &[plain, 0, plain], len),
    ];
    for (name, members, len) in cases {
        let refused = rebuilt(text, members, &[], len, b"");
        assert!(matches!(refused, Err(ChunkError::Members)), "{name}: {refused:?}");
    }
    let mut many = vec![MEMBERS as u64 + 1];
    (0..=MEMBERS).for_each(|_| many.extend([0, 1, 6]));
    let refused = rebuilt(&vec![0; MEMBERS + 1], &many, &[], 4 * MEMBERS as u64, b"");
    assert!(matches!(refused, Err(ChunkError::Members)), "{refused:?}");
}

#[test]
fn stretches_that_cannot_be_are_refused() {
    let bomb = deflated(&vec![0; 40 << 20], 9);
    let text = b"what the base has, what the base has";
    let packed = deflated(text, 6);
    let base = [&packed[..], &bomb].concat();
    let (len, packed, all) = (text.len() as u64, packed.len() as u64, base.len() as u64);
    let made = vec![b'x'; 2 << 20];
    let rebuilt =
        |opened: &[u64]| rebuilt(&made, &[], opened, made.len() as u64, &base).map(|_| ());
    // Nothing of what is opened is used, which is fine.
    assert!(rebuilt(&[0, packed, len]).is_ok());
    let most = CHUNK_RAW_BYTES;
    let outside: [(&str, &[u64]); 7] = [
        ("outside of the base", &[folded(all as i64), 1, len]),
        ("in front of the base", &[folded(-1), packed, len]),
        ("longer than the base", &[0, all + 1, len]),
        ("no bytes", &[0, 0, len]),
        ("no content", &[0, packed, 0]),
        ("more content than there may be", &[0, packed, most]),
        ("a cut number", &[0, packed]),
    ];
    for (name, opened) in outside {
        let refused = rebuilt(opened);
        assert!(matches!(refused, Err(ChunkError::Stretches)), "{name}: {refused:?}");
    }
    let damaged: [(&str, &[u64]); 5] = [
        ("less than is in it", &[0, packed, len - 1]),
        ("more than is in it", &[0, packed, len + 1]),
        ("cut", &[0, packed - 1, len]),
        ("more than one stream", &[0, packed + 1, len]),
        ("a bomb", &[folded(packed as i64), all - packed, 1000]),
    ];
    for (name, opened) in damaged {
        let refused = rebuilt(opened);
        assert!(
            matches!(refused, Err(ChunkError::OpenedBase { number: 0 })),
            "{name}: {refused:?}"
        );
    }
    let many = vec![0, packed, len];
    let back = [folded(-(packed as i64)), packed, len];
    let many = [many, back.repeat(MEMBERS)].concat();
    assert!(rebuilt(&many[..3 * MEMBERS]).is_ok());
    let refused = rebuilt(&many);
    assert!(matches!(refused, Err(ChunkError::Stretches)), "{refused:?}");
}

#[test]
fn no_more_is_opened_than_in_proportion_to_what_a_chunk_makes() {
    let text = b"what the base has, what the base has";
    let base = deflated(text, 6);
    let (packed, len) = (base.len() as u64, text.len() as u64);
    let back = [folded(-(packed as i64)), packed, len];
    let opened = |count: usize| [vec![0, packed, len], back.repeat(count - 1)].concat();
    let weight = PackedStretch { offset: 0, packed_len: packed, len }.weight();
    let made = vec![b'x'; (3 * weight).div_ceil(OPENED_RATIO) as usize];
    let rebuilt = |count| rebuilt(&made, &[], &opened(count), made.len() as u64, &base);
    assert!(rebuilt(3).is_ok());
    assert!(matches!(rebuilt(4), Err(ChunkError::Stretches)));
}

#[test]
fn no_damage_to_what_says_of_members_makes_more_than_the_index_says() {
    let old = tar(&[("lib/tool.whl", &wheel(12, "", 6))]);
    let target = tar(&[("lib/tool.whl", &wheel(8, "changed", 6))]);
    let base = Base::new(vec![&old]);
    let (delta, _) = encode(&base, &target, LAYER_BYTES);
    let index = Index::read(&mut &delta[..], LAYER_BYTES).expect("an index");
    assert_eq!(index.chunks.len(), 1);
    for cut in 0..delta.len() {
        assert!(decode(&base, &delta[..cut]).is_err(), "cut at {cut}");
    }
    let start = index.chunks[0].offset as usize;
    for at in start..delta.len() {
        for bit in 0..8 {
            let mut damaged = delta[start..].to_vec();
            damaged[at - start] ^= 1 << bit;
            // The digest would refuse it: what is behind that must hold alone.
            let mut entry = index.chunks[0].clone();
            entry.digest =
                sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&damaged))
                    .into();
            let mut made = Vec::new();
            let done = rebuild_chunk(&entry, &damaged, &base, &mut made);
            assert!(made.len() as u64 <= entry.len);
            assert!(done.is_err() || made.len() as u64 == entry.len);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_archives_become_the_delta_makes_them(
        members in proptest::collection::vec((any::<u16>(), 1usize..4000, 1u8..=9), 1..12),
        edits in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 0..12),
        damage in proptest::option::of((any::<u16>(), any::<u8>())),
        every in 500u64..20_000,
    ) {
        let content = |seed: u16, len: usize| -> Vec<u8> {
            let word = |at: usize| format!("{:x} ", ((at * usize::from(seed)) >> 4) % 777);
            (0..len / 3 + 1).flat_map(|at| word(at).into_bytes()).take(len).collect()
        };
        let mut all: Vec<(String, Vec<u8>, u8)> = members
            .into_iter()
            .enumerate()
            .map(|(number, (seed, len, level))| (format!("m{number}"), content(seed, len), level))
            .collect();
        let zipped = |all: &[(String, Vec<u8>, u8)]| {
            zip(&all.iter().map(|(name, content, level)| (&name[..], &content[..], *level)).collect::<Vec<_>>())
        };
        let old = tar(&[("a/x-1.zip", &zipped(&all)), ("b", b"some more")]);
        for (which, at, value) in edits {
            let count = all.len();
            let (name, content, level) = &mut all[usize::from(which) % count];
            let at = usize::from(at) % content.len();
            match value % 5 {
                0 => content[at] = value,
                1 => content.insert(at, value),
                2 => content.extend_from_within(at..),
                3 => *level = value % 9 + 1,
                _ => name.push('2'),
            }
        }
        let mut archive = zipped(&all);
        if let Some((at, value)) = damage {
            let at = usize::from(at) % archive.len();
            archive[at] = value;
        }
        let target = tar(&[("b", b"some more"), ("a/x-2.zip", &archive)]);
        let base = Base::new(vec![&old]);
        let (delta, _) = encode(&base, &target, every);
        prop_assert!(decode(&base, &delta).expect("whole") == target);
    }
}
