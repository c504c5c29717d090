//! tar-diff streams: any operations are refused or carried out, in bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::tar_diff::{OldFiles, apply_tar_diff};

/// The most bytes of a layer here.
const LAYER_BYTES: u64 = 1 << 20;

/// A base of two files.
struct Tree<'a>(&'a [u8]);

impl OldFiles for Tree<'_> {
    fn content(&self, path: &[u8]) -> Option<&[u8]> {
        match path {
            b"a" => Some(self.0),
            b"d/b" => Some(&self.0[self.0.len() / 2..]),
            _ => None,
        }
    }
}

// The input: a byte of choices, one that says how long the file is, the file, the operations. Mutations of what is compressed
// would hardly ever be operations, so these are compressed here, but for a quarter of the choices.
fuzz_target!(|input: &[u8]| {
    let [choices, len, rest @ ..] = input else { return };
    let (file, operations) = rest.split_at(rest.len().min((*len).into()));
    let magic = if choices & 1 == 0 { b"tardf1\n\0" } else { b"tardf2\n\0" };
    let stream = match choices & 6 {
        0 => operations.to_vec(),
        _ => zstd::bulk::compress(operations, 1).expect("memory"),
    };
    let mut made = Vec::new();
    let delta = [&magic[..], &stream].concat();
    let applied = apply_tar_diff(&delta[..], &Tree(file), &mut made, LAYER_BYTES);
    assert!(made.len() as u64 <= LAYER_BYTES);
    if let Ok(stats) = applied {
        assert_eq!(stats.data_bytes + stats.copy_bytes + stats.add_bytes, made.len() as u64);
    }
});
