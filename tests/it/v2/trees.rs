//! Trees made to go wrong, one table: each is turned into the other by a real rsync.

use super::tree::{Attributes, Kind, PLAIN, Tree};
use super::{assert_transfers, delta, every_option, written};

/// A pair of trees with a name.
struct Case {
    name: &'static str,
    base: Tree,
    target: Tree,
}

fn case(name: &'static str, base: Tree, target: Tree) -> Case {
    Case { name, base, target }
}

fn tree() -> Tree {
    Tree::new()
}

fn later(seconds: i64) -> Attributes {
    Attributes { seconds: PLAIN.seconds + seconds, ..PLAIN }
}

/// Text of some length in which little repeats.
fn text(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut out = Vec::new();
    while out.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1);
        out.extend(format!("{:x} ", state >> 40).bytes());
    }
    out.truncate(len);
    out
}

fn edited(content: &[u8], every: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, piece) in content.chunks(every).enumerate() {
        out.extend_from_slice(piece);
        match number % 3 {
            0 => out.extend_from_slice(b"<inserted>"),
            1 => out.truncate(out.len().saturating_sub(5)),
            _ => *out.last_mut().expect("some") ^= 1,
        }
    }
    out
}

fn types() -> Vec<Case> {
    let null = || Kind::CharDevice(1, 3);
    vec![
        case("nothing changes", tree().file("a", b"1"), tree().file("a", b"1")),
        case("nothing at all", tree(), tree()),
        case("everything goes", tree().file("d/a", b"1").symlink("l", "d"), tree()),
        case("everything comes", tree(), tree().file("d/a", b"1").symlink("l", "d").dir("e")),
        case("file to directory", tree().file("x", b"1"), tree().file("x/a", b"2").dir("x/b")),
        case("directory to file", tree().file("x/a/b", b"1"), tree().file("x", b"2")),
        case(
            "link to directory becomes one",
            tree().symlink("x", "t").file("t/f", b"1"),
            tree().file("x/f", b"1").file("t/f", b"1"),
        ),
        case(
            "directory becomes link",
            tree().file("x/f", b"1").file("t/f", b"1"),
            tree().symlink("x", "t").file("t/f", b"1"),
        ),
        case(
            "through a link and then not",
            tree().file("real/f", b"same").symlink("lnk", "real"),
            tree().file("real/f", b"same").file("lnk/f", b"same"),
        ),
        case(
            "file to device and back",
            tree().file("a", b"1").special("b", null()),
            tree().special("a", null()).file("b", b"1"),
        ),
        case(
            "device numbers",
            tree().special("a", null()).special("b", Kind::BlockDevice(8, 1)),
            tree()
                .special("a", Kind::CharDevice(1, 5))
                .special("b", Kind::BlockDevice(259, 70_000)),
        ),
        case(
            "pipes",
            tree().special("p", Kind::Fifo).dir("q"),
            tree().dir("p").special("q", Kind::Fifo),
        ),
        case("empty directories", tree().dir("a").dir("b/c"), tree().dir("b/c").dir("d/e/f")),
        case(
            "link targets",
            tree().symlink("a", "abc").symlink("b", "x"),
            tree().symlink("a", "abcd").symlink("b", &"y/".repeat(2000)),
        ),
    ]
}

fn contents() -> Vec<Case> {
    let long = text(1, 200_000);
    vec![
        case("same size and time", tree().file("a", b"AAAA"), tree().file("a", b"BBBB")),
        case("only the time", tree().file("a", b"1"), tree().file_with("a", b"1", later(1))),
        case(
            "to and from empty",
            tree().file("a", b"").file("b", b"1"),
            tree().file("a", b"1").file("b", b""),
        ),
        case("edits", tree().file("a", &long), tree().file("a", &edited(&long, 3_000))),
        case("many small edits", tree().file("a", &long), tree().file("a", &edited(&long, 60))),
        case(
            "moved parts",
            tree().file("a", &long),
            tree().file("a", &[&long[90_000..], b"!", &long[..120_000], &long[..7]].concat()),
        ),
        case("shrunk to a part", tree().file("a", &long), tree().file("a", &long[5..77])),
        case(
            "grown by itself",
            tree().file("a", &long[..100]),
            tree().file("a", &long[..100].repeat(5_000)),
        ),
        case(
            "zeros",
            tree().file("a", &[0; 300_000]),
            tree().file("a", &[&[0; 100_000][..], b"1", &[0; 300_000]].concat()),
        ),
        case("a long new file", tree(), tree().file("a", &text(2, 2_500_000))),
        case(
            "long runs",
            tree().file("a", &text(3, 300_000)),
            tree().file("a", &[&text(3, 300_000)[..], b"tail"].concat()),
        ),
    ]
}

fn attributes() -> Vec<Case> {
    let with = |mode, uid, gid| Attributes { mode, uid, gid, ..PLAIN };
    let fraction = Attributes { nanoseconds: 123_456_789, ..PLAIN };
    let mut sticky = tree();
    for name in ["gets", "new"] {
        sticky.put(name.as_bytes(), Kind::Directory, with(0o1777, 0, 0));
    }
    vec![
        case(
            "modes",
            tree().file("a", b"1").file_with("b", b"1", with(0o4755, 0, 0)),
            tree().file_with("a", b"1", with(0o6711, 0, 0)).file("b", b"1"),
        ),
        case("sticky directories", tree().dir("gets"), sticky),
        case(
            "owners",
            tree().file("a", b"1").symlink("l", "x"),
            tree().file_with("a", b"1", with(0o644, 4_000_000_000, 70_000)).symlink("l", "x"),
        ),
        case(
            "old and far times",
            tree().file("a", b"1").file("b", b"1"),
            tree().file_with("a", b"1", Attributes { seconds: -86_400 * 365, ..PLAIN }).file_with(
                "b",
                b"1",
                Attributes { seconds: 5_000_000_000, ..PLAIN },
            ),
        ),
        case(
            "time of 1969",
            tree().file_with("a", b"1", Attributes { seconds: -5, ..PLAIN }),
            tree().file_with("a", b"1", Attributes { seconds: -5, ..PLAIN }).file("b", b"1"),
        ),
        case(
            "fractions",
            tree().file("a", b"1").file_with("b", b"1", fraction),
            tree().file_with("a", b"1", fraction).file("b", b"1").file_with("c", b"1", fraction),
        ),
    ]
}

fn names() -> Vec<Case> {
    let odd = ["sp ace", "new\nline", "tab\t", "-rf", "#x#", "*?[a]", "a\\b", "~", ".hidden", "é"];
    let mut many = tree();
    for name in odd {
        many = many.file(name, name.as_bytes()).file(&format!("d/{name}/x"), b"1");
    }
    let mut bytes = tree();
    bytes.put(b"\xff\xfe\x80", Kind::File(b"1".to_vec()), PLAIN);
    bytes.put(b"\x01\x7f/\xe9", Kind::File(b"1".to_vec()), PLAIN);
    let deep = vec!["deep"; 100].join("/");
    let order = ["a", "a-b", "a.b", "a0", "A", "B", "z", "a+", "a b"];
    let mut sorted = tree();
    for name in order {
        sorted = sorted.file(name, b"1").file(&format!("{name}.d/x"), b"1");
        sorted = sorted.file(&format!("{name}.d/a/x"), b"1").file(&format!("{name}.d/a-/x"), b"1");
    }
    let older = tree().file("a", b"0").file("a.b", b"0").file("a.d/x", b"0").file("z.d/q", b"0");
    vec![
        case("odd names", tree().file("sp ace", b"old"), many.clone()),
        case("odd names go", many, tree().file("sp ace", b"old")),
        case("bytes that are no text", tree(), bytes.clone()),
        case("bytes that are no text go", bytes, tree().file("x", b"1")),
        case("longest name", tree(), tree().file(&"L".repeat(255), b"1")),
        case("deep", tree().file(&deep, b"1"), tree().file(&format!("{deep}/x"), b"1")),
        case("order", older, sorted),
    ]
}

fn links() -> Vec<Case> {
    let long = text(4, 120_000);
    let changed = edited(&long, 10_000);
    let pair = |content: &[u8]| tree().file("a", content).linked("b", "a");
    vec![
        case("unchanged links", pair(b"1"), pair(b"1")),
        case(
            "links around a file",
            tree().file("b", &long),
            tree().file("b", &long).linked("a", "b").linked("c", "b"),
        ),
        case("all new, the last leads", tree(), pair(b"new").linked("s/c", "a")),
        case(
            "leader in the middle",
            tree().file("m", &long),
            tree().file("m", &changed).linked("a", "m").linked("z", "m"),
        ),
        case(
            "first changed, second right",
            tree().file("a", &long).file("b", &changed),
            pair(&changed),
        ),
        case("parts, other content", pair(&long), tree().file("a", &long).file("b", &changed)),
        case("parts, same content", pair(b"1"), tree().file("a", b"1").file("b", b"1")),
        case(
            "parts, other attributes",
            pair(b"1"),
            tree().file("a", b"1").file_with("b", b"1", later(9)),
        ),
        case(
            "three part in two",
            pair(b"1").linked("c", "a"),
            tree().file("a", b"1").linked("c", "a").file("b", b"1"),
        ),
        case(
            "two pairs change partners",
            pair(b"1").file("c", b"1").linked("d", "c"),
            tree().file("a", b"1").linked("c", "a").file("b", b"1").linked("d", "b"),
        ),
        case(
            "a member was a directory",
            tree().file("b", b"1").file("z/x", b"1").file("a/x", b"1"),
            tree().file("b", b"1").linked("z", "b").linked("a", "b"),
        ),
        case("a member was a link", tree().symlink("a", "x"), pair(b"1")),
        case(
            "links of links and devices",
            tree(),
            tree()
                .symlink("s", "t")
                .linked("s2", "s")
                .special("d", Kind::CharDevice(9, 9))
                .linked("d2", "d")
                .special("d3", Kind::CharDevice(1, 9))
                .special("d4", Kind::CharDevice(9, 10))
                .linked("e5", "d")
                .special("e6", Kind::CharDevice(9, 11))
                .special("f", Kind::Fifo)
                .linked("g", "f"),
        ),
        case("one of them goes", pair(b"1").linked("c", "a"), pair(b"1")),
        case("empty ones", tree(), pair(b"")),
        case(
            "linked across directories",
            tree().file("x/a", b"1").linked("y/a", "x/a").file("z", b"1"),
            tree().file("x/a", b"1").linked("y/a", "x/a"),
        ),
        case(
            "only one attribute of a pair",
            pair(b"1"),
            tree().file_with("a", b"1", later(5)).linked("b", "a"),
        ),
    ]
}

#[track_caller]
fn all(cases: Vec<Case>) {
    for Case { name, base, target } in cases {
        let outcome = std::panic::catch_unwind(|| assert_transfers(&base, &target));
        assert!(outcome.is_ok(), "{name}: see above");
    }
}

#[test]
fn types_change() {
    all(types());
}

#[test]
fn contents_change() {
    all(contents());
}

#[test]
fn attributes_change() {
    all(attributes());
}

#[test]
fn names_are_bytes() {
    all(names());
}

#[test]
fn hard_links_come_and_go() {
    all(links());
}

#[test]
fn symbolic_links_that_part_are_refused() {
    let base = tree().symlink("a", "t").linked("b", "a");
    let target = tree().symlink("a", "t").symlink("b", "t");
    for options in every_option() {
        let error = delta(&base, &target, &options).expect_err("rsync cannot do it");
        assert!(error.to_string().starts_with("\"b\" shares an inode in the base"), "{error}");
        assert_eq!(error.kind(), remora::ErrorKind::Content);
        assert!(error.hint().is_some());
    }
}

#[test]
fn protected_files_of_the_base_stay_as_they_are() {
    let base = tree().file("a", b"1").file("b", b"2").linked("c", "b").file("d", b"4");
    let mut target = base.clone();
    for path in target.paths() {
        let mode = if path.is_empty() { 0o711 } else { 0o600 };
        target.set(&path, Attributes { mode, uid: 7, ..later(1) });
    }
    for options in every_option().into_iter().filter(|options| options.protect_shared) {
        let (on_device, untouched) = (written(&base), written(&base));
        let delta = delta(&base, &target, &options).expect("made");
        super::assert_applies(&delta, on_device.path(), written(&target).path());
        let differences = super::differences(on_device.path(), untouched.path());
        assert!(differences.is_empty(), "{differences:?}");
    }
}

#[test]
fn owners_and_times_at_the_ends_of_their_ranges_are_transferred_or_left_out() {
    let with = |tree: Tree, attributes| {
        tree.file_with("a", b"2", attributes).file_with("unchanged", b"1", attributes)
    };
    let base = tree().file("a", b"1").file("unchanged", b"1");
    let largest = u32::MAX - 1;
    for attributes in [
        Attributes { uid: u32::MAX, ..PLAIN },
        Attributes { gid: u32::MAX, ..PLAIN },
        Attributes { uid: u32::MAX, gid: u32::MAX, ..PLAIN },
        Attributes { uid: largest, gid: largest, ..PLAIN },
        Attributes { uid: 1 << 31, gid: 1 << 16, ..PLAIN },
        Attributes { seconds: i64::from(i32::MAX), ..PLAIN },
        Attributes { seconds: i64::from(i32::MAX) + 1, ..PLAIN },
        Attributes { seconds: i64::from(i32::MIN) - 1, ..PLAIN },
        Attributes { seconds: 1 << 33, ..PLAIN },
        Attributes { seconds: 1 << 40, ..PLAIN },
        Attributes { mode: 0o7777, ..PLAIN },
        Attributes { mode: 0, ..PLAIN },
    ] {
        for (old, new) in
            [(base.clone(), with(tree(), attributes)), (with(tree(), attributes), base.clone())]
        {
            assert_transfers(&old, &new);
        }
        assert_transfers(&with(tree(), attributes).file("gone", b""), &with(tree(), attributes));
    }
}
