//! Tars of projects: any bytes are read or refused, and contexts of what is read are written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::project_fuzzing::read_tar;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_tar(bytes);
});
