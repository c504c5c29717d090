//! Lists read back as they were written, entry by entry and byte by byte.

use proptest::prelude::*;

use super::read::ListForm;
use super::*;
use crate::rootfs::{Attributes, Device, Mtime};
use crate::v2::entry::{EntryKind, ListEntry, Place};
use crate::v2::input::BatchInput;

const FORM: ListForm = ListForm {
    protocol_30: false,
    varint_flags: false,
    owners: true,
    groups: true,
    checksums: true,
};

fn write(entries: &[ListEntry<'_>]) -> Vec<u8> {
    let (mut out, mut writer) = (Vec::new(), ListWriter::new());
    entries.iter().for_each(|entry| writer.push(&mut out, entry));
    writer.end(&mut out);
    out
}

fn read(bytes: &[u8]) -> FileList {
    let mut input = BatchInput::new(bytes);
    let list = ListReader::new(&mut input, FORM).read().expect("valid");
    assert!(input.at_end().expect("readable"));
    list
}

fn attributes(mode: u16, seconds: i64) -> Attributes {
    Attributes { mode, uid: 0, gid: 0, mtime: Mtime { seconds, nanoseconds: 0 } }
}

fn entry<'l>(path: &'l str, mode: u16, seconds: i64, kind: EntryKind<'l>) -> ListEntry<'l> {
    let (place, attributes) = (Place::of_path(path.as_bytes()), attributes(mode, seconds));
    ListEntry { place, attributes, kind, class: None }
}

/// The list of docs/formats/v2.md, "An example", byte for byte, but for the root's owner and group:
/// we say "as before" where rsync says 0.
#[test]
fn the_worked_example_comes_out() {
    let directory = EntryKind::Directory { complete: true };
    let a = EntryKind::File { size: 2709, md5: [0x4a; 16] };
    let link = EntryKind::Symlink(b"a");
    let hi = EntryKind::File { size: 3, md5: [0x76; 16] };
    let linked = |path| ListEntry { class: Some(4), ..entry(path, 0o644, 1_600_000_001, hi) };
    let list = [
        entry(".", 0o755, 1_600_000_000, directory),
        entry("d", 0o755, 1_600_000_000, directory),
        entry("d/a", 0o644, 1_600_000_001, a),
        entry("d/l", 0o777, 1_600_000_001, link),
        linked("d/x"),
        linked("d/y"),
    ];
    let expected: &[&[u8]] = &[
        b"\x19\x01.\0\0\0\x5f\x00\x10\x5e\xed\x41\0\0",
        b"\x9a\x01d\0\0\0",
        b"\x38\x01\x02/a\x00\x95\x0a\x5f\x01\x10\x5e\xa4\x81\0\0",
        &[0x4a; 16],
        b"\xb8\x02\x01l\x00\x01\x00\xff\xa1\0\0\x01a",
        b"\xbc\x12\x02\x01x\x00\x03\x00\xa4\x81\0\0",
        &[0x76; 16],
        b"\xbe\x02\x02\x01y\x04",
        b"\0",
    ];
    // An abbreviated link says no more than that it is one.
    let expected = expected.concat();
    let written = write(&list);
    assert_eq!(written.len(), expected.len());
    let abbreviated = expected.len() - 7;
    assert_eq!(written[..abbreviated], expected[..abbreviated]);
    assert_eq!(written[abbreviated..], *b"\x24\x02\x02\x01y\x04\0");
    for bytes in [written, expected] {
        assert_eq!(read(&bytes).iter().collect::<Vec<_>>(), list);
    }
}

fn kinds() -> impl Strategy<Value = EntryKind<'static>> {
    let device = (0u32..4, any::<u32>()).prop_map(|(major, minor)| Device { major, minor });
    prop_oneof![
        any::<bool>().prop_map(|complete| EntryKind::Directory { complete }),
        (any::<u32>(), any::<[u8; 16]>())
            .prop_map(|(size, md5)| EntryKind::File { size: size.into(), md5 }),
        prop::collection::vec(1u8.., 1..300).prop_map(|target| EntryKind::Symlink(target.leak())),
        device.clone().prop_map(EntryKind::CharDevice),
        device.prop_map(EntryKind::BlockDevice),
        Just(EntryKind::Fifo),
        Just(EntryKind::Socket),
    ]
}

fn entries() -> impl Strategy<Value = ListEntry<'static>> {
    let path = prop_oneof![
        Just(".".to_owned()),
        "[a-c]{1,3}(/[a-c]{1,3}){0,3}",
        "[a-b]{250,260}(/[a-b]{250,260}){0,3}",
    ];
    let attributes = (0u16..3, 0u32..3, prop_oneof![0u32..3, Just(u32::MAX)], -2i64..3, 0u32..2)
        .prop_map(|(mode, uid, gid, seconds, nanoseconds)| Attributes {
            mode,
            uid,
            gid,
            mtime: Mtime { seconds: seconds << 32, nanoseconds },
        });
    (path, attributes, kinds(), any::<bool>()).prop_map(|(path, attributes, kind, linked)| {
        let place = Place::of_path(path.into_bytes().leak());
        ListEntry { place, attributes, kind, class: linked.then_some(0) }
    })
}

proptest! {
    #[test]
    fn lists_read_back(mut list in prop::collection::vec((entries(), 0u8..3), 0..12)) {
        // Linked entries join the class of an entry before them, or start one.
        let mut sent: Vec<ListEntry<'_>> = Vec::new();
        for (entry, back) in &mut list {
            let first = sent.iter().rev().nth(usize::from(*back)).and_then(|entry| entry.class);
            if entry.class.is_some() {
                entry.class = first.or(Some(sent.len() as u32));
                if let Some(first) = first {
                    entry.attributes = sent[first as usize].attributes;
                    entry.kind = sent[first as usize].kind;
                }
            }
            sent.push(*entry);
        }
        let list = read(&write(&sent));
        prop_assert_eq!(list.iter().collect::<Vec<_>>(), sent);
    }
}

#[test]
fn a_sorted_list_knows_what_it_has() {
    let file = EntryKind::File { size: 0, md5: [0; 16] };
    let directory = EntryKind::Directory { complete: true };
    let mut list = FileList::default();
    for (path, kind) in [("b", directory), ("b/x", file), (".", directory), ("b/a", file)] {
        list.push(&entry(path, 0o755, 0, kind)).expect("room");
    }
    list.sort();
    let paths: Vec<String> = list.iter().map(|entry| entry.place.shown()).collect();
    assert_eq!(paths, [".", "b", "b/a", "b/x"]);
    assert!(!list.has_doubles());
    let has = |path: &str| list.has(Place::of_path(path.as_bytes()));
    assert!([".", "b", "b/a", "b/x"].into_iter().all(has));
    assert!(!["a", "b/b", "b/a/x", "x"].into_iter().any(has));
    list.push(&entry("b/a", 0o644, 0, directory)).expect("room");
    list.push(&entry("b/a", 0o644, 0, directory)).expect("room");
    list.sort();
    assert!(list.has_doubles());
}
