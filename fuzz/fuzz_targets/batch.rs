//! v2 deltas: any file is read or refused, without a panic and in bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::v2::inspect;

fuzz_target!(|delta: &[u8]| {
    let _ = inspect(delta, None);
});
