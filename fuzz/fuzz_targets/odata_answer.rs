//! Answers of openBalena's API: any bytes are read or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::release::fuzzing::read_rows;

fuzz_target!(|body: &[u8]| {
    let _ = read_rows(body);
});
