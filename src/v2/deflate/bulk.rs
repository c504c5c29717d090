//! Long stretches: libdeflate, without history.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};

use super::bits::BitWriter;
use super::reopen::reopen;
use crate::delta::Effort;

thread_local! {
    /// The last one used and its level: making one takes longer than compressing a small file.
    static COMPRESSOR: RefCell<Option<(i32, Compressor)>> = const { RefCell::new(None) };
}

/// libdeflate's level. From 10 on it looks for the cheapest way through a block: 10 makes a
/// distribution's files 0.1 % larger than 12, in two thirds of the time; 9 makes them 2 % larger.
fn level(effort: Effort) -> i32 {
    match effort.level() {
        ..=2 => 6,
        3..=4 => 9,
        5..=7 => 10,
        8.. => 12,
    }
}

/// Appends `bytes`, compressed and left open.
pub(super) fn compress(bytes: &[u8], effort: Effort, out: &mut Vec<u8>) {
    let level = level(effort);
    let mut stream = COMPRESSOR.with_borrow_mut(|made| {
        let (_, compressor) = match made {
            Some(made) if made.0 == level => made,
            made => made.insert((level, compressor(level))),
        };
        let mut stream = vec![0; compressor.deflate_compress_bound(bytes.len())];
        let len = compressor.deflate_compress(bytes, &mut stream).expect("the bound holds");
        stream.truncate(len);
        stream
    });
    let bits = reopen(&mut stream).expect("libdeflate writes valid streams");
    let mut writer = BitWriter::new(out);
    writer.push_bytes(&stream[..bits / 8]);
    if !bits.is_multiple_of(8) {
        writer.push(stream[bits / 8].into(), (bits % 8) as u32);
    }
    writer.finish_open();
}

fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).expect("levels go to 12"))
}
