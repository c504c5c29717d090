//! Damaged and malicious deltas: each is refused for what it is, and nothing is left behind.

use remora::ErrorKind;
use remora::image::UnpackLimits;
use remora::progress::Silent;

use super::apply::{empty_tar, scene};
use crate::images::{gzip, noise, tar};

fn stream(commands: &[u8]) -> Vec<u8> {
    [b"rs\x026", commands].concat()
}

/// A gzip'ed tar whose first entry holds `commands` after the magic number.
fn blob(commands: &[u8]) -> Vec<u8> {
    gzip(&tar(&[("delta", &stream(commands))]))
}

fn tar_with_type(kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path("delta").expect("short");
    header.set_size(0);
    header.set_entry_type(kind);
    header.set_cksum();
    gzip(&[&header.as_bytes()[..], &[0; 1024]].concat())
}

fn cut(bytes: &[u8], len: usize) -> Vec<u8> {
    bytes[..len].to_vec()
}

/// Delta streams for the second layer, and how the refusal must go on after "layer 2: ".
const BAD_STREAMS: [(&[u8], &str); 15] = [
    (b"rs\x01\x36\0", "command 0 at byte 0: the delta starts with"),
    (b"rs", "command 0 at byte 0: the delta ends before"),
    (b"", "command 0 at byte 0: the delta ends before"),
    (b"rs\x026", "command 1 at byte 4: the delta ends before"),
    (b"rs\x026\x02a", "command 1 at byte 5: the delta ends before"),
    (b"rs\x026\x01a\x02a", "command 2 at byte 7: the delta ends before"),
    (b"rs\x026\x45\x00", "command 1 at byte 6: the delta ends before"),
    (b"rs\x026\x01a\x55\0", "command 2 at byte 7: the delta has the reserved command 0x55"),
    (b"rs\x026\xff", "command 1 at byte 5: the delta has the reserved command 0xff"),
    (b"rs\x026\0\0", "command 1 at byte 5: the delta has bytes after its END"),
    (b"rs\x026\x4e\0\0\x10\0\0\x10\0", "command 1 at byte 11: COPY of 16 bytes at 4096 reaches"),
    (b"rs\x026\x48\0\xff\xff\xff\xff\xff\xff\xff\xff\0", "command 1 at byte 14: the result would"),
    (b"rs\x026\x44\xff\xff\xff\xff\xff\xff\xff\xff\0", "command 1 at byte 13: the result would"),
    (b"rs\x026\0", "rebuilt as sha256:e3b0c442"),
    (b"rs\x026\x46\0\x01\0\0", "rebuilt as sha256:"),
];

/// Blobs that are damaged around the stream, in the same form.
fn bad_blobs(whole: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let packed = gzip(whole);
    let mut bad_sum = packed.clone();
    bad_sum[packed.len() - 8] ^= 1;
    let large = [b"rs\x026\x43\x00\x04\x00\x00", &noise(1, 4 << 16)[..], b"\0"].concat();
    let large = gzip(&tar(&[("delta", &large)]));
    let entry_type = "the first entry of the tar has the type";
    vec![
        (b"not a tar".to_vec(), "the blob holds no tar"),
        (vec![7; 100_000], "the blob holds no tar"),
        (cut(whole, 300), "the blob holds no tar"),
        (cut(whole, 1000), "command 1 at byte 7: the delta ends before"),
        (cut(&packed, packed.len() / 2), "a layer's compressed data is damaged"),
        (cut(&large, large.len() / 2), "command 1 at byte 1"),
        (cut(&packed, packed.len() - 1), "a layer's compressed data is damaged"),
        (bad_sum, "a layer's compressed data is damaged"),
        ([&packed[..], b"rubbish"].concat(), "a layer's compressed data is damaged"),
        (zstd::encode_all(whole, 3).expect("vec"), "compressed with zstd"),
        (tar_with_type(tar::EntryType::Directory), entry_type),
        (tar_with_type(tar::EntryType::Symlink), entry_type),
        // A long name that no entry follows names nothing.
        (tar_with_type(tar::EntryType::GNULongName), "the tar is empty"),
        (empty_tar(), "the tar is empty"),
    ]
}

#[test]
fn every_bad_layer_is_refused_for_what_it_is() {
    let scene = scene();
    let mut cases: Vec<(Vec<u8>, &str)> = BAD_STREAMS
        .iter()
        .map(|(stream, expected)| (gzip(&tar(&[("delta", stream)])), *expected))
        .collect();
    cases.extend(bad_blobs(&tar(&[("delta", &scene.second())])));
    let mut flipped = scene.second();
    flipped[600] ^= 1;
    cases.push((gzip(&tar(&[("delta", &flipped)])), "rebuilt as sha256:"));

    for (blob, expected) in cases {
        let error = scene.apply(&[empty_tar(), blob]).expect_err(expected);
        let text = error.to_string();
        let expected = format!("layer 2: {expected}");
        assert!(text.starts_with(&expected), "{text:?} should start with {expected:?}");
        assert_eq!(error.kind(), ErrorKind::Content, "{text}");
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text:?}");
        assert!(error.hint().is_some(), "{text}");
        assert!(scene.bench.work_in_progress().is_empty(), "{text}");
    }
}

#[test]
fn the_lowest_bad_layer_is_the_one_that_is_told() {
    let scene = scene();
    let error = scene.apply(&[blob(b"\xfe"), blob(b"\xff")]).expect_err("both are bad");
    assert!(error.to_string().contains("layer 1: command 1 at byte 5"), "{error}");
}

#[test]
fn a_delta_that_makes_too_much_is_stopped() {
    let mut scene = scene();
    let mut limits = UnpackLimits::default();
    limits.layer_bytes = 1 << 20;
    scene.bench.store = scene.bench.store.clone().with_limits(limits);
    let copies: Vec<u8> = [&b"\x46\x00\x0c\x00"[..]; 1000].concat();
    let bombs = [
        // 1,000 COPYs of 3 KiB each.
        (
            blob(&[&copies[..], b"\0"].concat()),
            "layer 2: command 342 at byte 1372: the result would exceed 1048576 bytes",
        ),
        // A literal of 10 MB of zeros, 10 KB packed.
        (
            blob(&[&b"\x43\x00\x98\x96\x80"[..], &vec![0; 10_000_000], b"\0"].concat()),
            "layer 2: command 1 at byte 9: the result would exceed",
        ),
        // A tar that goes on and on after a delta that is in order.
        (
            gzip(&[tar(&[("delta", &scene.second())]), vec![0; 65 << 20]].concat()),
            "layer 2: the tar goes on for more than",
        ),
    ];
    for (blob, expected) in bombs {
        let error = scene.apply(&[empty_tar(), blob]).expect_err(expected);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn lengths_that_add_up_to_more_than_a_number_holds_are_no_panic() {
    let scene = scene();
    let copy = b"\x48\x00\xff\xff\xff\xff\xff\xff\xff\xff";
    let literal = b"\x44\xff\xff\xff\xff\xff\xff\xff\xff";
    for commands in [[&copy[..], copy, b"\0"].concat(), [&b"\x01a"[..], copy, literal].concat()] {
        let blobs = [empty_tar(), blob(&commands)];
        scene.apply(&blobs).expect_err("too much");
        let delta = scene.bench.put("delta", &scene.delta(&blobs));
        let _ = remora::v3::inspect(&delta, &UnpackLimits::default(), &Silent);
    }
}
