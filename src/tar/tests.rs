//! Both walks over made-up archives. What is right follows the source of Go's archive/tar 1.19.8;
//! where GNU tar or Python are known to differ, a case says so.

use std::io::{self, Cursor, Read};

use proptest::prelude::*;

use super::header::field;
use super::test_archives::{TestHeader, archive, pax, pax_records, special, unended};
use super::{
    BLOCK, Entries, Entry, EntryType, Forward, ReadEntries, ReadError, Seeking, Source, TarError,
    TarProblem,
};

/// An entry as text: type, name, link, size, offset of its content.
fn shown(entry: &Entry<'_>) -> String {
    let link = match entry.link_name {
        b"" => String::new(),
        link => format!(" -> {}", link.escape_ascii()),
    };
    let name = entry.name.to_vec();
    let (kind, name) = (entry.entry_type, name.escape_ascii());
    format!("{kind:?} {name}{link} {} @{}", entry.size(), entry.content.start)
}

fn slice_walk(tar: &[u8]) -> Result<Vec<String>, TarError> {
    Entries::new(tar).map(|entry| entry.map(|entry| shown(&entry))).collect()
}

fn read_walk(source: impl Source) -> Result<Vec<String>, TarError> {
    let mut walk = ReadEntries::new(source);
    let mut entries = Vec::new();
    loop {
        match walk.next_entry() {
            Ok(Some(entry)) => entries.push(shown(&entry)),
            Ok(None) => return Ok(entries),
            Err(ReadError::Tar(error)) => return Err(error),
            Err(ReadError::Io(error)) => panic!("reading memory failed: {error}"),
        }
    }
}

/// Gives a byte at a time, so that every read is a partial one.
struct Trickle<R>(R);

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

/// What all three walks say, which is the same.
fn walk(tar: &[u8]) -> Result<Vec<String>, TarProblem> {
    let slice = slice_walk(tar);
    let seeking = Seeking::new(Cursor::new(tar)).expect("memory");
    assert_eq!(read_walk(seeking), slice, "with seeking");
    assert_eq!(read_walk(Forward(Trickle(tar))), slice, "front to back");
    slice.map_err(|error| error.problem)
}

#[track_caller]
fn holds(tar: &[u8], entries: &[&str]) {
    let expected: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    assert_eq!(walk(tar), Ok(expected));
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    unended(&[&TestHeader::ustar(name, b'0', content.len()).sealed(false), content])
}

#[test]
fn checksums_may_be_sums_of_signed_bytes() {
    let header = |signed| TestHeader::ustar("\u{e9}", b'0', 1).sealed(signed);
    for signed in [false, true] {
        holds(&archive(&[&header(signed), b"x"]), &[r"Regular \xc3\xa9 1 @512"]);
    }
    let mut wrong = header(false);
    wrong[0] ^= 1;
    assert_eq!(walk(&wrong), Err(TarProblem::Checksum));
}

#[test]
fn numbers_may_have_nuls_and_spaces_on_both_sides() {
    for size in [&b"\0\0\0\0\0\0\0\0\0\x003\0"[..], b"          3 ", b"3\0\0\0\0\0\0\0\0\0\0\0"] {
        let header = TestHeader::ustar("f", b'0', 0).with(field::SIZE.start, size).sealed(false);
        holds(
            &archive(&[&header, b"abc", &file("g", b"")]),
            &["Regular f 3 @512", "Regular g 0 @1536"],
        );
    }
}

#[test]
fn a_prefix_counts_where_the_format_has_one() {
    let long = "p".repeat(140);
    let v7 = TestHeader::v7("f", b'0', 0).with(field::PREFIX.start, b"dir");
    let ustar = TestHeader::ustar("f", b'0', 0).with(field::PREFIX.start, long.as_bytes());
    let star = TestHeader::ustar("f", b'0', 0)
        .with(field::PREFIX.start, b"dir")
        .with(field::STAR_PREFIX.end, b"00000000001\x0000000000002\0")
        .with(field::STAR_TRAILER.start, b"tar\0");
    let gnu = TestHeader::gnu("f", b'0', 0).with(field::GNU_ATIME.start, b"00000000001\0");
    // As Go's writer before 1.8 left it where a number needed base 256.
    let old_go = TestHeader::gnu("f", b'0', 0).with(field::PREFIX.start, b"some/dir");
    let latin = TestHeader::gnu("f", b'0', 0).with(field::PREFIX.start, b"dir\xe9");
    let digits = TestHeader::gnu("f", b'0', 0).with(field::PREFIX.start, b"777");
    let seal = |header: TestHeader| header.sealed(false);
    for (header, name) in [
        (v7, "f"),
        (ustar, &*format!("{long}/f")),
        (star, "dir/f"),
        (gnu, "f"),
        (old_go, "some/dir/f"),
        (latin, "f"),
        (digits, "f"),
    ] {
        holds(&archive(&[&seal(header)]), &[&format!("Regular {name} 0 @512")]);
    }
}

#[test]
fn the_extended_headers_size_counts_for_the_next_entry_only() {
    let records = pax(&[("size", "600")]);
    let small = TestHeader::ustar("f", b'0', 0).sealed(false);
    let tar = archive(&[&records, &small, &[b'x'; 600], &file("g", b"y")]);
    holds(&tar, &["Regular f 600 @1536", "Regular g 1 @3072"]);

    let directory = TestHeader::ustar("d/", b'5', 0).sealed(false);
    let tar = archive(&[&records, &directory, &file("g", b"y")]);
    holds(&tar, &["Directory d/ 0 @1536", "Regular g 1 @2048"]);
    let negative = archive(&[&pax(&[("size", "-1")]), &small]);
    assert_eq!(walk(&negative), Err(TarProblem::Number("size")));
}

#[test]
fn entries_without_content_are_empty_whatever_their_size_says() {
    for (flag, kind) in [(b'1', "HardLink"), (b'2', "Symlink"), (b'5', "Directory"), (b'6', "Fifo")]
    {
        let header = TestHeader::ustar("e", flag, 5000).sealed(false);
        let tar = archive(&[&header, &file("g", b"y")]);
        holds(&tar, &[&format!("{kind} e 0 @512"), "Regular g 1 @1024"]);
    }
}

#[test]
fn the_last_extended_header_counts_and_empty_values_leave_the_headers_own() {
    let own = file("own", b"");
    for (before, name) in [
        (vec![pax(&[("path", "")])], "own"),
        (vec![pax(&[("path", "a"), ("path", "b")])], "b"),
        (vec![pax(&[("path", "a"), ("path", "")])], "own"),
        (vec![pax(&[("path", "a=b=c")])], "a=b=c"),
        (vec![pax(&[("path", "a")]), pax(&[("path", "b")])], "b"),
        (vec![pax(&[("path", "a")]), pax(&[("comment", "b")])], "own"),
        (vec![pax(&[("path", "a")]), special(b'L', b"wins\0")], "wins"),
        (vec![special(b'L', b"wins"), pax(&[("path", "a")])], "wins"),
        (vec![special(b'L', b"")], "own"),
        (vec![special(b'L', b"\0junk")], "own"),
        (vec![special(b'L', b"first"), special(b'L', b"\0")], "own"),
        (vec![special(b'L', b""), pax(&[("path", "a")])], "a"),
    ] {
        let at = before.iter().map(Vec::len).sum::<usize>() + BLOCK;
        let tar = archive(&[&before.concat(), &own]);
        holds(&tar, &[&format!("Regular {name} 0 @{at}")]);
    }
}

#[test]
fn long_link_names_count_before_records() {
    let link = TestHeader::ustar("l", b'2', 0).with(field::LINK_NAME.start, b"own").sealed(false);
    for (before, target) in [
        (special(b'K', b"long\0"), "long"),
        (special(b'K', b"\0"), "own"),
        (pax(&[("linkpath", "record")]), "record"),
        ([pax(&[("linkpath", "record")]), special(b'K', b"long")].concat(), "long"),
    ] {
        let at = before.len() + BLOCK;
        holds(&archive(&[&before, &link]), &[&format!("Symlink l -> {target} 0 @{at}")]);
    }
}

/// GNU tar and Python apply global records, Go does not, and so no engine does. What precedes them
/// is lost in Go.
#[test]
fn global_records_are_read_and_say_nothing() {
    let global = special(b'g', &pax_records(&[("path", "everywhere"), ("size", "600")]));
    let tar = archive(&[&global, &file("a", b"1"), &file("b", b"2")]);
    holds(&tar, &["Regular a 1 @1536", "Regular b 1 @2560"]);
    let tar =
        archive(&[&pax(&[("path", "lost")]), &special(b'L', b"lost"), &global, &file("a", b"")]);
    holds(&tar, &["Regular a 0 @3584"]);
    let bad = archive(&[&special(b'g', b"no records"), &file("a", b"")]);
    assert_eq!(walk(&bad), Err(TarProblem::Pax));
}

#[test]
fn old_directories_are_known_by_their_slash() {
    let old = |name| TestHeader::v7(name, 0, 0).sealed(false);
    holds(&archive(&[&old("d/"), &old("f")]), &["Directory d/ 0 @512", "Regular f 0 @1024"]);
    let new = TestHeader::ustar("f/", b'0', 0).sealed(false);
    holds(&archive(&[&new]), &["Regular f/ 0 @512"]);
    holds(&archive(&[&pax(&[("path", "d/")]), &old("f")]), &["Directory d/ 0 @1536"]);
}

#[test]
fn archives_end_at_two_blocks_of_zeros_or_where_they_stop() {
    let file = file("f", b"x");
    let entries = ["Regular f 1 @512"];
    let zeros = [0; BLOCK];
    holds(b"", &[]);
    holds(&file, &entries);
    holds(&file[..BLOCK + 1], &entries);
    holds(&[&file[..], &zeros].concat(), &entries);
    holds(&[&file[..], &zeros, &zeros, b"anything"].concat(), &entries);
    assert_eq!(walk(&[&file[..], &zeros, &file].concat()), Err(TarProblem::HalfEndMark));
    assert_eq!(walk(&[&file[..], &zeros, b"x"].concat()), Err(TarProblem::Truncated));
    assert_eq!(walk(&file[..BLOCK - 1]), Err(TarProblem::Truncated));
    holds(&pax(&[("path", "a")]), &[]);
}

#[test]
fn cut_content_is_told_by_where_its_entry_begins() {
    let tar = unended(&[&file("a", b"x"), &file("b", &[7; 600])]);
    let error = slice_walk(&tar[..1600]).expect_err("cut");
    assert_eq!(error, TarError { offset: 1024, problem: TarProblem::Truncated });
    assert_eq!(walk(&tar[..1600]), Err(TarProblem::Truncated));
    for size in ["9223372036854775807", "9223372036854775000"] {
        let tar = archive(&[&pax(&[("size", size)]), &file("a", b"x")]);
        assert!(walk(&tar).is_err(), "{size}");
    }
}

#[test]
fn extended_headers_are_bounded() {
    let header = |size: usize| TestHeader::ustar("x", b'x', size).sealed(false);
    assert_eq!(walk(&archive(&[&header(1 << 21)])), Err(TarProblem::SpecialTooLong));
    let value = "v".repeat((1 << 20) - 11);
    let longest = pax(&[("k", &value)]);
    holds(&archive(&[&longest, &file("f", b"")]), &["Regular f 0 @1049600"]);
}

/// The content of each entry, laid out.
fn contents(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let content = |entry: Entry<'_>| {
        let stored = &tar[entry.content.start as usize..entry.content.end as usize];
        let content = match &entry.sparse {
            None => stored.to_vec(),
            Some(map) => {
                let mut file = vec![0; map.size() as usize];
                map.lay_out(stored, &mut file);
                file
            }
        };
        (String::from_utf8_lossy(&entry.name.to_vec()).into_owned(), content)
    };
    assert!(walk(tar).is_ok());
    Entries::new(tar).map(|entry| content(entry.expect("valid"))).collect()
}

#[test]
fn sparse_files_in_records_are_laid_out() {
    let real = ("GNU.sparse.size", "10");
    let of = |records: &[(&str, &str)]| {
        let stored = file("GNUSparseFile.0/s", b"abcde");
        contents(&archive(&[&pax(records), &stored, &file("next", b"n")]))
    };
    let pieces = [
        ("GNU.sparse.offset", "1"),
        ("GNU.sparse.numbytes", "2"),
        ("GNU.sparse.offset", "7"),
        ("GNU.sparse.numbytes", "3"),
    ];
    let count = ("GNU.sparse.numblocks", "2");
    let map = ("GNU.sparse.map", "1,2,7,3");
    let name = ("GNU.sparse.name", "s");
    let file = b"\0ab\0\0\0\0cde".to_vec();
    let next = ("next".to_owned(), b"n".to_vec());
    let v0_0 = of(&[&[real, count], &pieces[..]].concat());
    assert_eq!(v0_0, [("GNUSparseFile.0/s".into(), file.clone()), next.clone()]);
    let (major, minor) = (("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"));
    for records in [
        vec![real, count, map, name],
        vec![real, count, map, name, major, minor],
        vec![("GNU.sparse.realsize", "10"), count, map, name, ("path", "other")],
    ] {
        assert_eq!(of(&records), [("s".into(), file.clone()), next.clone()], "{records:?}");
    }
    // Versions that nobody knows, and records without a map, leave a plain file.
    for records in [vec![name, real], vec![map, count, name, ("GNU.sparse.major", "2")]] {
        assert_eq!(of(&records)[0], ("GNUSparseFile.0/s".into(), b"abcde".to_vec()));
    }
}

fn version_1_0(size: &str, lines: &str, data: &[u8]) -> Vec<u8> {
    let records = pax(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "s"),
        ("GNU.sparse.realsize", size),
    ]);
    let stored = unended(&[lines.as_bytes(), data]);
    let len = lines.len().next_multiple_of(BLOCK) + data.len();
    let header = TestHeader::ustar("GNUSparseFile.0/s", b'0', len).sealed(false);
    archive(&[&records, &header, &stored, &file("next", b"n")])
}

#[test]
fn sparse_files_with_maps_in_front_of_their_data_are_laid_out() {
    let next = ("next".to_owned(), b"n".to_vec());
    for (size, lines, data, file) in [
        ("10", "2\n1\n2\n7\n3\n", &b"abcde"[..], b"\0ab\0\0\0\0cde".to_vec()),
        ("4", "0\n", b"", vec![0; 4]),
        ("0", "1\n0\n0\n", b"", vec![]),
    ] {
        assert_eq!(contents(&version_1_0(size, lines, data)), [("s".into(), file), next.clone()]);
    }
    let many: String = (0..400).map(|at| format!("{}\n1\n", 2 * at)).collect();
    let laid_out = contents(&version_1_0("800", &format!("400\n{many}"), &[b'x'; 400]));
    assert_eq!(laid_out, [("s".into(), b"x\0".repeat(400)), next]);
}

#[test]
fn maps_that_do_not_fit_are_refused() {
    for (size, lines, data) in [
        ("10", "1\n1\n2\n", &b"abc"[..]),
        ("10", "1\n1\n2\n", b"a"),
        ("2", "1\n1\n2\n", b"ab"),
        ("10", "2\n5\n1\n1\n1\n", b"ab"),
        ("10", "-1\n", b""),
        ("10", "x\n", b""),
        ("10", "1\n1 \n2\n", b"ab"),
        ("-10", "0\n", b""),
    ] {
        let problem = walk(&version_1_0(size, lines, data)).expect_err(lines);
        assert_eq!(problem, TarProblem::SparseMap, "{lines:?}");
    }
    assert!(walk(&version_1_0("10", "9\n1\n2\n", b"ab")).is_err(), "too few lines");
    let directory = TestHeader::ustar("d", b'5', 0).sealed(false);
    let records = pax(&[("GNU.sparse.map", "0,0"), ("GNU.sparse.numblocks", "1")]);
    assert_eq!(walk(&archive(&[&records, &directory])), Err(TarProblem::SparseMap));
}

/// A GNU header's map: pieces of one byte each at these offsets.
fn pieces(offsets: &[usize]) -> Vec<u8> {
    offsets.iter().flat_map(|at| format!("{at:011o}\0{:011o}\0", 1).into_bytes()).collect()
}

fn gnu_sparse(offsets: &[usize], size: usize) -> Vec<u8> {
    let (first, rest) = offsets.split_at(offsets.len().min(4));
    let more = |rest: &[usize]| [u8::from(!rest.is_empty())];
    let header = TestHeader::gnu("s", b'S', offsets.len())
        .with(field::GNU_SPARSE.start, &pieces(first))
        .with(field::GNU_SPARSE.end - 1, &more(rest))
        .with(field::GNU_REAL_SIZE.start, format!("{size:011o}\0").as_bytes());
    let mut blocks = Vec::new();
    let mut left = rest;
    while !left.is_empty() {
        let (now, later) = left.split_at(left.len().min(21));
        let mut block = pieces(now);
        block.resize(21 * 24, 0);
        block.extend_from_slice(&more(later));
        blocks.extend(unended(&[&block]));
        left = later;
    }
    archive(&[&header.sealed(false), &blocks, &vec![b'x'; offsets.len()], &file("next", b"n")])
}

#[test]
fn sparse_files_of_gnu_headers_are_laid_out() {
    for count in [0, 1, 4, 5, 25, 26, 60] {
        let offsets: Vec<usize> = (0..count).map(|at| 3 * at).collect();
        let mut file = b"x\0\0".repeat(count);
        file.resize(3 * count + 7, 0);
        let laid_out = contents(&gnu_sparse(&offsets, file.len()));
        assert_eq!(laid_out, [("s".into(), file), ("next".into(), b"n".to_vec())], "{count}");
    }
    let star = TestHeader::ustar("s", b'S', 0).sealed(false);
    assert_eq!(walk(&archive(&[&star])), Err(TarProblem::SparseMap));
    let cut = gnu_sparse(&[0, 1, 2, 3, 4], 9);
    assert!(walk(&cut[..1000]).is_err());
}

#[test]
fn content_is_where_the_source_stands_after_an_entry() {
    let tar = archive(&[&pax(&[("path", "a")]), &file("f", b"hello")]);
    let mut input = &tar[..];
    let mut walk = ReadEntries::new(Forward(&mut input));
    let len = walk.next_entry().expect("valid").expect("one").size();
    let mut content = String::new();
    walk.into_source().0.take(len).read_to_string(&mut content).expect("text");
    assert_eq!(content, "hello");
}

#[test]
fn numbers_that_are_not_asked_for_may_be_anything() {
    let header =
        TestHeader::ustar("f", b'0', 0).with(field::UID.start, b"nobody\0\0").sealed(false);
    let tar = archive(&[&header]);
    let entry = Entries::new(&tar).next().expect("one").expect("valid");
    assert_eq!(entry.uid(), Err(TarProblem::Number("uid")));
    assert_eq!(
        (entry.gid(), entry.mode(), entry.entry_type),
        (Ok(0), Ok(0o644), EntryType::Regular)
    );
}

proptest! {
    /// Archives with a few bytes changed: both walks say the same and stay in bounds.
    #[test]
    fn damaged_archives_are_the_same_to_all_walks(
        changes in prop::collection::vec((0usize..20 * BLOCK, any::<u8>()), 0..4),
        seal in any::<bool>(),
        cut in 0usize..20 * BLOCK,
    ) {
        let mut tar = archive(&[
            &pax(&[("path", "a"), ("size", "3")]), &file("f", b"abc"),
            &special(b'L', b"long"), &file("g", &[7; 700]),
            &gnu_sparse(&[0, 2, 4, 6, 8, 10], 20), &version_1_0("10", "2\n1\n2\n7\n3\n", b"abcde"),
        ]);
        for (at, byte) in changes {
            let at = at % tar.len();
            tar[at] = byte;
            if seal {
                let block = &mut tar[at / BLOCK * BLOCK..][..BLOCK];
                let sealed = TestHeader(block.try_into().expect("a block")).sealed(false);
                block.copy_from_slice(&sealed);
            }
        }
        tar.truncate(tar.len() - cut % tar.len());
        let _ = walk(&tar);
        for entry in Entries::new(&tar).flatten() {
            prop_assert!(entry.start <= entry.stored.start && entry.stored.start <= entry.content.start);
            prop_assert!(entry.content.end <= tar.len() as u64);
            if let Some(map) = &entry.sparse {
                prop_assert_eq!(map.data_len(), entry.content.end - entry.content.start);
            }
        }
    }
}
