//! Which tars are taken, and which are refused.

use super::*;
use crate::project::error::TooLarge;
use crate::tar::test_archives::{TestHeader, archive, pax, special};

fn index(tar: &[u8]) -> Result<ProjectTar<'_>, String> {
    ProjectTar::index(tar, &ProjectLimits::default()).map_err(|error| error.to_string())
}

fn header(name: &str, flag: u8, size: usize) -> [u8; 512] {
    TestHeader::ustar(name, flag, size).sealed(false)
}

/// A header with this target of a link.
fn link(name: &str, flag: u8, target: &str) -> [u8; 512] {
    TestHeader::ustar(name, flag, 0).with(157, target.as_bytes()).sealed(false)
}

#[test]
fn files_are_found_under_plain_names() {
    let long = "d/".repeat(80) + "f";
    let tar = archive(&[
        &header("./", b'5', 0),
        &header("./a//b", b'0', 1),
        b"1",
        &pax(&[("path", &long)]),
        &header("short", b'0', 1),
        b"2",
        &special(b'L', b"gnu/name\0"),
        &header("short", b'0', 1),
        b"3",
        &header("a/b", b'0', 1),
        b"4",
    ]);
    let tar = index(&tar).expect("taken");
    for (path, content) in [("a/b", &b"4"[..]), (&long, b"2"), ("gnu/name", b"3")] {
        assert_eq!(tar.file(path).expect("a file"), Some(content), "{path}");
    }
    assert_eq!(tar.file("short").expect("nothing"), None);
    assert_eq!(tar.live().count(), 3, "of two entries with one name the later one counts");
    assert!(
        tar.has_folder("a") && tar.has_folder("") && !tar.has_folder("b") && !tar.has_folder("a/b")
    );
}

#[test]
fn links_are_data_and_hard_links_are_names() {
    let tar = archive(&[
        &header("f", b'0', 1),
        b"1",
        &link("hard", b'1', "./f"),
        &link("harder", b'1', "hard"),
        &link("soft", b'2', "../../etc/passwd"),
        &link("softer", b'2', "/etc/passwd"),
        &header("f", b'0', 1),
        b"2",
    ]);
    let tar = index(&tar).expect("taken");
    assert_eq!(
        tar.file("harder").expect("a file"),
        Some(&b"1"[..]),
        "the name of what was there then"
    );
    for soft in ["soft", "softer"] {
        let error = tar.file(soft).expect_err("a link").to_string();
        assert!(error.contains("is a link") && error.contains("push the file itself"), "{error}");
    }
}

#[test]
fn entries_that_no_project_has_are_refused_by_name() {
    let sparse =
        pax(&[("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "0,0")]);
    let secret = header(".balena/s", b'0', 0);
    let long = "x".repeat(5000);
    for (parts, name, why) in [
        (vec![&header("/etc/passwd", b'0', 0)[..]], "/etc/passwd", "absolute"),
        (vec![&header("a/../../b", b'0', 0)[..]], "a/../../b", "\"..\""),
        (vec![&header("..", b'5', 0)[..]], "..", "\"..\""),
        (vec![&header("dev", b'3', 0)[..]], "dev", "a device"),
        (vec![&header("block", b'4', 0)[..]], "block", "a device"),
        (vec![&header("pipe", b'6', 0)[..]], "pipe", "a named pipe"),
        (vec![&header("odd", b'Z', 0)[..]], "odd", "of a kind"),
        (vec![&link("l", b'1', "nothing")[..]], "l", "hard link"),
        (vec![&link("l", b'1', "../out")[..]], "l", "hard link"),
        (vec![&secret, &link("l", b'1', ".balena/s")], "l", "no image"),
        (vec![&header(".", b'0', 0)[..]], ".", "no name"),
        (vec![&header("a/", b'0', 0)[..]], "a/", "slash"),
        (vec![&sparse, &header("holes", b'0', 0)], "holes", "holes"),
        (vec![&pax(&[("path", "/abs")]), &header("a", b'0', 0)], "/abs", "absolute"),
        (vec![&pax(&[("path", &long)]), &header("a", b'0', 0)], "xxx", "4096 bytes"),
        (vec![&pax(&[("linkpath", &long)]), &link("a", b'2', "b")], "a", "4096 bytes"),
        (vec![&pax(&[("path", &"a/".repeat(101))]), &header("a", b'5', 0)], "a/a", "100 folders"),
    ] {
        let error = index(&archive(&parts)).expect_err(name);
        assert!(error.starts_with(&format!("the project's entry \"{name}")), "{error}");
        assert!(error.contains(why) && !error.contains('\n') && error.len() < 600, "{error}");
    }
}

#[test]
fn what_is_no_tar_is_refused() {
    let huge = TestHeader::ustar("f", b'0', 0).with(124, b"77777777777").sealed(false);
    let claimed = pax(&[("size", "9223372036854775807")]);
    let negative = pax(&[("size", "-1")]);
    let nul = pax(&[("path", "a\0b")]);
    let records = special(b'x', &vec![b'1'; (1 << 20) + 1]);
    for (name, tar) in [
        ("text", b"Hello, this is no tar at all".to_vec()),
        ("noise", vec![0xa5; 4096]),
        ("gzip", [&[0x1f, 0x8b][..], &[7; 1022]].concat()),
        ("size", archive(&[&huge])),
        ("claimed", archive(&[&claimed, &header("f", b'0', 0)])),
        ("negative", archive(&[&negative, &header("f", b'0', 0)])),
        ("nul", archive(&[&nul, &header("f", b'0', 0)])),
        ("records", archive(&[&records, &header("f", b'0', 0)])),
        ("cut", header("f", b'0', 600)[..].to_vec()),
    ] {
        let error = index(&tar).expect_err(name);
        assert!(
            error.starts_with("the project is not a tar that can be read: "),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_million_entries_are_not_read_to_the_end() {
    let one = header("f", b'0', 0);
    let tar = one.repeat(1_000_000);
    let error = ProjectTar::index(&tar, &ProjectLimits::default()).expect_err("too many");
    assert!(matches!(error, ProjectError::TooLarge(TooLarge::Entries(200_000))), "{error}");
    assert!(error.to_string().contains(".dockerignore"), "{error}");
}

#[test]
fn names_are_bounded_together() {
    let limits = ProjectLimits { names_bytes: 10, ..ProjectLimits::default() };
    let tar = archive(&[&header("123456", b'0', 0), &header("12345", b'0', 0)]);
    let error = ProjectTar::index(&tar, &limits).expect_err("too long");
    assert!(matches!(error, ProjectError::TooLarge(TooLarge::Names(10))), "{error}");
}

#[test]
fn names_need_not_be_text_but_texts_do() {
    let name = TestHeader::ustar("", b'0', 2).with(0, b"\xff\xfe").sealed(false);
    let tar = archive(&[&name, b"\xff\xfe", &header("t", b'0', 1), b"\xff"]);
    let tar = index(&tar).expect("taken");
    assert_eq!(tar.live().count(), 2);
    assert!(tar.text("t").expect_err("no text").to_string().contains("not UTF-8"));
}

#[test]
fn long_texts_are_not_read() {
    let content = vec![b'x'; MAX_TEXT_BYTES + 1];
    let tar = archive(&[&header("t", b'0', content.len()), &content]);
    let error = index(&tar).expect("taken").text("t").expect_err("too long").to_string();
    assert!(error.starts_with("\"t\" has 1048577 bytes"), "{error}");
}
