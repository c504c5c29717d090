//! Policies: any bytes are read or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::trust::Policy;

fuzz_target!(|json: &[u8]| {
    let _ = Policy::parse(json, "policy.json");
});
