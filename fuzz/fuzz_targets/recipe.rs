//! Recipes of layers: any bytes are read or refused, and what is read adds up to the layer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::store::fuzzing::read_recipe;

fuzz_target!(|input: (u64, &[u8])| {
    let (size, frame) = input;
    if let Some((_, own)) = read_recipe(size, frame) {
        assert!(own <= size && own <= frame.len() as u64);
    }
});
