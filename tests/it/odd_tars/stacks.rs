//! Random stacks of odd headers, as other readers see them.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use super::build::{GID, Header, Magic, PREFIX, SIZE, UID, archive, long, padded, pax};
use super::readers::{Listing, Seen, gnu, go, ours, python};

/// How many archives are compared, where `REMORA_TAR_CASES` does not say.
const CASES: usize = 400;

/// A header in front of an entry's own.
#[derive(Debug, Clone)]
enum Special {
    LongName(&'static str),
    LongLink(&'static str),
    Pax(Vec<(&'static str, &'static str)>),
    Global(Vec<(&'static str, &'static str)>),
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Octal,
    Base256,
    NulFirst,
}

#[derive(Debug, Clone)]
struct Odd {
    specials: Vec<Special>,
    magic: Magic,
    flag: u8,
    signed: bool,
    prefix: &'static str,
    name: &'static str,
    content: usize,
    number: Number,
}

impl Odd {
    /// Its headers and content. Where the last extended header has the size, the entry's own says 0.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut has_size = false;
        for special in &self.specials {
            bytes.extend(match special {
                Special::LongName(name) => long(b'L', name.as_bytes()),
                Special::LongLink(name) => long(b'K', name.as_bytes()),
                Special::Pax(records) => {
                    let size = self.content().to_string();
                    let records: Vec<(&str, &str)> = records
                        .iter()
                        .map(|&(key, value)| (key, if key == "size" { &*size } else { value }))
                        .collect();
                    has_size = records.iter().any(|(key, _)| *key == "size");
                    pax(b'x', &records)
                }
                Special::Global(records) => {
                    has_size = false;
                    pax(b'g', records)
                }
            });
        }
        let size = if has_size { 0 } else { self.content() };
        let mut header = Header::new(self.magic, self.name, self.flag, size);
        header = match self.number {
            Number::Octal => header,
            Number::Base256 => header
                .with_base_256(SIZE, 12, size as u64)
                .with_base_256(UID, 8, 3_000_000)
                .with_base_256(GID, 8, 3_000_000_000),
            Number::NulFirst => header.with(SIZE, format!("\0{size:010o}\0").as_bytes()),
        };
        if matches!(self.flag, b'1' | b'2') {
            header = header.with(157, b"own/target");
        }
        header = header.with(PREFIX, self.prefix.as_bytes());
        bytes.extend(header.sealed(self.signed));
        bytes.extend(padded(&vec![b'x'; self.content()]));
        bytes
    }

    /// Only regular files have content.
    fn content(&self) -> usize {
        if matches!(self.flag, 0 | b'0') { self.content } else { 0 }
    }
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(items: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(items.to_vec())
}

fn records(empty: bool) -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let full = [
        ("path", "from/records"),
        ("path", "caf\u{e9}=\n"),
        ("linkpath", "to/records"),
        ("size", ""),
        ("uid", "7"),
        ("gid", "4000000000"),
        ("mtime", "12.75"),
        ("comment", "nothing"),
    ];
    let none = [("path", ""), ("linkpath", ""), ("uid", ""), ("mtime", ""), ("mtime", "-1.25")];
    let all = if empty { [&full[..], &none].concat() } else { full.to_vec() };
    prop::collection::vec(one_of(&all), 1..4)
}

fn specials() -> impl Strategy<Value = Special> {
    prop_oneof![
        3 => one_of(&["long\0", "long/name", "", "\0junk", "a/b/"]).prop_map(Special::LongName),
        2 => one_of(&["link\0", "", "\0"]).prop_map(Special::LongLink),
        4 => records(true).prop_map(Special::Pax),
        1 => records(false).prop_map(|records| {
            Special::Global(records.into_iter().filter(|(key, _)| *key != "size").collect())
        }).prop_filter("some", |special| !matches!(special, Special::Global(r) if r.is_empty())),
    ]
}

fn anything() -> impl Strategy<Value = Vec<Odd>> {
    let entry = (
        prop::collection::vec(specials(), 0..4),
        one_of(&[Magic::V7, Magic::Ustar, Magic::Gnu, Magic::Star]),
        one_of(&[0, b'0', b'1', b'2', b'5', b'6']),
        any::<bool>(),
        one_of(&["", "", "folder", "00000000001", "fold\u{e9}r", "a/very/long/folder/name"]),
        one_of(&["name", "caf\u{e9}", "folder/"]),
        one_of(&[0, 1, 511, 512, 600]),
        one_of(&[Number::Octal, Number::Base256, Number::NulFirst]),
    );
    let entry = entry.prop_map(|(specials, magic, flag, signed, prefix, name, content, number)| {
        Odd { specials, magic, flag, signed, prefix, name, content, number }
    });
    prop::collection::vec(entry, 1..5)
}

/// What GNU tar and Python read as Go does: one special header at most, every key once and with a value, a
/// prefix where the format has one, no number with a NUL first.
fn plain() -> impl Strategy<Value = Vec<Odd>> {
    let once = records(false).prop_map(|mut records| {
        records.sort_by_key(|(key, _)| *key);
        records.dedup_by_key(|(key, _)| *key);
        Special::Pax(records)
    });
    let special = prop_oneof![
        one_of(&["long\0", "long/name"]).prop_map(Special::LongName),
        Just(Special::LongLink("link\0")),
        once,
    ];
    (anything(), prop::collection::vec(prop::option::of(special), 5)).prop_map(
        |(odds, specials)| {
            let plainer = |(odd, special): (Odd, Option<Special>)| Odd {
                specials: special.into_iter().collect(),
                prefix: if odd.magic == Magic::Ustar { odd.prefix } else { "" },
                magic: if odd.magic == Magic::Star { Magic::Ustar } else { odd.magic },
                number: if odd.number == Number::NulFirst { Number::Octal } else { odd.number },
                // Of a directory's content Python and GNU tar have other ideas.
                name: if odd.flag == b'5' || odd.flag == 0 {
                    "name"
                } else {
                    odd.name.trim_end_matches('/')
                },
                ..odd
            };
            odds.into_iter().zip(specials).map(plainer).collect()
        },
    )
}

/// Archives of random stacks, in a folder.
struct Archives {
    _folder: TempDir,
    paths: Vec<PathBuf>,
    recipes: Vec<Vec<Odd>>,
    ours: Vec<Listing>,
}

impl Archives {
    fn of(strategy: &impl Strategy<Value = Vec<Odd>>) -> Self {
        let cases = std::env::var("REMORA_TAR_CASES").ok().and_then(|cases| cases.parse().ok());
        let folder = TempDir::new().expect("a folder");
        let mut runner = TestRunner::default();
        let (mut paths, mut recipes, mut listings) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..cases.unwrap_or(CASES) {
            let recipe = strategy.new_tree(&mut runner).expect("a stack").current();
            let parts: Vec<Vec<u8>> = recipe.iter().map(Odd::bytes).collect();
            let tar = archive(&parts);
            let path = folder.path().join(number.to_string());
            fs::write(&path, &tar).expect("written");
            paths.push(path);
            listings.push(ours(&tar));
            recipes.push(recipe);
        }
        Archives { _folder: folder, paths, recipes, ours: listings }
    }
}

/// `REMORA_TAR_CASES` sets how many stacks are tried.
#[test]
fn random_stacks_of_headers_are_read_as_go_reads_them() {
    let archives = Archives::of(&anything());
    let listings = go(&archives.paths);
    let read = listings.iter().flatten().count();
    assert!(read > listings.len() / 4, "only {read} of {} archives are valid", listings.len());
    for ((go, ours), recipe) in listings.iter().zip(&archives.ours).zip(&archives.recipes) {
        assert_eq!(go, ours, "Go is on the left: {recipe:#?}");
    }
}

/// The same with those stacks that GNU tar and Python read as Go does.
#[test]
fn plainer_stacks_are_read_as_gnu_tar_and_python_read_them() {
    let archives = Archives::of(&plain());
    let python = python(&archives.paths);
    let comparable = |listing: &Listing| -> Listing {
        // Python rounds times, and the link name of what is no link says nothing.
        let seen = |seen: &Seen| {
            let is_link = matches!(seen.kind, '1' | '2');
            let link = if is_link { seen.link.clone() } else { Vec::new() };
            Seen { seconds: 0, link, ..seen.clone() }
        };
        Some(listing.as_ref()?.iter().map(seen).collect())
    };
    let cases = archives.recipes.iter().zip(&archives.ours).zip(&archives.paths);
    for (((recipe, ours), path), python) in cases.zip(&python) {
        assert_eq!(comparable(python), comparable(ours), "Python is on the left: {recipe:#?}");
        let ours = ours.as_ref().expect("valid");
        let gnu = gnu(path).unwrap_or_else(|| panic!("GNU tar refuses {recipe:#?}"));
        assert_eq!(gnu.len(), ours.len(), "{recipe:#?}");
        for ((name, size), seen) in gnu.iter().zip(ours) {
            // GNU tar's listing names the target of a hard link after the name.
            let names_link = seen.kind == '1';
            let same = name == &seen.name || names_link && name.starts_with(&seen.name);
            // A newline is printed as an escape.
            let escaped = seen.name.contains(&b'\n');
            assert!((same || escaped) && *size == seen.size, "GNU tar: {seen:?} {recipe:#?}");
        }
    }
}
