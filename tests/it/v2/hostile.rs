//! Deltas that are damaged or meant for something else: our reader refuses them, and a device's
//! rsync does not end well.

use remora::rootfs;
use remora::v2::{CreateOptions, inspect};

use super::device::Device;
use super::tree::Tree;
use super::{delta, written};

fn words(from: u32, to: u32) -> Vec<u8> {
    (from..to).flat_map(|number| format!("{} ", number * number).into_bytes()).collect()
}

/// A pair whose delta has everything: deletions, links, literals and matched blocks.
fn pair() -> (Tree, Tree) {
    let base = Tree::new()
        .file("a", &words(0, 900))
        .file("gone", b"1")
        .file("d/b", &words(0, 500))
        .symlink("l", "a");
    let target = Tree::new()
        .file("a", &[&words(0, 400)[..], b"changed", &words(410, 900)].concat())
        .file("d/b", &[&words(0, 500)[..], &words(5000, 5100)].concat())
        .linked("c", "d/b")
        .symlink("l", "b");
    (base, target)
}

fn made() -> Vec<u8> {
    let (base, target) = pair();
    delta(&base, &target, &CreateOptions::default()).expect("made")
}

#[test]
fn a_whole_delta_is_explained() {
    let delta = made();
    let tar = pair().0.tar();
    let none = rootfs::SparseFiles::default();
    let tree = rootfs::Tree::from_layers(&[&tar], &none).expect("a tree");
    for base in [None, Some(&tree)] {
        let inspection = inspect(&delta[..], base).expect("whole");
        assert!(inspection.made_by_remora && inspection.sentinel && !inspection.pruned);
        assert_eq!(inspection.delta_bytes, delta.len() as u64);
        assert_eq!((inspection.protocol, inspection.stream_flags), (31, 0x1ff));
        assert_eq!(inspection.entries.total, 6);
        assert_eq!(inspection.entries.hard_links, 2);
        assert_eq!(inspection.records, 2);
        assert!(inspection.literal_bytes > 0 && inspection.matched_bytes > 0);
    }
}

#[test]
fn a_delta_cut_short_anywhere_is_refused() {
    let delta = made();
    for len in 0..delta.len() {
        let error = inspect(&delta[..len], None).expect_err("cut short");
        assert!(error.to_string().contains("ends too early"), "{len}: {error}");
    }
    let longer = [&delta[..], &[0]].concat();
    let error = inspect(&longer[..], None).expect_err("too long");
    assert!(error.to_string().contains("more after its end"), "{error}");
}

#[test]
fn a_delta_with_any_bit_flipped_is_refused() {
    let delta = made();
    for at in 0..delta.len() {
        for bit in 0..8 {
            let mut damaged = delta.clone();
            damaged[at] ^= 1 << bit;
            assert!(inspect(&damaged[..], None).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_delta_for_another_base_is_refused_by_reader_and_device() {
    let delta = made();
    let (base, _) = pair();
    // The file that the device has is as long as that of the base, but not the same.
    let mut content = words(0, 900);
    content[20] ^= 1;
    let other = base.clone().file("a", &content);
    let tar = other.tar();
    let none = rootfs::SparseFiles::default();
    let tree = rootfs::Tree::from_layers(&[&tar], &none).expect("a tree");
    let error = inspect(&delta[..], Some(&tree)).expect_err("another base");
    assert!(error.to_string().contains("made from another old file"), "{error}");
    let (code, said) = Device::with(written(&other).path()).apply(&delta, 20);
    assert_eq!(code, Some(23), "{said}");

    let shorter = base.clone().file("d/b", &words(0, 200));
    let none = base.symlink("d/b", "../a");
    for other in [shorter, none] {
        let (code, said) = Device::with(written(&other).path()).apply(&delta, 20);
        assert!(matches!(code, Some(1..)), "{code:?} {said}");
    }
}

#[test]
fn damaged_content_makes_a_device_fail() {
    let (base, _) = pair();
    let delta = made();
    // The last record's end, before the sentinel and the statistics.
    let end = delta.len() - 60;
    let mut failures = 0;
    for at in (end - 200..end).step_by(20) {
        let mut damaged = delta.clone();
        damaged[at] ^= 0x10;
        let (code, _) = Device::with(written(&base).path()).apply(&damaged, 5);
        failures += u32::from(code != Some(0));
    }
    assert_eq!(failures, 10);
}

#[test]
fn a_delta_cut_short_never_ends_well_on_a_device() {
    let (base, _) = pair();
    let delta = made();
    let metadata = delta.iter().position(|&byte| byte == 0).expect("ends") + 1;
    for len in [metadata + 5, metadata + 40, delta.len() - 100, delta.len() - 1] {
        let (code, said) = Device::with(written(&base).path()).apply(&delta[..len], 2);
        assert_ne!(code, Some(0), "{len} bytes: {said}");
    }
}
