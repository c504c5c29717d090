//! Stacks of layers: the tree that they add up to is the one that `umoci unpack` makes.

use std::cell::Cell;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use remora::rootfs;
use tempfile::TempDir;

use super::cases;
use super::folder::differences_apart_from;
use super::tree::{Attributes, Kind, PLAIN, Tree, push_entry};
use crate::images::Bench;
use crate::sample_image::{SampleImage, Style};
use crate::tools::output;

/// A stack of layers, unpacked by umoci.
pub(crate) struct Unpacked {
    folder: TempDir,
}

impl Unpacked {
    /// `None` if umoci refuses them.
    pub(crate) fn new(layers: &[&[u8]]) -> Option<Self> {
        let bench = Bench::new();
        let tars = layers.iter().map(|layer| layer.to_vec()).collect();
        let image = SampleImage::of_tars(Style::Oci, "amd64", tars);
        bench.put("image", &image.contents);
        let folder = TempDir::new().expect("a folder");
        let image = format!("{}:image", bench.path().join("layout").display());
        let bundle = folder.path().join("bundle");
        let bundle = bundle.to_str().expect("text");
        let output = output("umoci", &["unpack", "--image", &image, bundle]);
        output.status.success().then_some(Unpacked { folder })
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("bundle/rootfs")
    }
}

/// One entry of a layer.
#[derive(Debug, Clone)]
struct Entry {
    path: &'static str,
    what: What,
    seconds: i64,
}

#[derive(Debug, Clone)]
enum What {
    Put(Kind),
    Link(&'static str),
    Whiteout,
    Opaque,
}

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut tar = Vec::new();
    for Entry { path, what, seconds } in entries {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let empty = Kind::File(Vec::new());
        let mode = 0o700 + (*seconds % 8) as u32;
        let attributes = Attributes { seconds: *seconds, mode, ..PLAIN };
        let (path, kind, link) = match what {
            What::Put(kind) => ((*path).to_owned(), kind, None),
            What::Link(target) => ((*path).to_owned(), &empty, Some(target.as_bytes())),
            What::Whiteout => (format!("{folder}/.wh.{name}"), &empty, None),
            What::Opaque => (format!("{path}/.wh..wh..opq"), &empty, None),
        };
        push_entry(&mut tar, path.as_bytes(), kind, &attributes, link);
    }
    tar.extend_from_slice(&[0; 1024]);
    tar
}

/// The paths of all directories.
pub(crate) fn directories(tree: &rootfs::Tree<'_>) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    let mut todo = vec![(Vec::new(), tree.root())];
    while let Some((path, id)) = todo.pop() {
        for (name, child) in tree.children(id) {
            let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
            todo.push(([&path, slash, name].concat(), child));
        }
        if tree.inode(id).is_directory() {
            paths.push(path);
        }
    }
    paths
}

/// Compares what we make of `layers` with what umoci does. Returns whether both take them. Where a
/// layer lacks entries for directories, umoci gives them and those around them times of its own.
fn assert_same(layers: &[Vec<u8>], with_times: bool) -> bool {
    let slices: Vec<&[u8]> = layers.iter().map(|layer| &layer[..]).collect();
    let Ok(sparse) = rootfs::SparseFiles::of_layers(&slices) else { return false };
    let Ok(tree) = rootfs::Tree::from_layers(&slices, &sparse) else { return false };
    let Some(unpacked) = Unpacked::new(&slices) else { return false };
    let ours = TempDir::new().expect("a folder");
    Tree::of(&tree).write(ours.path());
    let timeless = if with_times { Vec::new() } else { directories(&tree) };
    let differences = differences_apart_from(ours.path(), &unpacked.root(), &timeless);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    true
}

fn put(path: &'static str, kind: Kind) -> Entry {
    Entry { path, what: What::Put(kind), seconds: 1_600_000_000 }
}

fn dir(path: &'static str) -> Entry {
    put(path, Kind::Directory)
}

fn file(path: &'static str, content: &str) -> Entry {
    put(path, Kind::File(content.as_bytes().to_vec()))
}

fn symlink(path: &'static str, target: &str) -> Entry {
    put(path, Kind::Symlink(target.as_bytes().to_vec()))
}

fn entry(path: &'static str, what: What) -> Entry {
    Entry { path, what, seconds: 1_600_000_000 }
}

#[test]
fn stacks_add_up_to_what_umoci_unpacks() {
    let lower = || {
        vec![
            dir("d"),
            file("d/a", "1"),
            dir("d/e"),
            file("d/e/x", "1"),
            symlink("l", "d"),
            file("f", "1"),
            entry("h", What::Link("f")),
            put("dev", Kind::CharDevice(1, 3)),
            put("zero", Kind::CharDevice(0, 0)),
            put("pipe", Kind::Fifo),
        ]
    };
    let stacks: [Vec<Vec<Entry>>; 11] = [
        vec![lower()],
        vec![lower(), vec![file("f", "2"), file("d", "file")], vec![dir("d")]],
        vec![lower(), vec![dir("d"), entry("d/a", What::Whiteout), entry("h", What::Whiteout)]],
        vec![lower(), vec![dir("d"), file("d/n", "2"), entry("d", What::Opaque)]],
        vec![lower(), vec![dir("d"), entry("d", What::Opaque), dir("d/e"), file("d/e/y", "2")]],
        vec![lower(), vec![entry("d", What::Whiteout), dir("d"), file("d/n", "2")]],
        vec![lower(), vec![entry("d/new", What::Link("h")), entry("g", What::Link("/d/../f"))]],
        vec![lower(), vec![dir("l"), file("l/x", "2"), symlink("d", "elsewhere")]],
        vec![
            lower(),
            vec![
                file("dup", "1"),
                file("dup", "2"),
                entry("dup2", What::Link("dup")),
                symlink("dup", "x"),
            ],
        ],
        vec![lower(), vec![file("./d//../d/./a", "cleaned"), dir("/d/e/")]],
        vec![
            lower(),
            vec![entry("d/none", What::Whiteout), entry("none/x", What::Whiteout)],
            vec![entry("f", What::Whiteout)],
            vec![file("f", "again")],
        ],
    ];
    for stack in stacks {
        let layers: Vec<Vec<u8>> = stack.iter().map(|layer| tar(layer)).collect();
        assert!(assert_same(&layers, true), "{stack:?}");
    }
    let nobody = Attributes { uid: u32::MAX, gid: u32::MAX, ..PLAIN };
    let unowned = [("d/", Kind::Directory), ("d/f", Kind::File(b"1".to_vec())), ("p", Kind::Fifo)]
        .iter()
        .fold(Tree::new().dir("d"), |mut tree, (path, kind)| {
            tree.put(path.trim_end_matches('/').as_bytes(), kind.clone(), nobody);
            tree
        });
    assert!(assert_same(&[unowned.tar()], true));
    let implied = [lower(), vec![file("l/through", "2"), file("new/parents/x", "2")]];
    assert!(assert_same(&implied.map(|layer| tar(&layer)), false));
}

fn entries() -> impl Strategy<Value = Entry> {
    let paths = ["a", "b", "a/a", "a/b", "b/a", "b/a/a", "a/b/c", "c", "c/a"];
    let path = || prop::sample::select(paths.to_vec());
    let what = prop_oneof![
        4 => Just(What::Put(Kind::Directory)),
        4 => "[ab]{0,3}".prop_map(|content| What::Put(Kind::File(content.into_bytes()))),
        1 => prop::sample::select(vec!["a", "b", "../b", "/a/b", "gone"])
            .prop_map(|target| What::Put(Kind::Symlink(target.into()))),
        1 => Just(What::Put(Kind::Fifo)),
        2 => path().prop_map(What::Link),
        2 => Just(What::Whiteout),
        1 => Just(What::Opaque),
    ];
    (path(), what, 1i64..9).prop_map(|(path, what, seconds)| Entry { path, what, seconds })
}

/// The layers of `stack` without the entries that we refuse.
fn without_refused(stack: &[Vec<Entry>]) -> Vec<Vec<u8>> {
    let none = rootfs::SparseFiles::default();
    let mut layers: Vec<Vec<u8>> = Vec::new();
    for entries in stack {
        layers.push(tar(&[]));
        let mut taken = Vec::new();
        for entry in entries {
            taken.push(entry.clone());
            let last = layers.len() - 1;
            let before = std::mem::replace(&mut layers[last], tar(&taken));
            let slices: Vec<&[u8]> = layers.iter().map(|layer| &layer[..]).collect();
            if rootfs::Tree::from_layers(&slices, &none).is_err() {
                taken.pop();
                layers[last] = before;
            }
        }
    }
    layers
}

/// `REMORA_UMOCI_CASES` sets how many stacks are tried.
#[test]
fn random_stacks_add_up_to_what_umoci_unpacks() {
    let cases = cases("REMORA_UMOCI_CASES", 100);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let layers = prop::collection::vec(prop::collection::vec(entries(), 0..12), 1..4);
    let compared = Cell::new(0);
    let outcome = TestRunner::new(config).run(&layers, |stack| {
        let layers = without_refused(&stack);
        compared.set(compared.get() + u32::from(assert_same(&layers, false)));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(compared.get() > cases / 2, "only {} stacks were taken by both", compared.get());
}
