//! Challenges of registries: any header is read or passed over, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::image::fuzzing::read_challenge;

fuzz_target!(|header: &[u8]| {
    let _ = read_challenge(header);
});
