//! Patching: any delta on any base ends in bounds, and agrees with fast_rsync where both accept it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::delta::Base;
use remora::librsync::patch;

const LIMIT: u64 = 1 << 20;

// The input: a byte that says how long the base is, the base, the delta.
fuzz_target!(|input: &[u8]| {
    let Some((&len, rest)) = input.split_first() else { return };
    let (base, delta) = rest.split_at(rest.len().min(len.into()));
    let (below, above) = base.split_at(base.len() / 2);
    let mut rebuilt = Vec::new();
    let ours = patch(&Base::new(vec![below, above]), delta, &mut rebuilt, LIMIT);
    assert!(rebuilt.len() as u64 <= LIMIT);
    let Ok(stats) = ours else { return };
    assert_eq!(stats.target_bytes(), rebuilt.len() as u64);
    let mut theirs = Vec::new();
    // fast_rsync refuses a COPY of length 0, which devices accept.
    if fast_rsync::apply(base, delta, &mut theirs).is_ok() {
        assert_eq!(theirs, rebuilt);
    }
});
