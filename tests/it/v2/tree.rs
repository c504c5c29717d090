//! File trees as tests say them: written as a layer tar, and as a folder on disk.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use remora::rootfs;
use rustix::fs::{AtFlags, CWD, Dev, FileType, Gid, Mode, Timespec, Timestamps, Uid};

/// A tree: its names and the inodes that they stand for. The root's name is empty.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    names: BTreeMap<Vec<u8>, usize>,
    inodes: Vec<(Kind, Attributes)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(Vec<u8>),
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

pub(crate) const PLAIN: Attributes =
    Attributes { mode: 0o644, uid: 0, gid: 0, seconds: 1_600_000_000, nanoseconds: 0 };

impl Tree {
    pub(crate) fn new() -> Self {
        let root = (Kind::Directory, Attributes { mode: 0o755, ..PLAIN });
        Tree { names: BTreeMap::from([(Vec::new(), 0)]), inodes: vec![root] }
    }

    /// The tree that a stack of layers adds up to.
    pub(crate) fn of(tree: &rootfs::Tree<'_>) -> Self {
        let mut known = BTreeMap::new();
        let mut names = BTreeMap::new();
        let mut inodes = Vec::new();
        let mut todo = vec![(Vec::new(), tree.root())];
        while let Some((path, id)) = todo.pop() {
            let inode = *known.entry(id).or_insert_with(|| {
                inodes.push(of_inode(tree.inode(id)));
                inodes.len() - 1
            });
            for (name, child) in tree.children(id) {
                let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
                todo.push(([&path, slash, name].concat(), child));
            }
            names.insert(path, inode);
        }
        Tree { names, inodes }
    }

    /// Puts something at `path`, in place of what is there, with the parents that it needs.
    pub(crate) fn put(&mut self, path: &[u8], kind: Kind, attributes: Attributes) {
        let is_directory = |tree: &Tree, at: usize| tree.inodes[at].0 == Kind::Directory;
        if let Some(slash) = path.iter().rposition(|&byte| byte == b'/') {
            let parent = &path[..slash];
            if !self.names.get(parent).is_some_and(|&at| is_directory(self, at)) {
                self.put(parent, Kind::Directory, Attributes { mode: 0o755, ..PLAIN });
            }
        }
        match self.names.get(path) {
            Some(&at) if kind == Kind::Directory && is_directory(self, at) => {
                self.inodes[at].1 = attributes;
            }
            _ => {
                self.remove(path);
                self.names.insert(path.to_vec(), self.inodes.len());
                self.inodes.push((kind, attributes));
            }
        }
    }

    /// Makes `path` a hard link to `target`, if that is there and no directory.
    pub(crate) fn link(&mut self, path: &[u8], target: &[u8]) {
        let Some(&inode) = self.names.get(target) else { return };
        let inside = target.starts_with(&[path, b"/"].concat());
        if self.inodes[inode].0 != Kind::Directory && path != target && !inside {
            self.put(path, Kind::Fifo, PLAIN);
            if let Some(at) = self.names.get_mut(path).filter(|_| !target.is_empty()) {
                *at = inode;
            }
            // The target may have been in the way of a parent.
            if !self.names.contains_key(target) {
                self.remove(path);
            }
        }
    }

    pub(crate) fn set(&mut self, path: &[u8], attributes: Attributes) {
        if let Some(&at) = self.names.get(path) {
            self.inodes[at].1 = attributes;
        }
    }

    pub(crate) fn remove(&mut self, path: &[u8]) {
        let below = [path, b"/"].concat();
        self.names.retain(|name, _| name != path && !name.starts_with(&below) || name.is_empty());
    }

    pub(crate) fn paths(&self) -> Vec<Vec<u8>> {
        self.names.keys().cloned().collect()
    }

    /// Shorthands for trees written out in tests.
    pub(crate) fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.put(path.as_bytes(), Kind::File(content.to_vec()), PLAIN);
        self
    }

    pub(crate) fn file_with(mut self, path: &str, content: &[u8], attributes: Attributes) -> Self {
        self.put(path.as_bytes(), Kind::File(content.to_vec()), attributes);
        self
    }

    pub(crate) fn dir(mut self, path: &str) -> Self {
        self.put(path.as_bytes(), Kind::Directory, Attributes { mode: 0o755, ..PLAIN });
        self
    }

    pub(crate) fn symlink(mut self, path: &str, target: &str) -> Self {
        self.put(path.as_bytes(), Kind::Symlink(target.as_bytes().to_vec()), PLAIN);
        self
    }

    pub(crate) fn special(mut self, path: &str, kind: Kind) -> Self {
        self.put(path.as_bytes(), kind, PLAIN);
        self
    }

    pub(crate) fn linked(mut self, path: &str, target: &str) -> Self {
        self.link(path.as_bytes(), target.as_bytes());
        self
    }

    /// The tree as one layer.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        let mut first: BTreeMap<usize, &[u8]> = BTreeMap::new();
        for (path, &inode) in &self.names {
            let (kind, attributes) = &self.inodes[inode];
            let link = first.get(&inode).copied();
            first.entry(inode).or_insert(path);
            push_entry(&mut tar, path, kind, attributes, link);
        }
        tar.extend_from_slice(&[0; 1024]);
        tar
    }

    /// Makes the tree in an empty folder. Needs root for owners and devices.
    pub(crate) fn write(&self, folder: &Path) {
        let place = |path: &[u8]| folder.join(std::ffi::OsStr::from_bytes(path));
        let mut first: BTreeMap<usize, &[u8]> = BTreeMap::new();
        for (path, &inode) in self.names.iter().filter(|(path, _)| !path.is_empty()) {
            match first.get(&inode) {
                Some(target) => link(&place(target), &place(path)),
                None => make(&place(path), &self.inodes[inode].0),
            }
            first.entry(inode).or_insert(path);
        }
        // From the bottom up, so that directories keep their times.
        for (path, &inode) in self.names.iter().rev() {
            set_attributes(&place(path), &self.inodes[inode]);
        }
    }
}

fn of_inode(inode: &rootfs::Inode<'_>) -> (Kind, Attributes) {
    let kind = match inode.kind {
        rootfs::Kind::Directory(_) => Kind::Directory,
        rootfs::Kind::File(content) => Kind::File(content.to_vec()),
        rootfs::Kind::Symlink(target) => Kind::Symlink(target.to_vec()),
        rootfs::Kind::CharDevice(device) => Kind::CharDevice(device.major, device.minor),
        rootfs::Kind::BlockDevice(device) => Kind::BlockDevice(device.major, device.minor),
        rootfs::Kind::Fifo => Kind::Fifo,
    };
    let rootfs::Attributes { mode, uid, gid, mtime } = inode.attributes;
    let (seconds, nanoseconds) = (mtime.seconds, mtime.nanoseconds);
    (kind, Attributes { mode: mode.into(), uid, gid, seconds, nanoseconds })
}

fn link(target: &Path, path: &Path) {
    rustix::fs::linkat(CWD, target, CWD, path, AtFlags::empty()).expect("a hard link");
}

fn make(path: &Path, kind: &Kind) {
    let node = |kind, device| {
        rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), device)
            .expect("a device (these tests need root)");
    };
    match kind {
        Kind::Directory => fs::create_dir(path).expect("a directory"),
        Kind::File(content) => fs::write(path, content).expect("a file"),
        Kind::Symlink(target) => {
            let target = std::ffi::OsStr::from_bytes(target);
            std::os::unix::fs::symlink(target, path).expect("a symbolic link");
        }
        Kind::CharDevice(major, minor) => {
            node(FileType::CharacterDevice, rustix::fs::makedev(*major, *minor));
        }
        Kind::BlockDevice(major, minor) => {
            node(FileType::BlockDevice, rustix::fs::makedev(*major, *minor));
        }
        Kind::Fifo => node(FileType::Fifo, Dev::default()),
    }
}

fn set_attributes(path: &Path, (kind, attributes): &(Kind, Attributes)) {
    let Attributes { mode, uid, gid, seconds, nanoseconds } = *attributes;
    // Nobody's number leaves the owner as it is.
    let uid = (uid != u32::MAX).then(|| Uid::from_raw(uid));
    let gid = (gid != u32::MAX).then(|| Gid::from_raw(gid));
    rustix::fs::chownat(CWD, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
        .expect("an owner (these tests need root)");
    if !matches!(kind, Kind::Symlink(_)) {
        rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty()).expect("mode");
    }
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time");
}

/// Appends an entry with everything that tells trees apart in extended headers.
pub(crate) fn push_entry(
    tar: &mut Vec<u8>,
    path: &[u8],
    kind: &Kind,
    attributes: &Attributes,
    link: Option<&[u8]>,
) {
    let path = if path.is_empty() { b"./" } else { path };
    let (flag, content): (u8, &[u8]) = match kind {
        _ if link.is_some() => (b'1', b""),
        Kind::Directory => (b'5', b""),
        Kind::File(content) => (b'0', content),
        Kind::Symlink(_) => (b'2', b""),
        Kind::CharDevice(..) => (b'3', b""),
        Kind::BlockDevice(..) => (b'4', b""),
        Kind::Fifo => (b'6', b""),
    };
    let target = link.unwrap_or(match kind {
        Kind::Symlink(target) => target,
        _ => b"",
    });
    let Attributes { seconds, nanoseconds, .. } = *attributes;
    let nanoseconds_total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let (sign, size) = (if nanoseconds_total < 0 { "-" } else { "" }, nanoseconds_total.abs());
    let time = format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000);
    let mut records = record("path", path);
    records.extend(record("mtime", time.as_bytes()));
    records.extend(record("uid", attributes.uid.to_string().as_bytes()));
    records.extend(record("gid", attributes.gid.to_string().as_bytes()));
    if !target.is_empty() {
        records.extend(record("linkpath", target));
    }
    push_block(tar, b'x', 0, (0, 0), &records);
    let device = match kind {
        Kind::CharDevice(major, minor) | Kind::BlockDevice(major, minor) => (*major, *minor),
        _ => (0, 0),
    };
    push_block(tar, flag, attributes.mode, device, content);
}

/// A PAX record, which begins with its own length.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let len = (rest..).find(|len| *len == len.to_string().len() + rest).expect("converges");
    [format!("{len} {key}=").as_bytes(), value, b"\n"].concat()
}

fn push_block(tar: &mut Vec<u8>, flag: u8, mode: u32, device: (u32, u32), content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_path("entry").expect("short");
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_device_major(device.0).expect("ustar");
    header.set_device_minor(device.1).expect("ustar");
    header.as_old_mut().linkflag = [flag];
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}
