//! What must hold of layer deltas: they rebuild what they were made from, whatever that is, and what is damaged is refused.

use std::io::Cursor;

use proptest::prelude::*;

use super::coding::Coder;
use super::gather::Part;
use super::streams::Streams;
use super::walk::Plan;
use super::write::code;
use super::*;
use crate::delta::{Base, Cover, Covers, Effort, Opening, Options, programs, test_files};
use crate::leb128::folded;
use crate::references::Program;
use crate::references::test_programs::{Processor, program, program_with_symbols};

/// The most bytes of a layer here.
const LAYER_BYTES: u64 = 1 << 30;

fn options(level: u8) -> Options {
    Options { effort: Effort::new(level).expect("a level"), ..Options::default() }
}

fn encode(base: &Base<'_>, target: &[u8], covers: &[Cover], level: u8) -> Vec<u8> {
    let options = options(level);
    let (mut spill, mut out) = (Cursor::new(Vec::new()), Vec::new());
    let none = Opening::default();
    let written = write_layer_delta(base, target, covers, &none, &options, &mut spill, &mut out);
    let index = written.expect("memory");
    assert_eq!(Index::read(&mut &out[..], LAYER_BYTES).expect("an index"), index);
    out
}

fn covers(base: &Base<'_>, target: &[u8]) -> Vec<Cover> {
    let targets = [target];
    let search = Options::default().search();
    let covers = Covers::new(base, &targets, PRICES, &search, &|_| true).expect("memory");
    covers.of_target(0, &|_| true).expect("memory")
}

pub(super) fn decode(base: &Base<'_>, delta: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let index = Index::read(&mut &delta[..], LAYER_BYTES)?;
    let mut target = Vec::new();
    for chunk in &index.chunks {
        let end = (chunk.offset + chunk.coded_len()) as usize;
        let coded = delta.get(chunk.offset as usize..end).ok_or("the chunk is cut")?;
        rebuild_chunk(chunk, coded, base, &mut target)?;
    }
    assert_eq!(
        target.len() as u64,
        index.target_len,
        "a rebuilt layer is as long as the index says"
    );
    Ok(target)
}

/// A program-like base, and a target with moved, changed and new parts.
fn sample() -> (Vec<u8>, Vec<u8>) {
    let mut state = 7u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let base: Vec<u8> = (0..40_000).map(|at| if at % 4 == 3 { 0 } else { next() as u8 }).collect();
    let mut target = base[10_000..].to_vec();
    target.extend_from_slice(&base[..10_000]);
    (0..target.len()).step_by(97).for_each(|at| target[at] = target[at].wrapping_add(3));
    target.splice(5_000..5_000, b"a text that the base does not have".iter().copied());
    (base, target)
}

#[test]
fn a_delta_of_moved_and_changed_parts_is_small_and_exact_at_every_effort() {
    let (base, target) = sample();
    let base = Base::new(vec![&base[..15_000], &base[15_000..]]);
    let covers = covers(&base, &target);
    for level in 1..=9 {
        let delta = encode(&base, &target, &covers, level);
        assert_eq!(decode(&base, &delta).expect("whole"), target);
        assert!(delta.len() < target.len() / 20, "{} bytes at effort {level}", delta.len());
    }
}

#[test]
fn no_cut_and_no_flipped_bit_makes_another_layer() {
    let (base, target) = sample();
    let base = Base::new(vec![&base]);
    let delta = encode(&base, &target[4_900..5_200], &covers(&base, &target[4_900..5_200]), 5);
    for cut in 0..delta.len() {
        assert!(decode(&base, &delta[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..delta.len() {
        for bit in 0..8 {
            let mut damaged = delta.clone();
            damaged[at] ^= 1 << bit;
            let made = decode(&base, &damaged);
            // What the index says of the base's length is for whoever chooses a base.
            let same = made.as_ref().is_ok_and(|made| made[..] == target[4_900..5_200]);
            assert!(made.is_err() || same, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn large_layers_are_cut_into_chunks_that_stand_alone() {
    let old: Vec<u8> = (0..140u32 << 20).map(|at| (at >> 8) as u8 ^ (at >> 16) as u8).collect();
    let mut new = old.clone();
    new[12_345] ^= 1;
    new[130 << 20] ^= 1;
    let base = Base::new(vec![&old]);
    let whole = [Cover { start: 0, len: new.len() as u64, offset: 0 }];
    let delta = encode(&base, &new, &whole, 5);
    let index = Index::read(&mut &delta[..], LAYER_BYTES).expect("an index");
    assert_eq!(index.chunks.iter().map(|chunk| chunk.len >> 20).collect::<Vec<_>>(), [128, 12]);
    for chunk in index.chunks.iter().rev() {
        let coded = &delta[chunk.offset as usize..][..chunk.coded_len() as usize];
        let mut made = Vec::new();
        rebuild_chunk(chunk, coded, &base, &mut made).expect("whole");
        assert!(made == new[chunk.start as usize..][..chunk.len as usize]);
    }
}

/// A base with a program, a layer with a later version of it, and covers of the layer.
fn programs_sample(processor: Processor) -> (Vec<u8>, Vec<u8>, Vec<Cover>) {
    let program = |functions: &[u8]| program_with_symbols(processor, functions);
    let old = program(&(0..120).collect::<Vec<u8>>());
    let new = program(&(0..40).chain(45..60).chain(200..210).chain(60..120).collect::<Vec<u8>>());
    let base = test_files::tar(&[("bin/tool", &old)]);
    let target = test_files::tar(&[("etc/new", b"something else"), ("bin/tool", &new)]);
    let covers = covers(&Base::new(vec![&base]), &target);
    (base, target, covers)
}

#[test]
fn references_that_follow_what_moved_cost_next_to_nothing() {
    Processor::ALL.into_iter().for_each(cost_next_to_nothing);
}

fn cost_next_to_nothing(processor: Processor) {
    let (base, target, covers) = programs_sample(processor);
    let base = Base::new(vec![&base]);
    let delta = encode(&base, &target, &covers, 5);
    assert_eq!(decode(&base, &delta).expect("whole"), target);
    let index = Index::read(&mut &delta[..], LAYER_BYTES).expect("an index");
    let plain = streams_of(&base, &target, covers.clone(), Vec::new());
    let changes = |chunk: &ChunkEntry| chunk.stream(StreamKind::Changes).0;
    let left = index.chunks.iter().map(changes).sum::<u64>();
    let (all, corrected) = (plain.of(StreamKind::Changes).len() as u64, corrections(&index));
    assert!(
        all > 300 && left + corrected < all / 2,
        "{processor:?}: {left} + {corrected} of {all}"
    );
}

/// The streams of a layer that is one chunk.
fn streams_of(
    base: &Base<'_>,
    target: &[u8],
    covers: Vec<Cover>,
    programs: Vec<Program>,
) -> Streams {
    let real = 0..target.len() as u64;
    let plan = Plan { range: real.clone(), covers, programs, ..Plan::default() };
    let part = Part { plan, real, packed: Vec::new() };
    fill::fill(base, target, part).expect("a chunk")
}

fn corrections(index: &Index) -> u64 {
    index.chunks.iter().map(|chunk| chunk.stream(StreamKind::Corrections).0).sum()
}

#[test]
fn a_program_that_no_cover_has_is_told_for_its_literals() {
    let new = program(&(0..250).collect::<Vec<u8>>());
    let target = test_files::tar(&[("bin/tool", &new)]);
    let base = Base::new(vec![b"nothing of it"]);
    let told = fill::paying(&base, &target, &[], programs(&base, &target, &[]));
    assert!(told.iter().all(|program| program.base.regions.is_empty()));
    assert_eq!(told.len(), 1);
    let delta = encode(&base, &target, &[], 5);
    assert_eq!(decode(&base, &delta).expect("whole"), target);
}

/// What `streams` make of `base`, if they are those of a chunk of `len` bytes.
fn rebuilt(streams: &Streams, len: u64, base: &Base<'_>) -> Result<Vec<u8>, ChunkError> {
    let (entry, blob) = code(len, streams, &Coder::new(&options(1))).expect("memory");
    let mut made = Vec::new();
    rebuild_chunk(&entry, &blob, base, &mut made).map(|_| made)
}

#[test]
fn whatever_streams_say_of_programs_is_refused_or_makes_as_many_bytes() {
    Processor::ALL.into_iter().for_each(refused_or_as_many_bytes);
}

fn refused_or_as_many_bytes(processor: Processor) {
    let (base, target, covers) = programs_sample(processor);
    let base = Base::new(vec![&base]);
    let len = target.len() as u64;
    let programs = fill::paying(&base, &target, &covers, programs(&base, &target, &covers));
    let streams = streams_of(&base, &target, covers, programs);
    assert_eq!(rebuilt(&streams, len, &base).expect("whole"), target);
    let kinds = [StreamKind::Programs, StreamKind::ReferenceGaps, StreamKind::Corrections];
    for kind in kinds {
        let whole = streams.of(kind).to_vec();
        assert!(!whole.is_empty(), "{}", kind.name());
        let mut others = vec![];
        for at in 0..whole.len().min(200) {
            others.push(whole[..at].to_vec());
            for value in [0, 1, 0x7f, 0xff, whole[at] ^ 1, whole[at] ^ 0x40] {
                let mut other = whole.clone();
                other[at] = value;
                others.push(other);
            }
        }
        for other in others {
            let mut damaged = streams.clone();
            *damaged.of_mut(kind) = other;
            // Without programs, an index says nothing of their references.
            let refused = rebuilt(&damaged, len, &base);
            assert!(refused.is_err() || refused.is_ok_and(|made| made.len() as u64 == len));
        }
    }
}

/// Numbers as streams have them.
fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| crate::leb128::push(&mut out, *number));
    out
}

#[test]
fn programs_that_cannot_be_are_refused() {
    // Each side: regions, where the first is, then gap, length, address and kind of each, what is behind.
    let cases: [(&str, &[u64], bool); 9] = [
        ("a program", &[1, 0, 0, 4, 0, 1, 0, 1, 0, 0, 4, 0, 1, 0], true),
        ("no base", &[1, 0, 0, 4, 0, 1, 0, 0, 0, 0], true),
        ("no target", &[0, 0, 0, 1, 0, 0, 4, 0, 1, 0], false),
        ("an empty region", &[1, 0, 0, 0, 0, 1, 0, 0, 0, 0], false),
        ("another kind", &[1, 0, 0, 4, 0, 12, 0, 0, 0, 0], false),
        ("less than its bytes", &[1, 0, 0, 4, 0, 1, 1, 0, 0, 0], false),
        ("a high address", &[1, 0, 0, 4, 1 << 62, 1, 0, 0, 0, 0], false),
        ("a long region", &[1, 0, 0, 1 << 61, 0, 1, 0, 0, 0, 0], false),
        ("two in one place", &[1, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 1, 0, 4, 0, 0, 0, 0, 0, 0], false),
    ];
    let base = Base::new(vec![b"base"]);
    for (name, programs, is_fine) in cases {
        let mut streams = Streams::default();
        *streams.of_mut(StreamKind::Literals) = b"literals".to_vec();
        *streams.of_mut(StreamKind::Programs) = numbers(programs);
        let made = rebuilt(&streams, 8, &base);
        assert_eq!(made.is_ok(), is_fine, "{name}: {made:?}");
    }
}

#[test]
fn a_chunk_with_more_covers_or_parts_than_any_may_have_is_refused() {
    let covers = |count: usize, len: u64| {
        let mut streams = Streams::default();
        *streams.of_mut(StreamKind::LiteralLengths) = vec![0; count];
        *streams.of_mut(StreamKind::CoverLengths) = numbers(&[len]).repeat(count);
        let back = numbers(&[folded(-(len as i64))]).repeat(count - 1);
        *streams.of_mut(StreamKind::Displacements) = [vec![0], back].concat();
        streams
    };
    let most = format::CHUNK_COVERS;
    let (base, len) = (Base::new(vec![&[7; 1000]]), most as u64);
    assert_eq!(rebuilt(&covers(most, 1), len, &base).expect("as many as may be").len(), most);
    let more = rebuilt(&covers(most + 1, 1), len + 1, &base);
    assert!(matches!(more, Err(ChunkError::TooMany { .. })), "{more:?}");
    // A thousand regions of one byte cut each of so many covers a thousand times.
    let mut cut = covers(most / 1000 + 1, 1000);
    let mut regions = vec![1, 0, 0, len + 1000, 0, 0, 0, 1000, 0];
    (0..1000).for_each(|_| regions.extend([0, 1, 0, 0]));
    regions.push(0);
    *cut.of_mut(StreamKind::Programs) = numbers(&regions);
    let refused = rebuilt(&cut, (most as u64 / 1000 + 1) * 1000, &base);
    assert!(matches!(refused, Err(ChunkError::Programs)), "{refused:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_base_and_target_are_the_delta_makes_the_target(
        old in proptest::collection::vec(any::<u8>(), 0..3_000),
        edits in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 0..30),
        slices in 1usize..4,
        level in 1u8..=9,
    ) {
        let mut new = old.clone();
        for (at, to, value) in edits {
            if new.is_empty() { new.push(value); }
            let (at, to) = (usize::from(at) % new.len(), usize::from(to) % new.len());
            match value % 4 {
                0 => new[at] = value,
                1 => { let part = new[at.min(to)..at.max(to)].to_vec(); new.splice(at..at, part); }
                2 => { new.drain(at.min(to)..at.max(to)); }
                _ => new.insert(at, value),
            }
            new.truncate(20_000);
        }
        let base = Base::new(old.chunks(old.len().div_ceil(slices).max(1)).collect());
        let delta = encode(&base, &new, &covers(&base, &new), level);
        prop_assert_eq!(decode(&base, &delta).expect("whole"), new);
    }

    #[test]
    fn any_covers_in_order_make_the_target(
        old in proptest::collection::vec(any::<u8>(), 1..500),
        new in proptest::collection::vec(any::<u8>(), 0..500),
        places in proptest::collection::vec((0u64..60, 1u64..60, any::<u16>()), 0..12),
    ) {
        let (mut covers, mut at) = (Vec::new(), 0u64);
        for (gap, len, offset) in places {
            let (start, len) = (at + gap, len.min(old.len() as u64));
            let offset = u64::from(offset) % (old.len() as u64 - len + 1);
            if start + len <= new.len() as u64 {
                covers.push(Cover { start, len, offset });
                at = start + len;
            }
        }
        let base = Base::new(old.chunks(97).collect());
        let delta = encode(&base, &new, &covers, 5);
        prop_assert_eq!(decode(&base, &delta).expect("whole"), new);
    }
}
