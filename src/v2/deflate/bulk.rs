//! Long stretches: libdeflate at its strongest, without history.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};

use super::bits::BitWriter;
use super::reopen::reopen;

thread_local! {
    /// Making one takes longer than compressing a small file.
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new(CompressionLvl::best()));
}

/// Appends `bytes`, compressed and left open.
pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) {
    let mut stream = COMPRESSOR.with_borrow_mut(|compressor| {
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
