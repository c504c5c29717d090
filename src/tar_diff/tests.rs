//! What must hold of streams: they make what they were written for, and nothing that is damaged or hostile goes out of bounds.

use std::collections::HashMap;
use std::io::Write as _;

use proptest::prelude::*;

use super::format::{MAGIC, MAGIC_2};
use super::*;
use crate::delta::test_files::{noise, tar};
use crate::delta::{Base, Covers, Effort, Options};
use crate::leb128::push;

struct Tree(HashMap<Vec<u8>, Vec<u8>>);

impl OldFiles for Tree {
    fn content(&self, path: &[u8]) -> Option<&[u8]> {
        self.0.get(path).map(|content| &content[..])
    }
}

fn tree(files: &[(&str, &[u8])]) -> Tree {
    Tree(files.iter().map(|(path, bytes)| (path.as_bytes().to_vec(), bytes.to_vec())).collect())
}

fn encode(files: &[(&str, &[u8])], target: &[u8], level: u8) -> Vec<u8> {
    let named: Vec<(&[u8], &[u8])> =
        files.iter().map(|(path, bytes)| (path.as_bytes(), *bytes)).collect();
    let paths: Vec<&[u8]> = named.iter().map(|(path, _)| *path).collect();
    let (base, targets) = (Base::of_files(&named), [target]);
    let effort = Effort::new(level).expect("a level");
    let options = Options { effort, ..Options::default() };
    let search = options.search();
    let covers = Covers::new(&base, &targets, PRICES, &search, &|_| true).expect("memory");
    let covers = covers.of_target(0, &|_| true).expect("memory");
    write_tar_diff(&base, &paths, target, &covers, &options, Vec::new()).expect("memory")
}

fn decode(files: &Tree, delta: &[u8]) -> Result<Vec<u8>, TarDiffError> {
    let mut made = Vec::new();
    let stats = apply_tar_diff(delta, files, &mut made, 1 << 20)?;
    assert_eq!(stats.data_bytes + stats.copy_bytes + stats.add_bytes, made.len() as u64);
    Ok(made)
}

/// A stream of operations, each with its size and bytes.
fn stream(operations: &[(u8, u64, &[u8])]) -> Vec<u8> {
    let mut raw = Vec::new();
    for (operation, size, bytes) in operations {
        raw.push(*operation);
        push(&mut raw, *size);
        raw.extend_from_slice(bytes);
    }
    framed(&raw, 20)
}

/// The same of version 2.
fn stream_2(operations: &[(u8, u64, &[u8])]) -> Vec<u8> {
    let stream = stream(operations);
    [&MAGIC_2[..], &stream[MAGIC.len()..]].concat()
}

/// The frame that makes `content` with `prefix` before it.
fn frame(prefix: &[u8], content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::with_ref_prefix(Vec::new(), 3, prefix).expect("memory");
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn framed(raw: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(MAGIC.to_vec(), 1).expect("memory");
    encoder.window_log(window_log).expect("a window");
    encoder.long_distance_matching(window_log > 27).expect("a switch");
    encoder.write_all(raw).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn a_changed_file_and_a_moved_one_are_taken_from_the_tree() {
    let (program, text) = (noise(60_000, 1), noise(9_000, 2));
    let files = [("usr/bin/program", &program[..]), ("usr/share/text", &text)];
    let mut changed = program.clone();
    changed.iter_mut().step_by(50).for_each(|byte| *byte = byte.wrapping_add(1));
    let target = tar(&[("usr/share/moved", &text), ("usr/bin/program", &changed), ("new", b"new")]);
    for level in 1..=9 {
        let delta = encode(&files, &target, level);
        assert_eq!(decode(&tree(&files), &delta).expect("whole"), target);
        assert!(delta.len() < 2_500, "{} bytes at effort {level}", delta.len());
    }
}

#[test]
fn what_no_reader_takes_is_refused_and_the_operation_named() {
    let files = tree(&[("a", b"hello"), ("empty", b"")]);
    let refused = |delta: Vec<u8>| decode(&files, &delta).expect_err("refused").to_string();
    let cases: [(&str, Vec<u8>); 12] = [
        ("operation 1: the current file has fewer bytes", stream(&[(2, 1, b"")])),
        ("operation 2: the current file has fewer bytes", stream(&[(1, 1, b"a"), (2, 6, b"")])),
        (
            "operation 3: the current file has fewer",
            stream(&[(1, 1, b"a"), (4, u64::MAX, b""), (2, 1, b"")]),
        ),
        ("operation 1: the base has no file \"../a\"", stream(&[(1, 4, b"../a")])),
        ("operation 1: a path is empty", stream(&[(1, 0, b"")])),
        ("operation 1: a path is empty or", stream(&[(1, 5_000, &[b'a'; 5_000])])),
        ("operation 1: a place in a file", stream(&[(4, 0, b"")])),
        ("operation 1: its version has no such", stream(&[(5, 1, b"a")])),
        ("operation 1: the result would exceed", stream(&[(0, u64::MAX, b"a")])),
        ("operation 2: an addition has more", stream(&[(1, 1, b"a"), (3, 200 << 20, b"a")])),
        ("operation 1: the tar-diff is cut", stream(&[(0, 5, b"a")])),
        ("no tar-diff of version 1", b"tardf3\n\0".to_vec()),
    ];
    for (expected, delta) in cases {
        let is = refused(delta);
        assert!(is.starts_with(expected), "{expected}: {is}");
    }
    // However little is in it: what readers do with such a frame differs.
    for content in [1 << 20, 100] {
        let window = refused(framed(&vec![0; content], 28));
        assert!(window.contains("a window of 268435456 bytes"), "{window}");
    }
    let later =
        [framed(&[0, 1, b'a'], 20), framed(&vec![0; 1 << 20], 28).split_off(MAGIC.len())].concat();
    assert!(refused(later).contains("the tar-diff is cut or damaged"));
}

#[test]
fn frames_of_version_2_are_unpacked_with_the_current_file_as_their_prefix() {
    let old = noise(50_000, 3);
    let mut new = old.clone();
    new.splice(20_000..20_000, *b"something new");
    let frame = frame(&old, &new);
    assert!(frame.len() < 1_000, "{} bytes", frame.len());
    let behind = [&frame[..], b"and more, which is passed over"].concat();
    let files = tree(&[("a", &old)]);
    let delta = stream_2(&[
        (1, 1, b"a"),
        (4, 10, b""),
        (5, behind.len() as u64, &behind),
        (0, 1, b"."),
        (4, 0, b""),
        (2, 2, b""),
    ]);
    let expected = [&new[..], b".", &old[..2]].concat();
    assert_eq!(decode(&files, &delta).expect("whole"), expected);
    // The place is the end of the file.
    let delta = stream_2(&[(1, 1, b"a"), (5, frame.len() as u64, &frame), (2, 1, b"")]);
    let error = decode(&files, &delta).expect_err("nothing is left").to_string();
    assert!(error.starts_with("operation 3: the current file has fewer"), "{error}");
}

#[test]
fn frames_that_no_reader_takes_are_refused() {
    let files = tree(&[("a", b"hello")]);
    let whole = frame(b"hello", b"hello, hello");
    let len = whole.len() as u64;
    let bomb = frame(b"hello", &vec![0; 2 << 20]);
    let cases: [(&str, Vec<u8>); 6] = [
        ("operation 2: its version has no such", stream(&[(1, 1, b"a"), (5, len, &whole)])),
        ("operation 1: no file is open", stream_2(&[(5, len, &whole)])),
        ("operation 2: the tar-diff is cut", stream_2(&[(1, 1, b"a"), (5, len + 1, &whole)])),
        ("operation 2: the tar-diff is cut", stream_2(&[(1, 1, b"a"), (5, len - 1, &whole)])),
        ("operation 2: the tar-diff is cut", stream_2(&[(1, 1, b"a"), (5, 4, b"none")])),
        (
            "operation 2: the result would exceed",
            stream_2(&[(1, 1, b"a"), (5, bomb.len() as u64, &bomb)]),
        ),
    ];
    for (expected, delta) in cases {
        let is = decode(&files, &delta).expect_err("refused").to_string();
        assert!(is.starts_with(expected), "{expected}: {is}");
    }
}

#[test]
fn a_stream_may_have_several_frames_and_some_that_say_nothing() {
    let files = tree(&[("a", b"hello")]);
    let [one, other] = [stream(&[(1, 1, b"a"), (2, 2, b"")]), stream(&[(2, 3, b""), (0, 1, b"!")])];
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let parts = [&MAGIC[..], &skipped, &one[8..], &skipped, &other[8..], &skipped];
    let delta = parts.concat();
    assert_eq!(decode(&files, &delta).expect("whole"), b"hello!");
}

#[test]
fn operations_that_make_nothing_end() {
    let files = tree(&[("empty", b"")]);
    let many: Vec<(u8, u64, &[u8])> = vec![(1, 5, b"empty"); 1 << 17];
    let error = decode(&files, &stream(&many)).expect_err("refused");
    assert!(error.to_string().contains("make nothing"), "{error}");
}

#[test]
fn no_cut_is_taken_for_whole_but_one_between_frames() {
    let files = [("a", &b"hello, this is the old file, and it has some words"[..])];
    let target = b"hello, this is the new file, and it has some words. And more.";
    let delta = encode(&files, target, 5);
    for cut in 0..delta.len() {
        let made = decode(&tree(&files), &delta[..cut]);
        // The format says no length: what is cut in front of the first frame is an empty layer, which the diff ID tells.
        assert!(
            made.is_err() || (cut == MAGIC.len() && made.is_ok_and(|made| made.is_empty())),
            "{cut}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_tree_is_the_stream_makes_the_target(
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..2_000), 1..5),
        parts in proptest::collection::vec((any::<u8>(), any::<u16>(), any::<u16>(), any::<u8>()), 0..12),
        level in 1u8..=9,
    ) {
        let names: Vec<String> = (0..contents.len()).map(|number| format!("usr/{number}")).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().zip(&contents).map(|(name, content)| (&name[..], &content[..])).collect();
        let mut target = Vec::new();
        for (file, from, to, value) in parts {
            let content = &contents[usize::from(file) % contents.len()];
            let (from, to) = (usize::from(from) % content.len(), usize::from(to) % content.len());
            target.extend_from_slice(&content[from.min(to)..from.max(to)]);
            target.push(value);
        }
        let delta = encode(&files, &target, level);
        prop_assert_eq!(decode(&tree(&files), &delta).expect("whole"), target);
    }
}
