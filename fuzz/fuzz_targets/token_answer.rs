//! Answers of token servers: any bytes are read or refused, and a token's life stays in its bounds.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use remora::image::fuzzing::read_token_answer;

fuzz_target!(|body: &[u8]| {
    for seconds in [0, 1_000_000, 4_000_000_000] {
        if let Some((least, life, most)) =
            read_token_answer(body, UNIX_EPOCH + Duration::from_secs(seconds))
        {
            assert!(least <= life && life <= most);
        }
    }
});
