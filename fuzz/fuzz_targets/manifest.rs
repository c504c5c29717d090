//! Manifests and indexes: any bytes are parsed or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::image::parse_manifest;

fuzz_target!(|document: &[u8]| {
    let _ = parse_manifest(document, None);
});
