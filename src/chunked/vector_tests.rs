//! The files of `fixtures/remora-delta`: made as they are, and read.

use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::coding::Coder;
use super::fill::paying;
use super::split::Splitter;
use super::write::write_chunks;
use super::*;
use crate::archives::test_zips::zip;
use crate::delta::{Base, Cover, Covers, Effort, Opening, Options, open_archives, programs};
use crate::references::test_programs::{Processor, program_with_symbols};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/remora-delta").join(name)
}

/// The file `name`, which is `bytes`, or is made to be.
fn vector(name: &str, bytes: &[u8]) {
    if std::env::var_os("REMORA_BLESS").is_some() {
        std::fs::write(path(name), bytes).expect("a file");
    }
    let file = std::fs::read(path(name)).expect("a vector: REMORA_BLESS=1 makes all of them");
    assert!(file == bytes, "{name} has changed: other readers have to be able to read both");
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, *bytes).expect("vec");
    }
    builder.into_inner().expect("vec")
}

/// Lines of a log, told apart by `word`.
fn lines(count: u32, word: &str) -> String {
    (0..count)
        .map(|line| format!("{:05} {word} {:x}\n", line * 7, line.wrapping_mul(2_654_435_761)))
        .collect()
}

fn write(base: &Base<'_>, target: &[u8], covers: &[Cover], level: u8, every: u64) -> Vec<u8> {
    let options = Options { effort: Effort::new(level).expect("a level"), ..Options::default() };
    let coder = Coder::new(&options);
    let (mut spill, mut out) = (Cursor::new(Vec::new()), Vec::new());
    let programs = paying(base, target, covers, programs(base, target, covers));
    let none = Opening::default();
    let parts = Splitter::new(base, target, covers, &programs, &none, &coder).every(every);
    write_chunks(base, target, parts, &coder, &mut spill, &mut out).expect("memory");
    out
}

/// What `delta`, the file `name`, makes of `base`.
fn made(name: &str, delta: &[u8], base: &Base<'_>) -> Vec<u8> {
    let index = Index::read(&mut &delta[..], 1 << 20).expect(name);
    let mut made = Vec::new();
    for chunk in &index.chunks {
        let coded = &delta[chunk.offset as usize..][..chunk.coded_len() as usize];
        rebuild_chunk(chunk, coded, base, &mut made).expect(name);
    }
    made
}

#[test]
fn vectors_are_made_as_ever_and_make_the_target() {
    // Functions 60 to 64 are new, 10 to 12 are no more, and those behind have moved: so have references to them.
    let old: Vec<u8> = (0..60).chain(80..100).collect();
    let new: Vec<u8> = (0..10).chain(13..65).chain(80..100).collect();
    let programs =
        |functions: &[u8]| Processor::ALL.map(|one| program_with_symbols(one, functions));
    let (old, new) = (programs(&old), programs(&new));
    let lower = tar(&[
        ("etc/log", lines(300, "started").as_bytes()),
        ("bin/tool-x86_64", &old[0]),
        ("bin/tool-aarch64", &old[1]),
        ("bin/tool-arm", &old[2]),
        ("bin/tool-thumb", &old[3]),
    ]);
    let upper = tar(&[
        ("etc/motd", b"welcome to release 1\n"),
        ("srv/log", lines(200, "stopped").as_bytes()),
    ]);
    let log =
        lines(300, "started").replace("00700 started", "00700 crashed") + "and one line more\n";
    let target = tar(&[
        ("srv/log", lines(200, "stopped").replace('7', "8").as_bytes()),
        ("bin/tool-x86_64", &new[0]),
        ("bin/tool-aarch64", &new[1]),
        ("bin/tool-arm", &new[2]),
        ("bin/tool-thumb", &new[3]),
        ("etc/log", log.as_bytes()),
        ("etc/motd", b"welcome to release 2\n"),
    ]);
    let base = Base::new(vec![&lower, &upper]);
    let targets = [&target[..]];
    let covers = Covers::new(&base, &targets, PRICES, &Options::default().search(), &|_| true);
    let covers = covers.expect("memory").of_target(0, &|_| true).expect("memory");
    let whole = target.len() as u64;
    let deltas = [
        ("lzma.delta", write(&base, &target, &covers, 5, whole)),
        ("zstd.delta", write(&base, &target, &covers, 1, whole)),
        ("literals.delta", write(&base, &target, &[], 5, whole)),
        ("chunks.delta", write(&base, &target, &covers, 5, whole.div_ceil(4))),
    ];
    [("lower.tar", &lower), ("upper.tar", &upper), ("target.tar", &target)]
        .into_iter()
        .for_each(|(name, bytes)| vector(name, bytes));
    for (name, delta) in deltas {
        vector(name, &delta);
        let index = Index::read(&mut &delta[..], whole).expect(name);
        let has_programs = |chunk: &ChunkEntry| chunk.stream(StreamKind::Corrections).0 > 0;
        assert_eq!(index.chunks.iter().any(has_programs), name != "literals.delta", "{name}");
        assert!(made(name, &delta, &base) == target, "{name}");
    }
}

/// A version of a package, and what it is packed in.
fn wheel(version: &str) -> Vec<u8> {
    let module = lines(90, "loaded").replace("00035 loaded", version);
    let notes = lines(30, "changed") + version;
    zip(&[
        ("tool/main.py", module.as_bytes(), 6),
        ("tool/same.py", lines(40, "imported").as_bytes(), 6),
        ("tool/notes.txt", notes.as_bytes(), 9),
    ])
}

#[test]
fn the_vector_of_archives_is_made_as_ever_and_makes_the_target() {
    let (old, new) = (wheel("1.0"), wheel("1.1, with a bell and a whistle"));
    let base = tar(&[("etc/motd", b"welcome to release 1\n"), ("lib/tool-1.0.whl", &old)]);
    let target = tar(&[("lib/tool-1.1.whl", &new), ("etc/motd", b"welcome to release 2\n")]);
    let (stream, targets) = (Base::new(vec![&base]), [&target[..]]);
    let search = Options::default().search();
    let covers = Covers::new(&stream, &targets, PRICES, &search, &|_| true).expect("memory");
    let covers = covers.of_target(0, &|_| true).expect("memory");
    let cost = |opening: &Opening, range: Range<u64>| {
        opening_cost(&stream, &target, &covers, opening, range)
    };
    let opening = open_archives(&stream, &target, &covers, PRICES, &search, &cost, &|_| true)
        .expect("memory");
    assert_eq!(opening.members.len(), 2, "the third is the same");
    let mut deltas = Vec::new();
    for every in [target.len() as u64, target.len() as u64 / 4] {
        let coder = Coder::new(&Options::default());
        let (mut spill, mut delta) = (Cursor::new(Vec::new()), Vec::new());
        let parts = Splitter::new(&stream, &target, &covers, &[], &opening, &coder).every(every);
        write_chunks(&stream, &target, parts, &coder, &mut spill, &mut delta).expect("memory");
        deltas.push(delta);
    }
    vector("packed-base.tar", &base);
    vector("packed-target.tar", &target);
    for (name, delta) in ["members.delta", "members-chunks.delta"].into_iter().zip(&deltas) {
        vector(name, delta);
        assert!(made(name, delta, &stream) == target, "{name}");
    }
}

/// The bytes of the page's dump: a place, sixteen bytes, and the same as text.
fn bytes_of_page() -> Vec<u8> {
    let page = path("../../docs/formats/remora-delta.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let dump = page.split("```").find_map(|part| part.strip_prefix("text\n")).expect("a dump");
    let bytes = dump.lines().flat_map(|line| line[4..52].split_whitespace());
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect()
}

#[test]
fn the_example_of_the_page_makes_what_the_page_says() {
    let first = "Every layer of an image is an archive, one above the other.\n";
    let last = "A file that is in two of them counts as the upper one has it.\n";
    let old = [first, last].concat();
    let new = [first, "Whiteouts take away.\n", last].concat();
    let new = new.replace("image", "Image").replace("counts", "Counts");
    let [old, new] = [old, new].map(|content| tar(&[("notice", content.as_bytes())]));
    assert!(made("the example", &bytes_of_page(), &Base::new(vec![&old])) == new);
}
