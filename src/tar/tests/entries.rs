//! Names, types, sizes and numbers of entries.

use std::io::Read as _;

use super::{file, holds, walk};
use crate::tar::header::field;
use crate::tar::test_archives::{TestHeader, archive, pax, pax_records, special};
use crate::tar::{BLOCK, Entries, EntryType, Forward, ReadEntries, TarProblem};

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
