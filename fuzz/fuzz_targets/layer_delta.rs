//! Layer deltas: any bytes are refused or make what their index says, in bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::chunked::{Index, rebuild_chunk};
use remora::delta::Base;
use sha2::{Digest as _, Sha256};

/// The most bytes of a layer here.
const LAYER_BYTES: u64 = 1 << 20;

// The input: a byte that says how long the base is, the base, the layer delta.
fuzz_target!(|input: &[u8]| {
    let Some((&len, rest)) = input.split_first() else { return };
    let (base, delta) = rest.split_at(rest.len().min(len.into()));
    let (below, above) = base.split_at(base.len() / 2);
    let base = Base::new(vec![below, above]);
    let Ok(index) = Index::read(&mut &delta[..], LAYER_BYTES) else { return };
    let lens = index.chunks.iter().map(|chunk| chunk.len).sum::<u64>();
    assert_eq!(lens, index.target_len);
    for mut chunk in index.chunks {
        let end = chunk.offset.saturating_add(chunk.coded_len());
        let Some(coded) = delta.get(chunk.offset as usize..end as usize) else { continue };
        // No input would have the digest by chance.
        chunk.digest = Sha256::digest(coded).into();
        let mut made = Vec::new();
        let rebuilt = rebuild_chunk(&chunk, coded, &base, &mut made);
        assert!(made.len() as u64 <= chunk.len);
        let Ok(stats) = rebuilt else { continue };
        assert_eq!(made.len() as u64, chunk.len);
        assert_eq!(stats.cover_bytes + stats.literal_bytes, chunk.len);
    }
});
