//! What stacks of layers add up to. `tests/it` compares the same with `umoci unpack`.

use super::*;
use crate::tar::TarProblem;

/// A layer under construction.
#[derive(Default)]
struct Layer(Vec<u8>);

impl Layer {
    fn entry(mut self, flag: u8, path: &str, link: &str, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.as_old_mut().linkflag = [flag];
        header.set_size(content.len() as u64);
        header.set_mode(if flag == b'5' { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(7);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn dir(self, path: &str) -> Self {
        self.entry(b'5', path, "", b"")
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.entry(b'0', path, "", content.as_bytes())
    }

    fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(b'2', path, target, b"")
    }

    fn link(self, path: &str, target: &str) -> Self {
        self.entry(b'1', path, target, b"")
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        let records: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.entry(b'x', "pax", "", records.as_bytes())
    }
}

/// A PAX record, which begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let len = (1..).find(|len| len == &(len.to_string().len() + rest.len())).expect("converges");
    format!("{len}{rest}")
}

/// Records of a sparse file of this size: a byte at 1 and one at 5.
fn holes(size: &str) -> [(&str, &str); 3] {
    [("GNU.sparse.size", size), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "1,1,5,1")]
}

/// Every name in the tree with what it is; doubtful ones get a `?` or `??`.
fn show(layers: &[Layer]) -> Vec<String> {
    let tars: Vec<&[u8]> = layers.iter().map(|layer| &layer.0[..]).collect();
    let sparse = SparseFiles::of_layers(&tars).expect("valid tars");
    let tree = Tree::from_layers(&tars, &sparse).expect("valid layers");
    let mut lines = Vec::new();
    let mut todo = vec![(String::new(), tree.root())];
    while let Some((path, id)) = todo.pop() {
        for (name, child) in tree.children(id) {
            let path = format!("{path}/{}", String::from_utf8_lossy(name));
            let inode = tree.inode(child);
            let what = match &inode.kind {
                Kind::Directory(_) => "/".to_owned(),
                Kind::File(content) => format!("={}", String::from_utf8_lossy(content)),
                Kind::Symlink(target) => format!(" -> {}", String::from_utf8_lossy(target)),
                Kind::CharDevice(device) => format!(" c{}:{}", device.major, device.minor),
                Kind::BlockDevice(device) => format!(" b{}:{}", device.major, device.minor),
                Kind::Fifo => " fifo".to_owned(),
            };
            lines.push(format!("{path}{what}{}", ["", "?", "??"][inode.doubt as usize]));
            todo.push((path, child));
        }
    }
    lines.sort();
    lines
}

fn problem(layers: &[Layer]) -> Problem {
    let tars: Vec<&[u8]> = layers.iter().map(|layer| &layer.0[..]).collect();
    let sparse = match SparseFiles::of_layers(&tars) {
        Ok(sparse) => sparse,
        Err(error) => return error.problem,
    };
    Tree::from_layers(&tars, &sparse).expect_err("must be refused").problem
}

fn layer() -> Layer {
    Layer::default()
}

#[test]
fn later_layers_win_and_types_may_change() {
    let lower = layer().dir("d/").file("d/f", "1").file("g", "g").symlink("s", "d");
    let upper = layer().file("d/f", "2").file("s", "now a file").dir("g/").file("g/x", "x");
    let shown = show(&[lower, upper.dir("d")]);
    assert_eq!(shown, ["/d/", "/d/f=2", "/g/", "/g/x=x", "/s=now a file"]);
}

#[test]
fn a_directory_over_a_directory_keeps_its_content_and_a_file_does_not() {
    let lower = || layer().dir("d").file("d/f", "1");
    assert_eq!(show(&[lower(), layer().dir("d")]), ["/d/", "/d/f=1"]);
    assert_eq!(show(&[lower(), layer().file("d", "f"), layer().dir("d")]), ["/d/"]);
}

#[test]
fn the_last_of_duplicate_entries_wins() {
    let twice = layer().file("f", "1").link("l", "f").file("./f", "2").symlink("x", "a").dir("x");
    assert_eq!(show(&[twice]), ["/f=2", "/l=1", "/x/"]);
}

#[test]
fn whiteouts_remove_what_lower_layers_made_wherever_they_stand() {
    let lower = || layer().dir("d").file("d/a", "1").file("d/b", "1").dir("d/e").file("d/e/x", "1");
    assert_eq!(show(&[lower(), layer().dir("d").file("d/.wh.a", "")]).len(), 4);
    let gone = layer().dir("d").file("d/.wh.e", "").file("d/.wh.a", "").file("d/.wh.nothing", "");
    assert_eq!(show(&[lower(), gone]), ["/d/", "/d/b=1"]);
    let first = layer().dir("d").file("d/.wh.b", "").file("d/b", "2");
    let last = layer().dir("d").file("d/b", "2").file("d/.wh.b", "");
    assert_eq!(show(&[lower(), first]), show(&[lower(), last]));
}

#[test]
fn opaque_whiteouts_hide_lower_layers_only() {
    let lower = || layer().dir("d").file("d/a", "1").dir("d/e").file("d/e/x", "1");
    for upper in [
        layer().dir("d").file("d/.wh..wh..opq", "").file("d/b", "2").dir("d/e"),
        layer().dir("d").file("d/b", "2").dir("d/e").file("d/.wh..wh..opq", ""),
        layer()
            .pax(&[("SCHILY.xattr.trusted.overlay.opaque", "y")])
            .dir("d")
            .file("d/b", "2")
            .dir("d/e"),
    ] {
        assert_eq!(show(&[lower(), upper]), ["/d/", "/d/b=2", "/d/e/"]);
    }
}

#[test]
fn overlays_own_whiteout_device_is_doubtful() {
    let upper = layer().entry(b'3', "f", "", b"");
    assert_eq!(show(&[layer().file("f", "1").file("g", "1"), upper]), ["/f c0:0??", "/g=1"]);
}

#[test]
fn hard_links_work_within_and_across_layers_and_part_when_replaced() {
    let lower = layer().file("a", "1").link("b", "a").link("c", "./b");
    let upper = layer().link("d", "/a").file("a", "2");
    let tars = [&lower.0[..], &upper.0[..]];
    let none = SparseFiles::default();
    let tree = Tree::from_layers(&tars, &none).expect("valid");
    let inode = |name: &[u8]| tree.child(tree.root(), name).expect("there");
    assert_eq!(inode(b"b"), inode(b"c"));
    assert_eq!(inode(b"b"), inode(b"d"));
    assert_ne!(inode(b"a"), inode(b"b"));
    assert_eq!(tree.inode(inode(b"a")).content(), Some(&b"2"[..]));
}

#[test]
fn bad_hard_links_are_refused() {
    for (path, target) in [("l", "missing"), ("l", "l"), ("l", "d"), ("l", "../x"), ("l", "")] {
        problem(&[layer().dir("d").link(path, target)]);
    }
}

#[test]
fn implied_parents_are_made_and_doubtful() {
    assert_eq!(show(&[layer().file("a/b/f", "1")]), ["/a/?", "/a/b/?", "/a/b/f=1"]);
    let lower = || layer().dir("a").file("a/x", "1");
    assert_eq!(show(&[lower(), layer().file("a/y", "1")]), ["/a/?", "/a/x=1", "/a/y=1"]);
    let settled = layer().dir("a");
    assert_eq!(show(&[lower(), layer().file("a/y", "1"), settled])[0], "/a/");
    let whiteout = layer().file("a/.wh.x", "");
    assert_eq!(show(&[lower(), whiteout]), ["/a/?"]);
}

#[test]
fn entries_go_through_symbolic_links_inside_the_root() {
    let lower = || layer().dir("usr").dir("usr/lib").symlink("lib", "../../usr/lib");
    let same = lower().file("lib/f", "1");
    assert_eq!(show(&[same]), ["/lib -> ../../usr/lib", "/usr/", "/usr/lib/", "/usr/lib/f=1"]);
    let upper = layer().file("lib/f", "1");
    let shown = show(&[lower(), upper]);
    assert_eq!(shown, ["/lib -> ../../usr/lib??", "/usr/?", "/usr/lib/?", "/usr/lib/f=1??"]);
}

#[test]
fn a_directory_made_again_beside_its_whiteout_is_doubtful() {
    let lower = layer().dir("d").file("d/x", "1");
    let upper = layer().file(".wh.d", "").dir("d").file("d/y", "2");
    assert_eq!(show(&[lower, upper]), ["/d/??", "/d/y=2"]);
}

#[test]
fn attributes_come_from_headers_and_pax_records() {
    let tar = layer()
        .pax(&[("mtime", "-1.5"), ("uid", "4000000000"), ("gid", "33")])
        .file("f", "x")
        .symlink("s", "t")
        .dir(".");
    let tars = [&tar.0[..]];
    let none = SparseFiles::default();
    let tree = Tree::from_layers(&tars, &none).expect("valid");
    let inode = |name: &[u8]| tree.inode(tree.child(tree.root(), name).expect("there"));
    let attributes = inode(b"f").attributes;
    assert_eq!(attributes.mtime, Mtime { seconds: -2, nanoseconds: 500_000_000 });
    assert_eq!((attributes.uid, attributes.gid, attributes.mode), (4_000_000_000, 33, 0o644));
    assert_eq!(inode(b"s").attributes.mode, 0o777);
    assert_eq!(tree.inode(tree.root()).attributes.mtime.seconds, 7);
}

#[test]
fn an_owner_that_stands_for_nobody_leaves_what_unpacking_gives() {
    let nobody = u32::MAX.to_string();
    let tar = layer().pax(&[("uid", "7"), ("gid", "8")]).dir("d").pax(&[("uid", &nobody)]).dir("d");
    let tar = tar.pax(&[("uid", &nobody), ("gid", "33")]).file("u", "").pax(&[("gid", &nobody)]);
    let tar = tar.symlink("g", "u").pax(&[("uid", "4294967294")]).file("last", "");
    let tars = [&tar.0[..]];
    let none = SparseFiles::default();
    let tree = Tree::from_layers(&tars, &none).expect("valid");
    for (name, owner, doubt) in [
        ("d", (7, 0), Doubt::Attributes),
        ("u", (0, 33), Doubt::Attributes),
        ("g", (0, 0), Doubt::Attributes),
        ("last", (u32::MAX - 1, 0), Doubt::None),
    ] {
        let inode = tree.inode(tree.child(tree.root(), name.as_bytes()).expect("there"));
        assert_eq!((inode.attributes.uid, inode.attributes.gid), owner, "{name}");
        assert_eq!(inode.doubt, doubt, "{name}");
    }
}

#[test]
fn long_names_come_from_gnu_and_pax_headers() {
    let long = "n".repeat(150);
    let gnu = layer().entry(b'L', "long", "", format!("{long}\0").as_bytes()).file("short", "1");
    assert_eq!(show(&[gnu]), [format!("/{long}=1")]);
    let pax = layer().pax(&[("path", &long)]).file("short", "1");
    assert_eq!(show(&[pax]), [format!("/{long}=1")]);
    let link = layer().file("f", "1").entry(b'K', "long", "", b"f\0").link("l", "wrong");
    assert_eq!(show(&[link]), ["/f=1", "/l=1"]);
}

#[test]
fn sparse_files_are_laid_out_and_linked_like_others() {
    let lower = layer().pax(&holes("8")).file("f", "xy").link("l", "f").file("g", "g");
    let upper = layer().pax(&holes("6")).file("f", "zw");
    let f = |text| format!("/f={text}");
    assert_eq!(show(&[lower, upper]), [&*f("\0z\0\0\0w"), "/g=g", "/l=\0x\0\0\0y\0\0"]);
}

#[test]
fn hostile_entries_are_refused() {
    let cases: [(Layer, &str); 13] = [
        (layer().file("../f", ""), "Escape"),
        (layer().file("a/../../f", ""), "Escape"),
        (layer().file("./", ""), "RootReplaced"),
        (layer().symlink(".", "x"), "RootReplaced"),
        (layer().file("f", "").file("f/g", ""), "NotADirectory"),
        (layer().symlink("a", "b").symlink("b", "a").file("a/f", ""), "Loop"),
        (layer().file("d/.wh.", ""), "BadWhiteout"),
        (layer().file("d/.wh...", ""), "BadWhiteout"),
        (layer().entry(b'7', "f", "", b""), "UnknownType"),
        (layer().pax(&holes("1073741825")).file("f", "xy"), "SparseTooLarge"),
        (layer().pax(&holes("x")).file("f", "xy"), "Tar(Number"),
        (layer().pax(&holes("3")).file("f", "xy"), "Tar(SparseMap"),
        (layer().symlink("l", ""), "NameTooLong"),
    ];
    for (layer, expected) in cases {
        let problem = format!("{:?}", problem(&[layer]));
        assert!(problem.starts_with(expected), "{problem} is not {expected}");
    }
}

#[test]
fn damaged_layers_are_refused_without_a_panic() {
    let read = |tar: &[u8]| {
        if let Ok(sparse) = SparseFiles::of_layers(&[tar]) {
            let _ = Tree::from_layers(&[tar], &sparse);
        }
    };
    let whole = layer().pax(&[("gid", "33")]).file("f", "content").dir("d").0;
    for len in 0..whole.len() {
        read(&whole[..len]);
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        read(&damaged);
    }
    let cut = Layer(layer().file("f", "content").0[..515].to_vec());
    assert_eq!(problem(&[cut]), Problem::Tar(TarProblem::Truncated));
}
