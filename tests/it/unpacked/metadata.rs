//! What two trees on disk say of themselves beside what tests of v2 compare: nanoseconds, extended attributes, holes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Extended attributes by name.
pub(super) type Xattrs = BTreeMap<String, Vec<u8>>;

/// The extended attributes of what is at `path` itself.
pub(super) fn xattrs(path: &Path) -> Xattrs {
    let mut names = vec![0; 1 << 16];
    let len = rustix::fs::llistxattr(path, &mut names[..]).expect("a list");
    let names = names[..len].split(|&byte| byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0; 1 << 16];
        let name = OsStr::from_bytes(name);
        let len = rustix::fs::lgetxattr(path, name, &mut value[..]).expect("a value");
        value.truncate(len);
        value
    };
    names.map(|name| (String::from_utf8_lossy(name).into_owned(), value(name))).collect()
}

/// One extended attribute as text.
pub(super) fn xattr(path: &Path, name: &str) -> Option<String> {
    xattrs(path).get(name).map(|value| String::from_utf8_lossy(value).into_owned())
}

/// Every path below `root`, and what is to be equal of it.
pub(super) fn details(root: &Path) -> BTreeMap<PathBuf, (i64, Xattrs)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let metadata = fs::symlink_metadata(&path).expect("there");
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).expect("readable");
            todo.extend(entries.map(|entry| entry.expect("readable").path()));
        }
        let name = path.strip_prefix(root).expect("below it").to_owned();
        found.insert(name, (metadata.mtime_nsec(), xattrs(&path)));
    }
    found
}
