//! The file list in a batch: how entries are written (rsync's flist.c).

use std::collections::HashMap;

use super::flags::*;
use crate::rootfs::{Attributes, Device};
use crate::v2::entry::{EntryKind, ListEntry};
use crate::v2::numbers::{push_int, push_varint, push_varlong};

/// What the next entry's "same" flags compare with.
#[derive(Debug, Default)]
struct Previous {
    path: Vec<u8>,
    mode: u32,
    uid: u32,
    gid: u32,
    seconds: i64,
    /// Unknown after a hard link that says no device number: readers disagree there.
    major: Option<u32>,
}

impl Previous {
    fn set(&mut self, mode: u32, attributes: &Attributes) {
        self.mode = mode;
        self.uid = attributes.uid;
        self.gid = attributes.gid;
        self.seconds = attributes.mtime.seconds;
    }
}

/// Writes entries in the order in which they are sent.
#[derive(Debug)]
pub(in crate::v2) struct ListWriter {
    previous: Previous,
    sent: u32,
    /// The sending position of the first member of each class of hard links.
    first: HashMap<u32, u32>,
}

impl ListWriter {
    pub(in crate::v2) fn new() -> Self {
        let previous = Previous { major: Some(0), ..Previous::default() };
        ListWriter { previous, sent: 0, first: Default::default() }
    }

    /// Appends `entry`.
    pub(in crate::v2) fn push(&mut self, out: &mut Vec<u8>, entry: &ListEntry<'_>) {
        let position = self.sent;
        self.sent += 1;
        let first = entry.class.map(|class| *self.first.entry(class).or_insert(position));
        let mode = mode_of(entry);
        match first {
            Some(first) if first < position => {
                self.push_name(out, entry, HARD_LINKED);
                push_varint(out, first);
                if device(&entry.kind).is_some() {
                    self.previous.major = None;
                }
            }
            _ => {
                let link = if first.is_some() { HARD_LINKED | FIRST_LINK } else { 0 };
                self.push_name(out, entry, link | self.flags(entry, mode));
                self.push_attributes(out, entry, mode);
            }
        }
        self.previous.set(mode, &entry.attributes);
    }

    /// Appends the end of the list.
    pub(in crate::v2) fn end(&self, out: &mut Vec<u8>) {
        out.push(0);
    }

    fn flags(&self, entry: &ListEntry<'_>, mode: u32) -> u32 {
        let Attributes { uid, gid, mtime, .. } = entry.attributes;
        let flag = |condition: bool, flag: u32| if condition { flag } else { 0 };
        let device = device(&entry.kind);
        let same_major = device.is_some_and(|device| self.previous.major == Some(device.major));
        flag(mode == self.previous.mode, SAME_MODE)
            | flag(uid == self.previous.uid, SAME_UID)
            | flag(gid == self.previous.gid, SAME_GID)
            | flag(mtime.seconds == self.previous.seconds, SAME_TIME)
            | flag(mtime.nanoseconds != 0, NANOSECONDS)
            | flag(same_major, SAME_MAJOR)
            | match entry.kind {
                EntryKind::Directory { complete: false } => NO_CONTENT,
                EntryKind::Directory { complete: true } if entry.place.is_root() => TOP_DIRECTORY,
                _ => 0,
            }
    }

    fn push_name(&mut self, out: &mut Vec<u8>, entry: &ListEntry<'_>, mut flags: u32) {
        let path = entry.place.path();
        let common = path.iter().zip(&self.previous.path).take_while(|(a, b)| a == b);
        let common = common.count().min(255);
        let rest = &path[common..];
        if common > 0 {
            flags |= SAME_NAME;
        }
        if rest.len() > 255 {
            flags |= LONG_NAME;
        }
        // A flags byte of 0 would end the list.
        if flags == 0 {
            flags = if entry.is_directory() { SECOND_BYTE } else { TOP_DIRECTORY };
        }
        if flags > 0xff || flags & SECOND_BYTE != 0 {
            out.extend_from_slice(&((flags | SECOND_BYTE) as u16).to_le_bytes());
        } else {
            out.push(flags as u8);
        }
        if common > 0 {
            out.push(common as u8);
        }
        match flags & LONG_NAME {
            0 => out.push(rest.len() as u8),
            _ => push_varint(out, rest.len() as u32),
        }
        out.extend_from_slice(rest);
        self.previous.path = path;
    }

    fn push_attributes(&mut self, out: &mut Vec<u8>, entry: &ListEntry<'_>, mode: u32) {
        let flags = self.flags(entry, mode);
        let Attributes { uid, gid, mtime, .. } = entry.attributes;
        push_varlong(out, size_of(&entry.kind) as i64, 3);
        if flags & SAME_TIME == 0 {
            push_varlong(out, mtime.seconds, 4);
        }
        if flags & NANOSECONDS != 0 {
            push_varint(out, mtime.nanoseconds);
        }
        if flags & SAME_MODE == 0 {
            push_int(out, mode);
        }
        if flags & SAME_UID == 0 {
            push_varint(out, uid);
        }
        if flags & SAME_GID == 0 {
            push_varint(out, gid);
        }
        if let Some(device) = device(&entry.kind) {
            if flags & SAME_MAJOR == 0 {
                push_varint(out, device.major);
            }
            push_varint(out, device.minor);
            self.previous.major = Some(device.major);
        }
        match &entry.kind {
            EntryKind::Symlink(target) => {
                push_varint(out, target.len() as u32);
                out.extend_from_slice(target);
            }
            EntryKind::File { md5, .. } => out.extend_from_slice(md5),
            _ => {}
        }
    }
}

fn device(kind: &EntryKind<'_>) -> Option<Device> {
    match kind {
        EntryKind::CharDevice(device) | EntryKind::BlockDevice(device) => Some(*device),
        _ => None,
    }
}

fn size_of(kind: &EntryKind<'_>) -> u64 {
    match kind {
        EntryKind::File { size, .. } => *size,
        EntryKind::Symlink(target) => target.len() as u64,
        _ => 0,
    }
}

pub(super) fn mode_of(entry: &ListEntry<'_>) -> u32 {
    let kind = match entry.kind {
        EntryKind::Directory { .. } => DIRECTORY,
        EntryKind::File { .. } => FILE,
        EntryKind::Symlink(_) => SYMLINK,
        EntryKind::CharDevice(_) => CHAR_DEVICE,
        EntryKind::BlockDevice(_) => BLOCK_DEVICE,
        EntryKind::Fifo => FIFO,
        EntryKind::Socket => SOCKET,
    };
    kind | u32::from(entry.attributes.mode)
}
