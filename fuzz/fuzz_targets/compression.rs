//! Compressed layers: any bytes are unpacked or refused, and what is unpacked does not depend on how the bytes come.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use remora::image::decompress;

/// What is unpacked of one input; a real store has a limit of its own.
const LIMIT: u64 = 4 << 20;

/// Gives three bytes at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(3);
        self.0.read(&mut buffer[..most])
    }
}

fn unpacked<'a>(blob: impl Read + Send + 'a) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decompress(blob).ok()?.take(LIMIT).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fuzz_target!(|blob: &[u8]| {
    assert!(unpacked(blob) == unpacked(Trickle(blob)));
});
