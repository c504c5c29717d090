//! Configs: any bytes are parsed or refused, and the image ID is always that of the bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::image::{Digest, ImageId, parse_config};

fuzz_target!(|document: &[u8]| {
    if let Ok(config) = parse_config(document) {
        assert_eq!(config.id(), ImageId(Digest::of(document)));
        let _ = (config.platform(), config.diff_ids().len());
    }
});
