//! Folders on disk: what is in them, and how two differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

/// Everything that is compared about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    mode: u32,
    uid: u32,
    gid: u32,
    seconds: i64,
    content: Vec<u8>,
    device: u64,
    /// All names of the inode.
    links: BTreeSet<Vec<u8>>,
}

fn scan(folder: &Path) -> BTreeMap<Vec<u8>, Found> {
    let mut found = BTreeMap::new();
    let mut links: BTreeMap<u64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut inodes = BTreeMap::new();
    let mut todo = vec![Vec::new()];
    while let Some(path) = todo.pop() {
        let place = folder.join(std::ffi::OsStr::from_bytes(&path));
        let metadata = fs::symlink_metadata(&place).expect("there");
        let kind = metadata.file_type();
        let mut content = Vec::new();
        if kind.is_dir() {
            for entry in fs::read_dir(&place).expect("readable") {
                let name = entry.expect("readable").file_name();
                let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
                todo.push([&path, slash, name.as_bytes()].concat());
            }
        } else if kind.is_symlink() {
            content = fs::read_link(&place).expect("readable").as_os_str().as_bytes().to_vec();
        } else if kind.is_file() {
            content = fs::read(&place).expect("readable");
        }
        if !kind.is_dir() {
            links.entry(metadata.ino()).or_default().insert(path.clone());
        }
        let is_device = kind.is_char_device() || kind.is_block_device();
        inodes.insert(path.clone(), metadata.ino());
        let entry = Found {
            mode: metadata.mode(),
            uid: metadata.uid(),
            gid: metadata.gid(),
            seconds: metadata.mtime(),
            content,
            device: if is_device { metadata.rdev() } else { 0 },
            links: BTreeSet::new(),
        };
        found.insert(path, entry);
    }
    for (path, entry) in &mut found {
        entry.links = links.get(&inodes[path]).cloned().unwrap_or_default();
    }
    found
}

/// What differs between two folders, as lines for people; empty if nothing does.
pub(crate) fn differences(is: &Path, should_be: &Path) -> Vec<String> {
    differences_apart_from(is, should_be, &[])
}

/// The same, without regard to the times of some paths.
pub(crate) fn differences_apart_from(
    is: &Path,
    should_be: &Path,
    timeless: &[Vec<u8>],
) -> Vec<String> {
    let (mut is, mut should_be) = (scan(is), scan(should_be));
    for path in timeless {
        for found in [is.get_mut(path), should_be.get_mut(path)].into_iter().flatten() {
            found.seconds = 0;
        }
    }
    let paths: BTreeSet<_> = is.keys().chain(should_be.keys()).collect();
    let mut lines = Vec::new();
    for path in paths {
        let (a, b) = (is.get(path), should_be.get(path));
        if a != b {
            lines.push(format!(
                "{:?} is {} but should be {}",
                String::from_utf8_lossy(path),
                shown(a),
                shown(b)
            ));
        }
    }
    lines
}

fn shown(found: Option<&Found>) -> String {
    let Some(found) = found else { return "missing".to_owned() };
    let links = found.links.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>();
    format!(
        "{:o} {}:{} {} {}B {:?} dev {:x} links {links:?}",
        found.mode,
        found.uid,
        found.gid,
        found.seconds,
        found.content.len(),
        String::from_utf8_lossy(&found.content[..found.content.len().min(20)]),
        found.device,
    )
}

/// A copy of a folder that shares nothing with it.
pub(crate) fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::TempDir::new().expect("a folder");
    let from = folder.join(".");
    let paths = [from.as_path(), copy.path()].map(|path| path.to_str().expect("text"));
    crate::tools::run("cp", &["--archive", paths[0], paths[1]]);
    copy
}
