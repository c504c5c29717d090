//! Answers of delta servers: any bytes are read or refused; events are the same wherever they are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::api::fuzzing::{read_answer, read_events};

fuzz_target!(|body: &[u8]| {
    let _ = read_answer(body);
    let whole = read_events([body, &[]]);
    for cut in [body.len() / 3, body.len() / 2] {
        let (before, after) = body.split_at(cut);
        assert_eq!(read_events([before, after]), whole);
    }
});
