//! Sparse files, in every form that tars have for their maps.

use super::{file, walk};
use crate::tar::header::field;
use crate::tar::test_archives::{TestHeader, archive, pax, unended};
use crate::tar::{BLOCK, Entries, Entry, TarProblem};

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

pub(super) fn version_1_0(size: &str, lines: &str, data: &[u8]) -> Vec<u8> {
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

pub(super) fn gnu_sparse(offsets: &[usize], size: usize) -> Vec<u8> {
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
