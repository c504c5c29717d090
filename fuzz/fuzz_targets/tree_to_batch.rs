//! v2 from end to end: any two layers that are trees become a batch that our model of a device turns the one into
//! the other by, or are refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::image::{ImageConfig, parse_config};
use remora::progress::Silent;
use remora::v2::{CreateOptions, Layers, ListScope, V2Error, create_from_layers};

/// A tar is made of blocks of so many bytes.
const BLOCK: usize = 512;

fn config() -> ImageConfig {
    let config =
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    parse_config(config).expect("a config")
}

// The input: options, a byte that says how many blocks the base's layer has, that layer, the target's.
fuzz_target!(|input: &[u8]| {
    let [options, blocks, rest @ ..] = input else { return };
    let (base, target) = rest.split_at(rest.len().min(usize::from(*blocks) * BLOCK));
    let flags = *options;
    let mut options = CreateOptions::default();
    options.list = if flags & 1 == 0 { ListScope::Pruned } else { ListScope::Full };
    options.protect_shared = flags & 2 != 0;
    options.memory = 16 << 20;
    let (base, target, config) = ([base], [target], config());
    let layers = Layers { base: &base, target: &target, config: &config };
    let out = tempfile::tempfile().expect("a temporary file");
    match create_from_layers(&layers, &options, &out, &Silent) {
        Err(V2Error::Unverified(error)) => panic!("our own batch is wrong: {error}"),
        Ok(_) | Err(_) => {}
    }
});
