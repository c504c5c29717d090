//! Other people's readers of tars.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use remora::tar::{Entries, EntryType};
use sha2::{Digest as _, Sha256};

use crate::tools::{output, run};

/// What a reader says of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: char,
    /// Without slashes at the end, which readers leave or take away.
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) owner: (i64, i64),
    pub(super) seconds: i64,
    pub(super) sha256: String,
}

/// The entries of an archive; `None` if it can't be read to its end.
pub(super) type Listing = Option<Vec<Seen>>;

pub(super) fn trimmed(name: &[u8]) -> Vec<u8> {
    let end = name.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    name[..end].to_vec()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/odd_tars").join(name)
}

/// What Go's archive/tar makes of each archive.
pub(super) fn go(archives: &[PathBuf]) -> Vec<Listing> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("list-tars");
        let arguments = ["build", "-o", program.to_str().expect("text")];
        let source = source("list.go");
        run("go", &[&arguments[..], &[source.to_str().expect("text")]].concat());
        program
    });
    listings(Command::new(program).args(archives))
}

/// What Python's tarfile makes of each archive.
pub(super) fn python(archives: &[PathBuf]) -> Vec<Listing> {
    listings(Command::new("python3").arg(source("list.py")).args(archives))
}

fn listings(command: &mut Command) -> Vec<Listing> {
    let output = command.output().expect("it was there before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let archives = text.split_terminator(".\n");
    archives.map(|lines| lines.lines().map(seen).collect()).collect()
}

/// A line of list.go or list.py.
fn seen(line: &str) -> Option<Seen> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [kind, name, link, size, uid, gid, seconds, sha256] = fields[..] else { return None };
    let number = |text: &str| text.parse::<i64>().expect("a number");
    let bytes = |hex: &str| -> Vec<u8> {
        let hex = hex.trim_end_matches('.').as_bytes().chunks(2);
        let digits = hex.map(|pair| std::str::from_utf8(pair).expect("text"));
        digits.map(|digits| u8::from_str_radix(digits, 16).expect("hex")).collect()
    };
    Some(Seen {
        kind: kind.chars().next().expect("one"),
        name: trimmed(&bytes(name)),
        link: bytes(link),
        size: number(size) as u64,
        owner: (number(uid), number(gid)),
        seconds: number(seconds),
        sha256: sha256.to_owned(),
    })
}

/// Names and sizes of the files that GNU tar lists.
pub(super) fn gnu(archive: &Path) -> Option<Vec<(Vec<u8>, u64)>> {
    let path = archive.to_str().expect("text");
    let listed = output("tar", &["--list", "--verbose", "--numeric-owner", "-f", path]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = fields.get(5..).unwrap_or_default().join(" ");
        let name = name.split(" -> ").next().unwrap_or_default();
        (trimmed(&unescaped(name)), fields[2].parse().expect("a size"))
    };
    listed.status.success().then(|| text.lines().map(line).collect())
}

/// A name as GNU tar prints it: bytes that are not ASCII as three octal digits.
fn unescaped(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

/// What Remora makes of an archive.
pub(super) fn ours(tar: &[u8]) -> Listing {
    Entries::new(tar)
        .map(|entry| {
            let entry = entry.ok()?;
            let stored = &tar[entry.content.start as usize..entry.content.end as usize];
            let content = match &entry.sparse {
                None => stored.to_vec(),
                Some(map) => {
                    let mut file = vec![0; map.size() as usize];
                    map.lay_out(stored, &mut file);
                    file
                }
            };
            let kind = match entry.entry_type {
                EntryType::Regular => 'f',
                EntryType::HardLink => '1',
                EntryType::Symlink => '2',
                EntryType::CharDevice => '3',
                EntryType::BlockDevice => '4',
                EntryType::Directory => '5',
                EntryType::Fifo => '6',
                EntryType::Contiguous => '7',
                EntryType::Other(flag) => flag.into(),
            };
            let digest = Sha256::digest(&content);
            Some(Seen {
                kind,
                name: trimmed(&entry.name.to_vec()),
                link: entry.link_name.to_vec(),
                size: entry.size(),
                owner: (entry.uid().ok()?, entry.gid().ok()?),
                seconds: entry.mtime().ok()?.seconds,
                sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            })
        })
        .collect()
}
